select
    * replace (coalesce(group_id, '') as group_id),
    parse_count(serious_affected_text) as serious_affected,
    parse_count(serious_at_risk_text) as serious_at_risk,
    parse_count(other_affected_text) as other_affected,
    parse_count(other_at_risk_text) as other_at_risk,
    parse_count(deaths_affected_text) as deaths_affected,
    parse_count(deaths_at_risk_text) as deaths_at_risk
from raw_clinicaltrials_gov__event_group
