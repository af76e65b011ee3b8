-- Pairs of trials that may be steps of one development: a later phase, begun later, of a drug that both test. A drug that few
-- trials had tested by then is enough; a common one must come with a condition or a sponsor in common, a very common one with
-- both. So every key joins a bounded number of trials, and the pairs grow with the trials, not with their square. How common a
-- key is counts the trials posted by the day of the one at hand, so that a later day changes no pair of an earlier one.
with trial as (
    select
        nct_id,
        phase_step(phase) as step,
        start_date,
        latest_day(start_date, start_date_precision) as started_by,
        coalesce(first_post_date, 'infinity'::date) as posted_on
    from core_study
    where study_type = 'INTERVENTIONAL' and phase_step(phase) is not null and start_date is not null
),
drug as (
    select distinct nct_id, unnest(ingredient_ids) as drug
    from core_trial_drug
    where is_experimental and nct_id in (select nct_id from trial)
),
condition as (
    select nct_id, lower(term) as condition from core_condition_term where not is_broad_condition(term)
    union
    select nct_id, array_to_string(list_sort(condition_words(condition)), ' ')
    from core_condition
    where not is_broad_condition(condition) and len(condition_words(condition)) > 0
),
sponsor as (
    select distinct s.nct_id, c.sponsor
    from core_sponsor s
    join (select sponsor_name, sponsor_key(sponsor_name) as sponsor from core_sponsor group by all) c using (sponsor_name)
    where c.sponsor <> '' and is_telling_sponsor(s.is_lead, s.sponsor_class)
),
keyed as (
    select nct_id, 'drug' as shares, hash(drug) as key from drug
    union all
    select nct_id, 'condition', hash(drug, condition) from drug join condition using (nct_id)
    union all
    select nct_id, 'sponsor', hash(drug, sponsor) from drug join sponsor using (nct_id)
    union all
    select nct_id, 'condition_and_sponsor', hash(drug, condition, sponsor)
    from drug join condition using (nct_id) join sponsor using (nct_id)
),
counted as (
    select
        t.*,
        k.shares,
        k.key,
        count(*) over (partition by k.shares, k.key order by t.posted_on) as n_by_then
    from keyed k join trial t using (nct_id)
),
telling as (
    select * from counted where n_by_then <= case shares when 'drug' then 40 else 150 end
)
select distinct a.nct_id, b.nct_id as later_nct_id
from telling a join telling b on a.shares = b.shares and a.key = b.key
where is_next_step(a.step, b.step) and b.start_date > a.started_by
