-- What tells that a trial's drugs went on, and since when that is public: a link to a later phase; from phase 2/3 on an approval,
-- on the conditions of core_trial_approval. And what forbids to say that they went nowhere: a pair that may be a link after all; an
-- approval that does not speak for the trial. For phase 3 that is any approval, as openFDA does not tell for which disease one is.
with trial as (
    select
        s.nct_id,
        s.phase,
        phase_step(s.phase) as step,
        s.start_date,
        s.first_post_date as posted_on,
        latest_day(
            coalesce(s.primary_completion_date, s.completion_date),
            case when s.primary_completion_date is null then s.completion_date_precision else s.primary_completion_date_precision end
        ) as ended_on,
        t.drug_id,
        t.is_whole,
        d.least_share
    from core_study s join core_trial_ingredients t using (nct_id) join annot_drug_share d using (nct_id)
    where s.study_type = 'INTERVENTIONAL' and phase_step(s.phase) is not null
),
drug_trial as (
    select distinct nct_id from core_intervention where role = 'experimental' and intervention_type in ('DRUG', 'BIOLOGICAL')
),
-- A drug that is known by its sponsor's code alone may be approved under a name.
coded as (
    select distinct nct_id from core_trial_drug where is_experimental and basis = 'name' and is_drug_code(lower(intervention_name))
),
spoken as (
    select nct_id, arg_min(t, (approved_on, application_number, kind, submission_number)) as approval
    from core_trial_approval t
    where speaks
    group by nct_id
),
approved as (
    select drug_id, approved_on, application_number || ':' || kind || ':' || submission_number as approval
    from core_approval
    where drug_id is not null and approved_on is not null
),
sign as (
    select nct_id, case when is_link then 'link' else 'possible_link' end as kind, later_nct_id as id, posted_on as public_on,
        withdrawn_on as until
    from annot_phase_linkage
    where link_probability >= 0.2
    union all
    select nct_id, 'approval', approval.application_number || ':' || approval.kind || ':' || approval.submission_number,
        approval.approved_on, null
    from spoken join trial using (nct_id)
    where step >= 2.5
    union all
    select nct_id, 'other_approval', arg_min(approval, (approved_on, approval)), min(approved_on), null
    from trial join approved using (drug_id)
    where step >= 2.5 or approved_on > start_date
    group by nct_id
),
signs as (
    -- A sign is one once both it and the trial are public.
    select
        nct_id,
        list({
            'kind': kind,
            'id': id,
            'public_on': case when public_on is not null and posted_on is not null then greatest(public_on, posted_on) end,
            'until': until
        } order by kind, public_on, id) as signs
    from sign join trial using (nct_id)
    group by nct_id
)
select
    t.nct_id,
    t.phase,
    t.posted_on,
    t.ended_on,
    t.is_whole
        and t.start_date is not null
        and t.least_share <= 0.005
        and t.nct_id in (select nct_id from drug_trial)
        and (t.step < 2.5 or t.nct_id not in (select nct_id from coded)) as is_watched,
    t.step >= 2.5 as needs_approvals,
    coalesce(s.signs, []) as signs
from trial t left join signs s using (nct_id)
where t.ended_on is not null
