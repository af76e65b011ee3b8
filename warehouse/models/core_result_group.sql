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
            else 'unclear'
        end as role
    from typed
    where plain_words(arm_label) <> ''
),
likeness as (
    select
        t.nct_id,
        t.group_key,
        a.label,
        a.role,
        case
            when t.group_key = a.label then 2
            when regexp_matches(t.group_key, '\b(no|not|non|without|never)\b') <> regexp_matches(a.label, '\b(no|not|non|without|never)\b')
                then 0
            when least(length(t.group_key), length(a.label)) >= 4
                and (contains(' ' || t.group_key || ' ', ' ' || a.label || ' ')
                    or contains(' ' || a.label || ' ', ' ' || t.group_key || ' ')) then 1.5
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
    select nct_id, group_key, max(likeness) as likeness, list_distinct(list(role)) as roles
    from best
    group by all
),
-- Trials in which every arm but tested ones has a title: what other titles there are can only be theirs.
remaining as (
    select a.nct_id
    from arm a anti join best b on a.nct_id = b.nct_id and a.label = b.label
    group by a.nct_id
    having bool_and(a.role = 'experimental')
),
by_arm as (
    -- A likeness that contradicts what the title calls itself is none.
    select
        t.*,
        m.likeness is not null as is_matched,
        case
            when len(m.roles) = 1 and m.roles[1] <> 'unclear'
                and (m.likeness = 2 or m.roles[1] = 'control' or not names_control(t.group_title)) then m.roles[1]
        end as arm_role,
        case when m.likeness = 2 then 'exact' else 'fuzzy' end as likely_match
    from title t left join matched m using (nct_id, group_key)
),
-- A title may name what the trial tests, or what it is tested against.
treatment as (
    select nct_id, role, unnest([plain_words(intervention_name), regexp_extract(plain_words(intervention_name), '^\w{6,}')]) as name
    from core_intervention
    where role in ('experimental', 'comparator')
),
treated as (
    select t.nct_id, t.group_key, bool_or(i.role = 'experimental') as names_tested, bool_or(i.role = 'comparator') as names_comparator
    from title t join treatment i on t.nct_id = i.nct_id and length(i.name) >= 4 and contains(' ' || t.group_key || ' ', ' ' || i.name || ' ')
    group by all
),
-- Where a trial types no arm, what stands beside a control by name is what is tested.
named as (
    select
        b.nct_id,
        b.group_key,
        b.group_title,
        b.arm_role,
        b.likely_match,
        case
            when is_matched then null
            when names_control(group_title) then 'control'
            when regexp_matches(b.group_key, '\b(total|overall|all (participants|subjects|patients|groups|treated)|run in|enrolled|'
                || 'randomi[sz]ed|healthy|baseline|before|after|no|not|non|never|without)\b') then null
            when b.nct_id not in (select nct_id from arm where role <> 'unclear')
                then case when bool_or(names_control(group_title)) over (partition by b.nct_id) then 'experimental' end
            when t.names_tested and not t.names_comparator then 'experimental'
            when t.names_comparator and not t.names_tested then 'control'
            when b.nct_id in (select nct_id from remaining) then 'experimental'
        end as role_by_name
    from by_arm b left join treated t using (nct_id, group_key)
)
select
    nct_id,
    group_key,
    group_title,
    coalesce(arm_role, role_by_name) as arm_role,
    case when arm_role is not null then likely_match when role_by_name is not null then 'name' else 'none' end as arm_match
from named
