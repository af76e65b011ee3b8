-- One row a study that was public on the release's day (the one row of `run`). An undated record counts in a current
-- build only: in a look back nobody can say that it was there.
with experimental as (
    select nct_id, string_agg(distinct intervention_name, ' + ' order by intervention_name) as intervention_set
    from core_intervention
    where role = 'experimental'
    group by nct_id
),
drug as (
    select distinct nct_id from core_intervention where intervention_type in ('DRUG', 'BIOLOGICAL')
),
study as (
    select
        s.*,
        run.as_of,
        run.is_current,
        e.intervention_set,
        h.stop_stated_on,
        s.nct_id in (select nct_id from drug) as is_drug_or_biologic
    from core_study s
    cross join run
    left join experimental e on s.nct_id = e.nct_id
    left join core_record_history h on s.nct_id = h.nct_id
    where s.first_post_date <= run.as_of or (s.first_post_date is null and run.is_current)
),
ended as (
    select
        *,
        has_ended(study_type, overall_status, completion_date, completion_date_precision, primary_completion_date,
            primary_completion_date_precision, stop_public(stop_known_since, stop_stated_on), as_of, is_current) as is_ended,
        is_drug_or_biologic
            and coalesce(phase in ('PHASE1', 'PHASE1/PHASE2', 'PHASE2', 'PHASE2/PHASE3', 'PHASE3'), false) as is_ours,
        -- What a look back may tell: fields of the record if its last update was public, results if they were posted.
        is_current or coalesce(last_update_post_date <= as_of, false) as shows_record,
        is_current or coalesce(results_first_post_date <= as_of, false) as shows_results
    from study
)
select
    nct_id,
    as_of,
    is_ended,
    is_ended and is_ours as in_scope,
    is_drug_or_biologic,
    is_fictional,
    is_removed,
    first_post_date,
    first_post_date_precision,
    first_post_date_text,
    case when shows_results then columns('^(has_results|results_)') end,
    case when shows_record then columns(c -> c not in (
        'nct_id', 'as_of', 'is_ended', 'is_ours', 'is_drug_or_biologic', 'is_fictional', 'is_removed', 'is_current',
        'first_post_date', 'first_post_date_precision', 'first_post_date_text', 'stop_stated_on', 'shows_record',
        'shows_results') and not regexp_matches(c, '^(has_results|results_)')) end
from ended
