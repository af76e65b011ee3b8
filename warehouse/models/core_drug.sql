-- Every drug that a name, a trial or an approval means, with all its names.
with met as (
    select n.drug_id, n.ingredient_ids, n.ingredients, n.basis, t.name
    from core_drug_name n join core_drug_text t using (name_key)
    union all
    select drug_id, ingredient_ids, ingredients, basis, case when not t.is_generic then t.name end
    from core_trial_drug d left join core_drug_text t on d.intervention_name = t.text
    where drug_id is not null
    union all
    select drug_id, ingredient_ids, ingredients, 'fda_ingredient', unnest(brand_names) from core_approval where drug_id is not null
    union all
    select drug_id, ingredient_ids, ingredients, 'fda_ingredient', null from core_approval where drug_id is not null
    union all
    select n.drug_id, n.ingredient_ids, n.ingredients, n.basis, s.synonym
    from raw_drug_names__synonym s
    join core_drug_text t on s.name = t.text
    join core_drug_name n using (name_key)
    where n.drug_id = s.ingredient_rxcui
)
select
    drug_id,
    any_value(ingredient_ids) as ingredient_ids,
    any_value(ingredients) as ingredients,
    list_sort(list(distinct name) filter (name is not null)) as names,
    arg_min(basis, basis_rank(basis)) as basis
from met
group by drug_id
