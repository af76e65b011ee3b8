-- Refusals of the very set of ingredients that a trial tests, up to three years after the trial. A refusal speaks against a trial if
-- it is on clinical grounds, the trial is pivotal and of the applicant, and nothing was approved under the application in between:
-- else the trial is the one that the approval rests on.
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
    select t.*, r.file_name, r.application_number, r.company_name, r.refused_on, r.is_clinical, r.refused_on - t.ended_on as days_after
    from trial t join core_refusal r using (drug_id)
    where r.refused_on > t.ended_on and r.refused_on <= t.ended_on + interval 3 years
),
agreeing as (
    select
        nct_id,
        file_name,
        application_number,
        arg_min({'sponsor_name': sponsor_name, 'agreement': agreement}, (agreement_rank(agreement), sponsor_index)) as sponsor
    from (
        select p.*, s.sponsor_name, s.sponsor_index, company_agreement(s.sponsor_name, p.company_name) as agreement
        from pair p join core_sponsor s using (nct_id)
    )
    group by all
),
between_them as (
    select distinct p.nct_id, p.file_name, p.application_number, true as was_approved
    from pair p join core_approval a using (application_number)
    where a.approved_on between p.ended_on and p.refused_on
)
select
    p.nct_id,
    p.file_name,
    p.application_number,
    p.drug_id,
    p.ended_on,
    p.refused_on,
    p.days_after,
    s.sponsor.sponsor_name as sponsor_name,
    coalesce(s.sponsor.agreement, 'other') as sponsor_agreement,
    p.is_pivotal,
    p.is_pivotal and p.is_clinical and coalesce(s.sponsor.agreement, 'other') <> 'other' and b.was_approved is null as speaks
from pair p
left join agreeing s using (nct_id, file_name, application_number)
left join between_them b using (nct_id, file_name, application_number)
