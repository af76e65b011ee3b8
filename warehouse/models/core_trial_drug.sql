-- Which drug an intervention is: what its name means; else, for a combination of which every part is a known name, all of them;
-- else what its other names mean, if that is one drug; else its name stands for itself. A placebo is no drug.
with given as (
    select i.nct_id, i.intervention_index, i.intervention_name, i.other_names, i.role,
        t.name_key, t.part_keys, t.bracket_keys, t.is_generic
    from core_intervention i left join core_drug_text t on i.intervention_name = t.text
    where is_drug_type(i.intervention_type) and i.role <> 'placebo'
),
part as (
    select nct_id, intervention_index, unnest(part_keys) as part_key from given where len(part_keys) > 1
),
combination as (
    select
        p.nct_id,
        p.intervention_index,
        list_sort(list_distinct(flatten(list(n.ingredient_ids)))) as ingredient_ids,
        list_sort(list_distinct(flatten(list(n.ingredients)))) as ingredients,
        max_by(n.basis, basis_rank(n.basis)) as basis
    from part p left join core_drug_name n on p.part_key = n.name_key and (n.basis <> 'name' or n.n_main > 0)
    group by all
    having count(*) = count(n.name_key)
),
other_name as (
    select g.nct_id, g.intervention_index, unnest(list_prepend(t.name_key, t.bracket_keys)) as name_key
    from (select nct_id, intervention_index, unnest(other_names) as text from given) g join core_drug_text t using (text)
    union
    select nct_id, intervention_index, unnest(bracket_keys) from given
),
-- What RxNorm or the FDA knows counts before what is only inferred.
otherwise as (
    select
        o.nct_id,
        o.intervention_index,
        any_value({'ingredient_ids': n.ingredient_ids, 'ingredients': n.ingredients}) filter (n.basis not in ('alias', 'name'))
            as known,
        any_value({'ingredient_ids': n.ingredient_ids, 'ingredients': n.ingredients}) as any_drug,
        count(distinct n.drug_id) filter (n.basis not in ('alias', 'name')) as n_known,
        count(distinct n.drug_id) as n_drugs
    from other_name o join core_drug_name n using (name_key)
    group by all
),
judged as (
    select
        g.*,
        case
            when n.basis not in ('alias', 'name')
                then {'ids': n.ingredient_ids, 'names': n.ingredients, 'basis': n.basis}
            when c.basis is not null then {'ids': c.ingredient_ids, 'names': c.ingredients, 'basis': c.basis}
            when o.n_known = 1 and len(g.part_keys) < 2
                then {'ids': o.known.ingredient_ids, 'names': o.known.ingredients, 'basis': 'alias'}
            when n.basis is not null then {'ids': n.ingredient_ids, 'names': n.ingredients, 'basis': n.basis}
            when o.n_drugs = 1 and len(g.part_keys) < 2
                then {'ids': o.any_drug.ingredient_ids, 'names': o.any_drug.ingredients, 'basis': 'alias'}
        end as drug
    from given g
    left join core_drug_name n using (name_key)
    left join combination c using (nct_id, intervention_index)
    left join otherwise o using (nct_id, intervention_index)
)
select
    nct_id,
    intervention_index,
    intervention_name,
    role,
    role = 'experimental' as is_experimental,
    drug_id(drug.ids) as drug_id,
    drug.ids as ingredient_ids,
    drug.names as ingredients,
    drug.basis as basis
from judged
