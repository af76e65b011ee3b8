-- Complete response letters. The application's products tell the ingredients, or, as most that were refused have none, the
-- letter's opening sentence: what stands in brackets behind a brand name, else the longest run of words that names a known drug.
with application as (
    select application_number, any_value(ingredient_ids) as ingredient_ids, any_value(ingredients) as ingredients
    from core_approval
    group by application_number
),
letter as (
    select
        l.*,
        slash_date(letter_date_text) as refused_on,
        product_phrase(product_words) as phrase
    from raw_drugs_at_fda__letter l
),
worded as (
    select
        file_name,
        application_number,
        list_concat(bracketed_names(phrase), [drug_words(phrase)], word_runs(string_split(drug_words(phrase), ' '))) as phrases
    from letter
    where phrase is not null
),
candidate as (
    select file_name, application_number, unnest(phrases) as candidate, generate_subscripts(phrases, 1) as rank
    from worded
),
named as (
    select file_name, application_number, rank, unnest(combination_parts(candidate)) as part
    from candidate
    where length(candidate) >= 4 and not is_generic_drug_name(candidate)
),
found as (
    select
        p.file_name,
        p.application_number,
        rank,
        list_sort(list_distinct(flatten(list(n.ingredient_ids)))) as ingredient_ids,
        list_sort(list_distinct(flatten(list(n.ingredients)))) as ingredients
    from named p
    left join core_drug_name n on ingredient_key(p.part) = n.name_key and (n.basis <> 'name' or n.n_main > 0)
    group by all
    having count(*) = count(n.name_key)
),
best as (
    select
        file_name,
        application_number,
        arg_min(ingredient_ids, rank) as ingredient_ids,
        arg_min(ingredients, rank) as ingredients
    from found
    group by all
),
approved as (
    select l.file_name, l.application_number, min(a.approved_on) as approved_on
    from letter l join core_approval a using (application_number)
    where a.approved_on > l.refused_on
    group by all
)
select
    l.file_name,
    l.application_number,
    l.refused_on,
    l.company_name,
    drug_id(coalesce(a.ingredient_ids, b.ingredient_ids)) as drug_id,
    coalesce(a.ingredient_ids, b.ingredient_ids) as ingredient_ids,
    coalesce(a.ingredients, b.ingredients) as ingredients,
    case when a.ingredient_ids is not null then 'application' when b.ingredient_ids is not null then 'product_words' else 'none' end
        as ingredients_basis,
    coalesce(l.grounds, []) as grounds,
    list_has_any(coalesce(l.grounds, []), ['clinical', 'statistical', 'safety']) as is_clinical,
    len(coalesce(l.grounds, [])) > 0 and list_has_all(['product_quality', 'facility', 'labeling', 'device'], l.grounds)
        and list_has_any(l.grounds, ['product_quality', 'facility']) as is_manufacturing_only,
    coalesce(lower(l.approval_status) = 'approved', false) or p.approved_on is not null as is_approved_since,
    p.approved_on
from letter l
left join application a using (application_number)
left join best b using (file_name, application_number)
left join approved p using (file_name, application_number)
