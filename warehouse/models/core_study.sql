-- A study is removed when a full list of the registry, read after the study's newest record, lacks it.
with listing as (
    select l.nct_id, p.position
    from raw_clinicaltrials_gov__listing l join raw_page p on l.page = p.page
),
-- A record's last update moves on whenever anything in it does. Where earlier versions are stored, a field is as old as
-- the first of the versions that have held its present value without a break.
version as (
    select
        nct_id,
        position,
        parse_date(last_update_post_date_text) as day,
        {'status': overall_status, 'why': why_stopped} as stop,
        {'count': enrollment_text, 'type': enrollment_type} as enrollment
    from raw_clinicaltrials_gov__study_version
    qualify count(*) over (partition by nct_id) > 1
),
compared as (
    select
        nct_id,
        position,
        day,
        stop is distinct from last_value(stop) over history as other_stop,
        enrollment is distinct from last_value(enrollment) over history as other_enrollment
    from version
    window history as (partition by nct_id order by position rows between unbounded preceding and unbounded following)
),
since as (
    select
        nct_id,
        min(day) filter (position > coalesce(last_other_stop, -1)) as stop_since,
        min(day) filter (position > coalesce(last_other_enrollment, -1)) as enrollment_since
    from (
        select
            *,
            max(position) filter (other_stop) over (partition by nct_id) as last_other_stop,
            max(position) filter (other_enrollment) over (partition by nct_id) as last_other_enrollment
        from compared
    )
    group by nct_id
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
    coalesce(v.stop_since, parse_date(s.last_update_post_date_text)) as stop_known_since,
    known_basis(v.stop_since, parse_date(s.last_update_post_date_text)) as stop_known_basis,
    coalesce(v.enrollment_since, parse_date(s.last_update_post_date_text)) as enrollment_known_since,
    known_basis(v.enrollment_since, parse_date(s.last_update_post_date_text)) as enrollment_known_basis,
    -- The registry writes 99999999 for an unknown enrolment.
    nullif(parse_count(s.enrollment_text), 99999999) as enrollment,
    try_cast(s.has_results_text as boolean) as has_results,
    coalesce(p.position < (select min(position) from listing)
        and s.nct_id not in (select nct_id from listing), false) as is_removed,
    s.nct_id like 'NCT999%' as is_fictional,
from raw_clinicaltrials_gov__study s
join raw_page p on s.page = p.page
left join since v on s.nct_id = v.nct_id
