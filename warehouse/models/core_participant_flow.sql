with milestone as (
    select
        nct_id,
        period_index,
        group_id,
        max(period_title) as period_title,
        max(subjects_text) filter (milestone = 'STARTED') as started_text,
        max(subjects_text) filter (milestone = 'COMPLETED') as completed_text,
        max(subjects_text) filter (milestone = 'NOT COMPLETED') as not_completed_text
    from raw_clinicaltrials_gov__flow_milestone
    group by nct_id, period_index, group_id
)
select
    m.*,
    g.group_title,
    parse_count(started_text) as started,
    parse_count(completed_text) as completed,
    parse_count(not_completed_text) as not_completed
from milestone m
left join (select nct_id, group_id, min(group_title) as group_title from raw_clinicaltrials_gov__flow_group group by all) g
    using (nct_id, group_id)
