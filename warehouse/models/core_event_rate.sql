-- Shares of participants: where the results name both sides of the trial, experimental minus control; else all groups pooled.
-- Half an event and one participant are added to each side, so that none of ten is not taken for none of a thousand.
with period as (
    select
        f.nct_id,
        f.period_index,
        f.group_id,
        coalesce(not_completed, started - completed) as affected,
        started as at_risk,
        r.arm_role,
        r.arm_match
    from core_participant_flow f
    left join core_result_group r on f.nct_id = r.nct_id and plain_words(f.group_title) = r.group_key
    where started > 0
),
-- A run-in or an extension that only one side goes through tells nothing of the difference.
shared_period as (
    select nct_id, period_index
    from period
    group by all
    having bool_or(arm_role = 'experimental') and bool_or(arm_role = 'control')
),
flow as (
    select
        nct_id,
        group_id,
        any_value(arm_role order by period_index) as arm_role,
        any_value(arm_match order by period_index) as arm_match,
        sum(affected) as affected,
        max(at_risk) as at_risk  -- whoever starts a later period has started an earlier one
    from period
    where (nct_id, period_index) in (from shared_period)
        or nct_id not in (select nct_id from shared_period)
    group by nct_id, group_id
),
counted as (
    select nct_id, 'deaths' as event, plain_words(group_title) as group_key, deaths_affected as affected, deaths_at_risk as at_risk
    from core_adverse_event_total
    union all
    select nct_id, 'serious_adverse_events', plain_words(group_title), serious_affected, serious_at_risk
    from core_adverse_event_total
    union all
    select nct_id, 'other_adverse_events', plain_words(group_title), other_affected, other_at_risk
    from core_adverse_event_total
),
sided as (
    select c.nct_id, c.event, c.affected, c.at_risk, r.arm_role, r.arm_match
    from counted c left join core_result_group r using (nct_id, group_key)
    where at_risk > 0 and affected between 0 and at_risk
    union all
    select nct_id, 'dropout', least(affected, at_risk), at_risk, arm_role, arm_match
    from flow
    where affected >= 0
),
summed as (
    select
        nct_id,
        event,
        sum(affected) as affected,
        sum(at_risk) as at_risk,
        sum(affected) filter (arm_role = 'experimental') as experimental_affected,
        sum(at_risk) filter (arm_role = 'experimental') as experimental_at_risk,
        sum(affected) filter (arm_role = 'control') as control_affected,
        sum(at_risk) filter (arm_role = 'control') as control_at_risk,
        max(array_position(['exact', 'fuzzy', 'name'], arm_match)) filter (arm_role is not null) as weakest_match
    from sided
    group by all
),
shared as (
    select
        *,
        (affected + 0.5) / (at_risk + 1) as share,
        (experimental_affected + 0.5) / (experimental_at_risk + 1) as experimental_share,
        (control_affected + 0.5) / (control_at_risk + 1) as control_share,
        experimental_at_risk > 0 and control_at_risk > 0 as has_both
    from summed
)
select
    nct_id,
    event,
    affected,
    at_risk,
    experimental_affected,
    experimental_at_risk,
    control_affected,
    control_at_risk,
    case when has_both then 'difference' else 'pooled' end as score_basis,
    case when has_both then ['exact', 'fuzzy', 'name'][weakest_match] else 'pooled' end as arm_match,
    100 * case when has_both then experimental_share - control_share else share end as percent,
    100 * sqrt(case
        when has_both then experimental_share * (1 - experimental_share) / (experimental_at_risk + 1)
            + control_share * (1 - control_share) / (control_at_risk + 1)
        else share * (1 - share) / (at_risk + 1)
    end) as standard_error
from shared
