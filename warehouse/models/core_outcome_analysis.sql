select
    *,
    p_value_operator(p_value_text) as p_value_operator,
    p_value(p_value_text) as p_value,
    parse_number(estimate_text) as estimate,
    parse_number(ci_percent_text) as ci_percent,
    parse_number(ci_lower_text) as ci_lower,
    parse_number(ci_upper_text) as ci_upper,
    coalesce(len(group_ids), 0) as n_groups
from raw_clinicaltrials_gov__outcome_analysis
