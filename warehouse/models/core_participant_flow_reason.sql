select * replace (coalesce(group_id, '') as group_id), parse_count(participants_text) as participants from raw_clinicaltrials_gov__flow_reason
