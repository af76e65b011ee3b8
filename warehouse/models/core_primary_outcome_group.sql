-- A group's value can be compared with another's only where the measure gives each group one value: not by time or category.
with measure as (
    select nct_id, measure_index
    from raw_clinicaltrials_gov__outcome_measure
    where outcome_type = 'PRIMARY' and reporting_status = 'POSTED'
),
outcome_group as (
    select g.*, coalesce(g.group_id, '') as id, plain_words(g.group_title) as group_key
    from raw_clinicaltrials_gov__outcome_group g semi join measure m on g.nct_id = m.nct_id and g.measure_index = m.measure_index
),
measured as (
    select nct_id, measure_index, group_id, count(*) as n_values, min(parse_number(value_text)) as value
    from raw_clinicaltrials_gov__outcome_measurement
    where outcome_type = 'PRIMARY'
    group by all
),
denom as (
    select nct_id, measure_index, group_id, max(parse_count(analyzed_text)) as n_analyzed
    from raw_clinicaltrials_gov__outcome_denom
    where outcome_type = 'PRIMARY' and denom_index = 1
    group by all
)
select
    g.nct_id,
    g.measure_index,
    g.group_index,
    g.id as group_id,
    g.group_title,
    r.arm_role,
    coalesce(r.arm_match, 'none') as arm_match,
    d.n_analyzed,
    v.n_values,
    case when v.n_values = 1 then v.value end as value
from outcome_group g
left join core_result_group r on g.nct_id = r.nct_id and g.group_key = r.group_key
left join measured v on g.nct_id = v.nct_id and g.measure_index = v.measure_index and g.id = v.group_id
left join denom d on g.nct_id = d.nct_id and g.measure_index = d.measure_index and g.id = d.group_id
