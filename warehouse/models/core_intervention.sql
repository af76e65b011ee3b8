-- What an intervention is in its trial. A name that says placebo and nothing more settles it; else the types of the arms that get it;
-- where the record types no arm, only its name can tell. A trial whose typed arms are all comparators compares its
-- treatments with each other, so all of them are under test.
with arm as (
    select nct_id, lower(trim(arm_label)) as label, arm_type
    from raw_clinicaltrials_gov__arm
    where arm_type is not null
),
trial as (
    select nct_id, count(*) as n_arms, count(*) filter (arm_type = 'EXPERIMENTAL') as n_experimental
    from arm
    group by nct_id
),
given as (
    select nct_id, intervention_index, lower(trim(unnest(arm_labels))) as label
    from raw_clinicaltrials_gov__intervention
),
in_arms as (
    select
        g.nct_id,
        g.intervention_index,
        count(distinct a.label) as n_arms,
        count(distinct a.label) filter (a.arm_type = 'EXPERIMENTAL') as n_experimental
    from given g join arm a on g.nct_id = a.nct_id and g.label = a.label
    group by all
),
-- An intervention of every arm is background only if something else sets the experimental arms apart.
own as (
    select nct_id, bool_or(n_arms = n_experimental) as has_own
    from in_arms
    group by nct_id
),
judged as (
    select
        i.*,
        regexp_matches(lower(i.intervention_name), '\b(placebos?|sham|vehicle|dummy|sugar pill)\b|\bsaline\b.*\bcontrol\b')
            as names_placebo,
        -- 'Drug and Placebo', 'Drug or placebo', 'Drug/Placebo' name a drug too
        regexp_matches(lower(i.intervention_name), '\b(and|or|plus|versus|vs|with)\b|[/+&]') as names_more,
        regexp_matches(lower(i.intervention_name),
            '\b(standard of care|standard care|usual care|standard treatment|standard therapy|no intervention|'
            || 'no treatment|best supportive care|comparator|active control)\b') as is_comparator,
        a.n_arms is not null as is_typed,
        a.n_arms,
        a.n_experimental,
        t.n_experimental as trial_experimental,
        o.has_own
    from raw_clinicaltrials_gov__intervention i
    left join in_arms a using (nct_id, intervention_index)
    left join trial t using (nct_id)
    left join own o using (nct_id)
)
select
    *,
    case
        when names_placebo and not names_more then 'placebo'
        when is_typed and n_experimental > 0 and n_experimental < n_arms and has_own then 'background'
        when is_typed and (n_experimental > 0 or trial_experimental = 0) then 'experimental'
        when is_typed and names_placebo then 'placebo'
        when is_typed or is_comparator then 'comparator'
        else 'experimental'
    end as role,
    case
        when names_placebo and not names_more then 'name'
        when is_typed then 'arm_type'
        when is_comparator then 'name'
        else 'listed'
    end as role_basis
from judged
