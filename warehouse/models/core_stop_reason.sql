-- Which reasons a record states for a stop. A text without two letters states nothing and has no row.
with stated as (
    select nct_id, stop_reasons(why_stopped) as reasons
    from raw_clinicaltrials_gov__study
    where why_stopped is not null
)
select nct_id, reasons, stop_reason(reasons) as reason
from stated
where reasons is not null
