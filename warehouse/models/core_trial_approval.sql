-- Approvals of the very set of ingredients that a trial tests, after the trial. openFDA does not state what an approval is for, so it
-- speaks for a trial only on these conditions: the trial is pivotal (phase 3 or 2/3, carried through), a sponsor of it holds the
-- application, and either the approval is the first of its set, within five years, or, as any later one may rest on something else,
-- no other pivotal trial of the set and holder ended in the three years before. After a refusal on clinical grounds an approval
-- speaks only for the trials that ended since, if there are any.
with trial as (
    select
        s.nct_id,
        t.drug_id,
        latest_day(coalesce(s.primary_completion_date, s.completion_date),
            case when s.primary_completion_date is null then s.completion_date_precision else s.primary_completion_date_precision end)
            as ended_on,
        is_pivotal(s.phase, s.overall_status, s.primary_completion_date_type) and t.is_whole as is_pivotal
    from core_study s join core_trial_ingredients t using (nct_id)
    where s.study_type = 'INTERVENTIONAL' and s.phase in ('PHASE2', 'PHASE2/PHASE3', 'PHASE3')
),
pair as (
    select
        t.*,
        a.application_number,
        a.kind,
        a.submission_number,
        a.sponsor_name as holder,
        a.approved_on,
        a.is_first,
        a.approved_on - t.ended_on as days_after
    from trial t join core_approval a using (drug_id)
    where a.approved_on > t.ended_on and a.approved_on <= t.ended_on + interval 5 years
),
-- The sponsor of each trial that agrees best with the holder.
agreeing as (
    select
        nct_id,
        application_number,
        arg_min({'sponsor_name': sponsor_name, 'agreement': agreement}, (agreement_rank(agreement), sponsor_index)) as sponsor
    from (
        select p.nct_id, p.application_number, s.sponsor_name, s.sponsor_index, company_agreement(s.sponsor_name, p.holder) as agreement
        from (select distinct nct_id, application_number, holder from pair) p join core_sponsor s using (nct_id)
    )
    group by all
),
joined as (
    select
        p.*,
        s.sponsor.sponsor_name as sponsor_name,
        coalesce(s.sponsor.agreement, 'other') as sponsor_agreement,
        p.is_pivotal and coalesce(s.sponsor.agreement, 'other') <> 'other' as is_candidate,
        (select max(refused_on) from core_refusal r
            where r.application_number = p.application_number and r.is_clinical and r.refused_on < p.approved_on) as refused_on
    from pair p left join agreeing s using (nct_id, application_number)
),
counted as (
    select
        *,
        count(*) filter (is_candidate and days_after <= 3 * 365) over approval as n_candidates,
        coalesce(bool_or(is_candidate and ended_on > refused_on) over approval, false) as has_later_trial
    from joined
    window approval as (partition by application_number, kind, submission_number)
)
select
    * exclude (has_later_trial, refused_on),
    is_candidate
        and (is_first or (n_candidates = 1 and days_after <= 3 * 365))
        and (not has_later_trial or ended_on > refused_on) as speaks
from counted
