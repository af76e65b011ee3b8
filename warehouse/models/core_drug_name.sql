-- What a name of a drug means. RxNorm or an FDA label says so, or the names that stand beside it in the registry do: a name that
-- RxNorm does not know, such as a code, means the one known drug beside which it stands; where all beside it are unknown too, it
-- is taken for the commonest of them, a word before a code, in at most four steps. A word that stands beside several drugs tells
-- nothing, and two names that a trial lists as interventions of their own are of two drugs.
with spelled as (
    select name_key, arg_min(name, (length(name), name)) as name, bool_or(is_code) as is_code, bool_and(is_generic) as is_generic
    from core_drug_text
    where name_key is not null
    group by name_key
),
concept as (
    select
        name,
        list_sort(list(distinct ingredient_rxcui)) as ids,
        list_sort(list(distinct coalesce(ingredient_name, ingredient_rxcui))) as names
    from raw_drug_names__ingredient
    group by name
),
looked_up as (
    select t.name_key, c.ids, c.names, n.match, n.name
    from raw_drug_names__name n
    join concept c on n.name = c.name
    join core_drug_text t on n.name = t.text
    union all
    select t.name_key, [ingredient_rxcui], [ingredient_name], 'exact', ingredient_name
    from (select distinct ingredient_rxcui, ingredient_name from raw_drug_names__ingredient) i
    join core_drug_text t on i.ingredient_name = t.text
),
rxnorm as (
    select name_key, unnest(arg_min({'ids': ids, 'names': names, 'basis': 'rxnorm_' || match}, (match <> 'exact', name)))
    from looked_up
    where name_key is not null
    group by name_key
),
product as (
    select row_number() over () as product, brand_name, ingredients
    from (
        select brand_name, ingredients from raw_drugs_at_fda__product
        union all
        select trade_name, ingredients from raw_orange_book__product where application_type = 'N'
    )
),
content as (
    select p.product, t.name_key, coalesce(r.ids, [s.name]) as ids, coalesce(r.names, [s.name]) as names
    from (select product, unnest(ingredients) as ingredient from product) p
    join core_drug_text t on p.ingredient = t.text
    join spelled s on t.name_key = s.name_key
    left join rxnorm r on t.name_key = r.name_key
),
contents as (
    select
        product,
        list_sort(list_distinct(flatten(list(ids)))) as ids,
        list_sort(list_distinct(flatten(list(names)))) as names
    from content
    group by product
),
brand as (
    select t.name_key, any_value(ids) as ids, any_value(names) as names
    from product p join contents using (product) join core_drug_text t on p.brand_name = t.text
    where not t.is_generic
    group by t.name_key
    having count(distinct ids) = 1
),
known as (
    select * from rxnorm
    union all
    select name_key, any_value(ids), any_value(names), 'fda_ingredient'
    from content anti join rxnorm using (name_key)
    group by name_key
    union all
    select name_key, ids, names, 'fda_brand'
    from brand anti join rxnorm using (name_key) anti join content using (name_key)
),
main as (
    select i.nct_id, i.intervention_index, t.name_key, t.bracket_keys, len(t.part_keys) > 1 as is_combination
    from core_intervention i join core_drug_text t on i.intervention_name = t.text
    where is_drug_type(i.intervention_type) and i.role <> 'placebo'
),
called as (
    select nct_id, intervention_index, name_key, true as is_main from main
    union
    select m.nct_id, m.intervention_index, unnest(m.bracket_keys), false from main m
    union
    select nct_id, intervention_index, unnest(list_prepend(t.name_key, t.bracket_keys)), false
    from (
        select nct_id, intervention_index, unnest(i.other_names) as text from core_intervention i
    ) join main using (nct_id, intervention_index) join core_drug_text t using (text)
),
mention as (
    select nct_id, intervention_index, name_key, bool_or(c.is_main) as is_main, any_value(k.ids) as ids, any_value(k.names) as names
    from called c join spelled s using (name_key) left join known k using (name_key)
    where not s.is_generic or k.ids is not null
    group by all
),
counted as (
    select
        name_key,
        count(distinct nct_id) as n_trials,
        count(distinct nct_id) filter (is_main) as n_main
    from mention
    group by name_key
),
-- Of a combination, an other name may be one part's.
single as (
    select mention.* from mention join main using (nct_id, intervention_index) where not is_combination
),
meant as (
    select nct_id, intervention_index, any_value(ids) as ids, any_value(names) as names,
        any_value(name_key) as beside_key
    from single
    where ids is not null
    group by all
    having count(distinct ids) = 1
),
several as (
    select distinct nct_id, intervention_index from single where ids is not null
),
apart_from_known as (
    select distinct s.name_key, m.beside_key
    from single s
    join meant m using (nct_id, intervention_index)
    join main x on s.name_key = x.name_key
    join main y on m.beside_key = y.name_key and x.nct_id = y.nct_id
    where s.ids is null
),
-- One drug in all trials, or in nearly all of many.
anchored as (
    select name_key, ids, names, beside_key
    from (
        select
            s.name_key,
            m.ids,
            any_value(m.names) as names,
            min(m.beside_key) as beside_key,
            count(distinct s.nct_id) as n,
            sum(count(distinct s.nct_id)) over (partition by s.name_key) as n_all
        from single s
        join several using (nct_id, intervention_index)
        left join meant m using (nct_id, intervention_index)
        where s.ids is null
        group by s.name_key, m.ids
    )
    where ids is not null and (n = n_all or (n >= 4 and n >= 0.8 * n_all))
        and (name_key, beside_key) not in (from apart_from_known)
),
-- Other names of which four are interventions elsewhere list several drugs.
listed as (
    select nct_id, intervention_index
    from single join counted using (name_key)
    where not is_main and n_main > 0
    group by all
    having count(*) >= 4
),
beside as (
    select distinct a.name_key as main_key, b.name_key as alias_key
    from single a join single b using (nct_id, intervention_index)
    anti join listed using (nct_id, intervention_index)
    where a.is_main and not b.is_main and a.ids is null and b.ids is null
),
apart as (
    select distinct main_key, alias_key
    from beside b
    join main x on b.main_key = x.name_key
    join main y on b.alias_key = y.name_key and x.nct_id = y.nct_id
),
telling as (
    select main_key, alias_key
    from beside b anti join apart using (main_key, alias_key) join spelled s on b.alias_key = s.name_key
    qualify count(*) over (partition by alias_key) <= case when s.is_code then 5 else 1 end
),
neighbour as (
    select main_key as name_key, alias_key as other_key from telling
    union
    select alias_key, main_key from telling
),
open_name as (
    select s.*, c.n_trials, c.n_main, (regexp_matches(s.name, '\d'), -c.n_trials, s.name) as rank
    from spelled s
    join counted c using (name_key)
    anti join known using (name_key)
    anti join anchored using (name_key)
),
-- The commonest neighbour; an anchored one first, unless two lead to different drugs.
step as (
    select
        n.name_key,
        case when count(distinct a.ids) = 1 then min(n.other_key) filter (a.ids is not null)
            when count(a.ids) = 0 then arg_min(n.other_key, o.rank) filter (o.rank < k.rank)
        end as next_key
    from neighbour n
    join open_name k on n.name_key = k.name_key
    left join anchored a on n.other_key = a.name_key
    left join open_name o on n.other_key = o.name_key
    group by n.name_key
),
two_steps as (
    select a.name_key, a.next_key, coalesce(b.next_key, a.next_key) as root_key
    from step a left join step b on a.next_key = b.name_key
    where a.next_key is not null
),
rooted as (
    select a.name_key, a.next_key, coalesce(b.root_key, a.root_key) as root_key
    from two_steps a left join two_steps b on a.root_key = b.name_key
)
select
    s.name_key,
    s.name,
    drug_id(coalesce(k.ids, a.ids, ra.ids, [coalesce(r.name, s.name)])) as drug_id,
    coalesce(k.ids, a.ids, ra.ids, [coalesce(r.name, s.name)]) as ingredient_ids,
    coalesce(k.names, a.names, ra.names, [coalesce(r.name, s.name)]) as ingredients,
    coalesce(k.basis, case when a.ids is not null or ro.root_key is not null then 'alias' else 'name' end) as basis,
    beside.name as beside,
    s.is_code,
    coalesce(c.n_trials, 0) as n_trials,
    coalesce(c.n_main, 0) as n_main
from spelled s
left join counted c using (name_key)
left join known k using (name_key)
left join anchored a using (name_key)
left join rooted ro using (name_key)
left join anchored ra on ro.root_key = ra.name_key
left join spelled r on ro.root_key = r.name_key
left join spelled beside on coalesce(a.beside_key, ro.next_key) = beside.name_key
where k.ids is not null or (not s.is_generic and c.n_trials > 0)
