-- What a trial tests, as one set: the ingredients of all its experimental drugs. It is whole if each of them is identified.
select
    nct_id,
    drug_id(list_sort(list_distinct(flatten(list(ingredient_ids) filter (drug_id is not null))))) as drug_id,
    list_sort(list_distinct(flatten(list(ingredient_ids) filter (drug_id is not null)))) as ingredient_ids,
    list_sort(list_distinct(flatten(list(ingredients) filter (drug_id is not null)))) as ingredients,
    count(*) as n_experimental,
    count(*) = count(drug_id) as is_whole
from core_trial_drug
where is_experimental
group by nct_id
having count(drug_id) > 0
