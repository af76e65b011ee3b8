-- Which side of the trial a group of its results is: its title is matched with the labels of the arms, first as it stands,
-- then by words or likeness, last by what it calls itself. A title that fits arms of both sides fits none.
with titled as (
    select nct_id, group_title from raw_clinicaltrials_gov__flow_group
    union all
    select nct_id, group_title from raw_clinicaltrials_gov__event_group
    union all
    select nct_id, group_title from raw_clinicaltrials_gov__outcome_group
),
title as (
    select nct_id, plain_words(group_title) as group_key, min(group_title) as group_title
    from titled
    where plain_words(group_title) <> ''
    group by all
),
typed as (
    select
        *,
        bool_or(arm_type = 'EXPERIMENTAL') over trial as has_experimental,
        bool_or(arm_type in ('PLACEBO_COMPARATOR', 'SHAM_COMPARATOR', 'NO_INTERVENTION')) over trial as has_control
    from raw_clinicaltrials_gov__arm
    window trial as (partition by nct_id)
),
arm as (
    -- An active comparator is the control of an experimental arm, and what is tested where only a placebo stands beside it.
    select
        nct_id,
        plain_words(arm_label) as label,
        case
            when arm_type = 'EXPERIMENTAL' then 'experimental'
            when arm_type in ('PLACEBO_COMPARATOR', 'SHAM_COMPARATOR', 'NO_INTERVENTION') then 'control'
            when arm_type = 'ACTIVE_COMPARATOR' and has_experimental then 'control'
            when arm_type = 'ACTIVE_COMPARATOR' and has_control then 'experimental'
        end as role
    from typed
    where plain_words(arm_label) <> ''
),
likeness as (
    select
        t.nct_id,
        t.group_key,
        a.role,
        case
            when t.group_key = a.label then 2
            when length(least(t.group_key, a.label)) >= 4
                and contains(' ' || t.group_key || ' ', ' ' || a.label || ' ') then 1.5
            when length(least(t.group_key, a.label)) >= 4
                and contains(' ' || a.label || ' ', ' ' || t.group_key || ' ') then 1.5
            else jaro_winkler_similarity(t.group_key, a.label)
        end as likeness
    from title t join arm a using (nct_id)
),
best as (
    select * from likeness
    where likeness >= 0.92
    qualify likeness = max(likeness) over (partition by nct_id, group_key)
),
matched as (
    select nct_id, group_key, max(likeness) as likeness, list_sort(list_distinct(list(role))) as roles
    from best
    group by all
),
by_arm as (
    select
        t.*,
        case when len(m.roles) = 1 then m.roles[1] end as arm_role,
        case when len(m.roles) = 1 then case when m.likeness = 2 then 'exact' else 'fuzzy' end end as arm_match
    from title t left join matched m using (nct_id, group_key)
),
named as (
    select
        *,
        names_control(group_title) as is_control,
        bool_or(coalesce(arm_role = 'control', names_control(group_title))) over (partition by nct_id) as has_control
    from by_arm
)
select
    nct_id,
    group_key,
    group_title,
    coalesce(arm_role, case when is_control then 'control' when has_control then 'experimental' end) as arm_role,
    coalesce(arm_match, case when is_control or has_control then 'name' else 'none' end) as arm_match
from named
