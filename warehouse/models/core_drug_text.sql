-- Every text by which the registry or the FDA calls a drug, cleaned once: the rest compares names by their keys.
with given as (
    select unnest(list_prepend(intervention_name, coalesce(other_names, []))) as text
    from core_intervention
    where is_drug_type(intervention_type)
    union
    select unnest(list_prepend(brand_name, coalesce(ingredients, []))) from raw_drugs_at_fda__product
    union
    select unnest(list_prepend(trade_name, coalesce(ingredients, []))) from raw_orange_book__product
    where application_type = 'N'
    union
    select unnest([name]) from raw_drug_names__name
    union
    select ingredient_name from raw_drug_names__ingredient
),
cleaned as (
    select text, drug_name(placebo_free(text)) as name, bracketed_names(text) as bracketed
    from given
    where text is not null
),
named as (
    select *, ingredient_name(name) as ingredient from cleaned where name is not null or len(bracketed) > 0
),
parted as (
    select
        *,
        case when regexp_matches(ingredient, '[ +&/;,-]') then combination_parts(ingredient)
            when ingredient is not null then [ingredient] else [] end as parts
    from named
)
select
    text,
    ingredient as name,
    ingredient_key(ingredient) as name_key,
    ingredient is null
        or is_generic_drug_name(ingredient)
        or (len(parts) > 1 and len(list_filter(parts, lambda part: is_generic_drug_name(part))) > 0) as is_generic,
    is_drug_code(ingredient) is true as is_code,
    list_transform(parts, lambda part: ingredient_key(part)) as part_keys,
    list_filter(list_transform(bracketed, lambda inside: ingredient_key(inside)), lambda key: key is not null) as bracket_keys
from parted
