-- Which reasons a record states for a stop. A text without two letters states nothing and has no row.
select nct_id, stop_reasons(why_stopped) as reasons, stop_reason(stop_reasons(why_stopped)) as reason
from raw_clinicaltrials_gov__study
where stop_reasons(why_stopped) is not null
