-- A study is removed when a full list of the registry, read after the study's newest record, lacks it.
with listing as (
    select l.nct_id, p.position
    from raw_clinicaltrials_gov__listing l join raw_page p on l.page = p.page
)
select
    s.*,
    list_aggregate(s.phases, 'string_agg', '/') as phase,
    parse_date(s.start_date_text) as start_date,
    date_precision(s.start_date_text) as start_date_precision,
    parse_date(s.primary_completion_date_text) as primary_completion_date,
    date_precision(s.primary_completion_date_text) as primary_completion_date_precision,
    parse_date(s.completion_date_text) as completion_date,
    date_precision(s.completion_date_text) as completion_date_precision,
    parse_date(s.first_post_date_text) as first_post_date,
    date_precision(s.first_post_date_text) as first_post_date_precision,
    parse_date(s.results_first_post_date_text) as results_first_post_date,
    date_precision(s.results_first_post_date_text) as results_first_post_date_precision,
    parse_date(s.last_update_post_date_text) as last_update_post_date,
    date_precision(s.last_update_post_date_text) as last_update_post_date_precision,
    -- The registry writes 99999999 for an unknown enrolment.
    nullif(parse_count(s.enrollment_text), 99999999) as enrollment,
    try_cast(s.has_results_text as boolean) as has_results,
    coalesce(p.position < (select min(position) from listing)
        and s.nct_id not in (select nct_id from listing), false) as is_removed,
    s.nct_id like 'NCT999%' as is_fictional,
from raw_clinicaltrials_gov__study s join raw_page p on s.page = p.page
