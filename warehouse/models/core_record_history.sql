-- A record's history in one row. A stop is as old as the version that began the last unbroken run of its status, if
-- that version gave the reason that the record gives now.
with version as (
    select
        nct_id,
        version_index,
        parse_date(version_date_text) as version_date,
        overall_status,
        overall_status is distinct from arg_max(overall_status, version_index) over (partition by nct_id) as is_other
    from raw_registry_history__version
),
run as (
    select nct_id, min(version_index) as version_index
    from (
        select *, max(version_index) filter (is_other) over (partition by nct_id) as last_other from version
    )
    where version_index > coalesce(last_other, -1)
    group by nct_id
),
stop as (
    select
        s.nct_id,
        posted_day(parse_date(r.posted_on_text), v.version_date) as stop_stated_on
    from run
    join version v on run.nct_id = v.nct_id and run.version_index = v.version_index
    join raw_registry_history__record r on run.nct_id = r.nct_id and run.version_index = r.version_index
    join core_study s on run.nct_id = s.nct_id
    where v.overall_status in ('TERMINATED', 'WITHDRAWN', 'SUSPENDED')
        and v.overall_status = s.overall_status
        and r.why_stopped is not distinct from s.why_stopped
),
amended as (
    select
        nct_id,
        count(*) as n_amendments,
        count(*) filter (is_after_start) as n_amendments_after_start,
        count(*) filter (changes_primary_outcome and is_after_start) as n_outcome_changes_after_start,
        count(*) filter (changes_primary_outcome and is_after_primary_completion) as n_outcome_changes_after_completion,
        max(posted_on) as last_posted_on
    from core_amendment
    group by nct_id
),
first_and_last as (
    select
        nct_id,
        arg_min(struct_pack(count := enrollment_text, day := primary_completion_date_text), version_index) as original,
        arg_max(primary_completion_date_text, version_index) as last_day
    from raw_registry_history__record
    group by nct_id
)
select
    h.nct_id,
    h.n_versions,
    f.first_version_date,
    coalesce(a.last_posted_on, f.first_version_date) as last_posted_on,
    coalesce(a.n_amendments, 0) as n_amendments,
    coalesce(a.n_amendments_after_start, 0) as n_amendments_after_start,
    coalesce(a.n_outcome_changes_after_start, 0) as n_outcome_changes_after_start,
    coalesce(a.n_outcome_changes_after_completion, 0) as n_outcome_changes_after_completion,
    nullif(parse_count(r.original.count), 99999999) as original_enrollment,
    r.original.count as original_enrollment_text,
    parse_date(r.original.day) as original_primary_completion_date,
    date_precision(r.original.day) as original_primary_completion_date_precision,
    latest_day(parse_date(r.last_day), date_precision(r.last_day))
        - latest_day(parse_date(r.original.day), date_precision(r.original.day)) as days_primary_completion_slipped,
    stop.stop_stated_on
from raw_registry_history__history h
join (select nct_id, min(version_date) as first_version_date from version group by nct_id) f on h.nct_id = f.nct_id
left join amended a on h.nct_id = a.nct_id
left join first_and_last r on h.nct_id = r.nct_id
left join stop on h.nct_id = stop.nct_id
