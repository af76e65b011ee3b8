-- A milestone that a record gives twice for an arm counts once, with its larger number.
with cell as (
    select
        *,
        coalesce(group_id, '') as arm,
        {'n': coalesce(parse_count(subjects_text), -1), 'text': subjects_text} as stated
    from raw_clinicaltrials_gov__flow_milestone
),
milestone as (
    select
        nct_id,
        period_index,
        arm as group_id,
        max(period_title) as period_title,
        (max(stated) filter (milestone = 'STARTED')).text as started_text,
        (max(stated) filter (milestone = 'COMPLETED')).text as completed_text,
        (max(stated) filter (milestone = 'NOT COMPLETED')).text as not_completed_text
    from cell
    group by nct_id, period_index, arm
),
titled as (
    select nct_id, group_id, min(group_title) as group_title
    from raw_clinicaltrials_gov__flow_group
    group by nct_id, group_id
)
select
    m.*,
    g.group_title,
    parse_count(started_text) as started,
    parse_count(completed_text) as completed,
    parse_count(not_completed_text) as not_completed
from milestone m left join titled g using (nct_id, group_id)
