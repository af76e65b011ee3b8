-- Approvals of new drugs and biologics: originals and efficacy supplements of openFDA, and the originals that only the Orange Book
-- has. No generic, no tentative approval. The ingredients are those of the application's products; where these differ, it is not
-- known which of them a submission was for, and the set stays open.
with product as (
    select application_number, product_number, brand_name, ingredients, null as approved_text, null as applicant
    from raw_drugs_at_fda__product
    where regexp_matches(application_number, '^(NDA|BLA)')
    union all
    select 'NDA' || application_number, product_number, trade_name, ingredients, approval_date_text,
        coalesce(applicant_full_name, applicant)
    from raw_orange_book__product
    where application_type = 'N'
),
content as (
    select p.application_number, p.product_number, n.ingredient_ids, n.ingredients
    from (select application_number, product_number, unnest(ingredients) as text from product) p
    join core_drug_text t using (text)
    join core_drug_name n using (name_key)
),
whole as (
    select
        application_number,
        product_number,
        list_sort(list_distinct(flatten(list(ingredient_ids)))) as ingredient_ids,
        list_sort(list_distinct(flatten(list(ingredients)))) as ingredients
    from content
    group by all
),
application_set as (
    select application_number, any_value(ingredient_ids) as ingredient_ids, any_value(ingredients) as ingredients
    from whole
    group by application_number
    having count(distinct ingredient_ids) = 1
),
described as (
    select
        application_number,
        list_sort(list(distinct lower(brand_name)) filter (brand_name is not null)) as brand_names,
        min(us_date(approved_text)) as first_approved_on,
        coalesce(bool_or(regexp_matches(approved_text, '^Approved Prior')), false) as is_older,
        arg_min(applicant, product_number) filter (applicant is not null) as applicant
    from product
    group by application_number
),
submitted as (
    select
        application_number,
        case submission_type when 'ORIG' then 'original' else 'efficacy_supplement' end as kind,
        submission_number,
        compact_date(status_date_text) as approved_on,
        'drugs_at_fda' as source
    from raw_drugs_at_fda__submission
    where status = 'AP'
        and regexp_matches(application_number, '^(NDA|BLA)')
        and (submission_type = 'ORIG' or (submission_type = 'SUPPL' and class_code = 'EFFICACY'))
),
approved as (
    from submitted
    union all
    select application_number, 'original', '', case when not is_older then first_approved_on end, 'orange_book'
    from described anti join (from submitted where kind = 'original') using (application_number)
    where first_approved_on is not null or is_older
)
select
    a.*,
    s.ingredient_ids,
    s.ingredients,
    drug_id(s.ingredient_ids) as drug_id,
    coalesce(f.sponsor_name, d.applicant) as sponsor_name,
    coalesce(d.brand_names, []) as brand_names,
    -- Nothing with the same set was approved before, nor at a day that nobody states.
    a.kind = 'original' and s.ingredient_ids is not null and a.approved_on is not null
        and a.approved_on = min(a.approved_on) over (partition by s.ingredient_ids)
        and count(*) filter (a.approved_on is null) over (partition by s.ingredient_ids) = 0 as is_first
from approved a
left join application_set s using (application_number)
left join described d using (application_number)
left join raw_drugs_at_fda__application f using (application_number)
