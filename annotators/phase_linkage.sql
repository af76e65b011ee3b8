-- How likely it is that the later trial of a candidate pair continues the earlier one: what the two have in common, weighed.
with weight as (
    -- Logits: set by judgement, then moved towards what 178 pairs read by hand tell (ridge regression), and rounded. Whoever
    -- changes them changes 'weights' too.
    select
        '1' as weights,
        0.5 as threshold,                -- from here on it is a link
        0.05 as least_probability,       -- pairs below tell nothing and are not kept
        -2.3 as base,                    -- a later phase of a drug in common, no more
        1.9 as same_drugs,               -- the two test the same set of drugs
        1.3 as later_adds,               -- the later one tests all of the earlier one's, and more
        0.5 as later_drops,              -- the earlier one tests all of the later one's, and more
        -1.4 as others_differ,           -- each tests a drug that the other does not
        -0.2 as not_whole,               -- a drug of one of them is not identified, so that the sets may differ
        -1.3 as earlier_rarest,          -- the rarest of the earlier one's drugs is not in the later one: another was its point
        -1.5 as later_rarest,            -- and the other way round
        1.3 as rarity,                   -- for each power of e that the shared drug is rarer than in one trial of 1,000, up to two
        2.4 as same_condition,           -- a condition or its MeSH term in common
        0.3 as near_condition,           -- half the words of the conditions in common, or the same with titles that name kinds apart
        1.0 as unstated_condition,       -- one of them names none, as trials in volunteers do
        -3.3 as other_condition,        -- a link is one within a condition, even of the sponsor's own new drug
        1.2 as same_lead,                -- the same lead sponsor
        0.6 as same_sponsor,             -- another sponsor or collaborator in common
        -0.4 as other_sponsor,
        -2.0 as other_population,        -- ages or sexes exclude each other, or one is for children alone
        2.0 as title_words,              -- share of the titles' words in common
        2.0 as summary_words,            -- share of the summaries' words in common
        2.0 as embedding,                -- mean cosine of titles and summaries above .6, in place of their words
        -0.6 as overlapping,             -- the later one began before the earlier one's data were in
        -0.3 as parallel,                -- and within a year of the earlier one's start
        -1.3 as long_gap                 -- or more than eight years after
),
condition as (
    select nct_id, list(distinct phrase order by phrase) as phrases, list_distinct(flatten(list(words))) as words
    from core_condition
    join (
        select condition, condition_words(condition) as words, array_to_string(list_sort(condition_words(condition)), ' ') as phrase
        from (select distinct condition from core_condition where not is_broad_condition(condition))
    ) using (condition)
    where phrase <> ''
    group by nct_id
),
term as (
    select nct_id, list(distinct term) as terms, list_distinct(flatten(list(words))) as words
    from core_condition_term
    join (select term, condition_words(term) as words from core_condition_term group by term) using (term)
    where not is_broad_condition(term)
    group by nct_id
),
-- Trials of tumours of any kind, or of the healthy, whatever else they list.
broad as (
    select distinct nct_id from core_condition where is_broad_condition(condition)
),
-- The drugs that a trial tests, without what they are given with.
supportive as (
    select list(distinct ingredient_ids[1]) as drugs
    from core_trial_drug
    where len(ingredients) = 1 and is_supportive_drug(ingredients[1])
),
tested as (
    select
        nct_id,
        is_whole,
        main_or_all(ingredient_ids, list_filter(ingredient_ids, lambda drug: not list_contains(drugs, drug))) as ingredient_ids,
        main_or_all(ingredients, list_filter(ingredients, lambda drug: not is_supportive_drug(drug))) as ingredients
    from core_trial_ingredients cross join (select coalesce(drugs, []) as drugs from supportive)
),
sponsor as (
    select nct_id, list(distinct sponsor order by sponsor) as sponsors, any_value(sponsor) filter (is_lead) as lead_sponsor
    from core_sponsor
    join (select sponsor_name, sponsor_key(sponsor_name) as sponsor from core_sponsor group by all) using (sponsor_name)
    where sponsor <> '' and is_telling_sponsor(is_lead, sponsor_class)
    group by nct_id
),
vector as (
    select
        nct_id,
        any_value(vector) filter (text_kind = 'title') as title,
        any_value(vector) filter (text_kind = 'summary') as summary,
        any_value(model) as model,
        any_value(revision) as revision
    from annot_text_embedding
    where vector is not null
    group by nct_id
),
trial as (
    select
        s.nct_id,
        s.phase,
        s.start_date,
        coalesce(s.primary_completion_date, s.completion_date) as completed_on,
        s.first_post_date as posted_on,
        case when s.overall_status = 'WITHDRAWN' then coalesce(stop_public(s.stop_known_since, h.stop_stated_on), 'infinity'::date) end
            as withdrawn_on,
        t.ingredient_ids,
        t.ingredients,
        t.is_whole,
        d.shares,
        d.rarest,
        coalesce(c.phrases, []) as conditions,
        compared_words(list_concat(coalesce(c.words, []), coalesce(m.words, []))) as condition_words,
        s.nct_id in (select nct_id from broad) as is_broad,
        coalesce(m.terms, []) as terms,
        coalesce(o.sponsors, []) as sponsors,
        o.lead_sponsor,
        coalesce(e.minimum_age_years, 0) as minimum_age,
        coalesce(e.maximum_age_years, 200) as maximum_age,
        e.sex,
        condition_kinds(concat_ws(' ', s.brief_title, s.official_title)) as condition_kinds,
        title_words(concat_ws(' ', s.brief_title, s.official_title)) as title_words,
        title_words(own_summary(u.brief_summary)) as summary_words,
        v.title as title_vector,
        v.summary as summary_vector,
        v.model,
        v.revision
    from core_study s
    join tested t using (nct_id)
    join annot_drug_share d using (nct_id)
    left join core_record_history h using (nct_id)
    left join condition c using (nct_id)
    left join term m using (nct_id)
    left join sponsor o using (nct_id)
    left join core_eligibility e using (nct_id)
    left join core_summary u using (nct_id)
    left join vector v using (nct_id)
    where s.nct_id in (select nct_id from annot_phase_candidate union all select later_nct_id from annot_phase_candidate)
),
compared as (
    select
        p.nct_id,
        p.later_nct_id,
        a.phase,
        b.phase as later_phase,
        list_sort(list_intersect(a.ingredients, b.ingredients)) as shared_ingredients,
        case
            when a.ingredient_ids = b.ingredient_ids then 'same'
            when list_has_all(b.ingredient_ids, a.ingredient_ids) then 'later_adds'
            when list_has_all(a.ingredient_ids, b.ingredient_ids) then 'later_drops'
            else 'others_differ'
        end as drug_relation,
        len(a.ingredient_ids) > 1 and len(b.ingredient_ids) > 1 as is_combination,
        list_min(list_transform(list_intersect(a.ingredient_ids, b.ingredient_ids), lambda drug: b.shares[drug])) as drug_share,
        a.is_whole and b.is_whole as is_whole,
        list_has_any(a.rarest, b.ingredient_ids) as shares_earlier_rarest,
        list_has_any(b.rarest, a.ingredient_ids) as shares_later_rarest,
        list_sort(list_intersect(a.terms, b.terms)) as shared_terms,
        list_sort(list_intersect(a.conditions, b.conditions)) as shared_conditions,
        overlap(a.terms, b.terms) as term_overlap,
        overlap(a.condition_words, b.condition_words) as condition_word_overlap,
        case
            when len(a.conditions) = 0 or len(b.conditions) = 0 then 'unstated'
            when (len(shared_conditions) > 0 or term_overlap >= 0.5)
                and (len(a.condition_kinds) = 0 or len(b.condition_kinds) = 0 or list_has_any(a.condition_kinds, b.condition_kinds))
                then 'same'
            when a.is_broad or b.is_broad then 'unstated'
            when len(shared_terms) > 0 or condition_word_overlap >= 0.5 then 'near'
            else 'other'
        end as condition_relation,
        case
            when a.lead_sponsor = b.lead_sponsor then 'lead'
            when list_has_any(a.sponsors, b.sponsors) then 'any'
            else 'none'
        end as sponsor_relation,
        a.minimum_age <= b.maximum_age and b.minimum_age <= a.maximum_age
            and not coalesce(a.sex <> b.sex and a.sex <> 'ALL' and b.sex <> 'ALL', false)
            and (a.maximum_age <= 25) = (b.maximum_age <= 25) as population_agrees,
        shared_part(a.title_words, b.title_words) as title_similarity,
        shared_part(a.summary_words, b.summary_words) as summary_similarity,
        case when a.model = b.model and a.revision is not distinct from b.revision then list_avg(list_filter([
            list_cosine_similarity(a.title_vector, b.title_vector), list_cosine_similarity(a.summary_vector, b.summary_vector)
        ], lambda cosine: cosine is not null)) end as embedding_similarity,
        b.start_date - a.completed_on as gap_days,
        b.start_date - a.start_date as start_gap_days,
        b.start_date as later_start_date,
        b.posted_on,
        b.withdrawn_on,
        case when embedding_similarity is not null then b.model end as model,
        case when embedding_similarity is not null then b.revision end as revision
    from annot_phase_candidate p join trial a using (nct_id) join trial b on p.later_nct_id = b.nct_id
    where list_has_any(a.ingredient_ids, b.ingredient_ids)
),
weighed as (
    select
        c.*,
        w.weights,
        w.threshold,
        w.least_probability,
        1 / (1 + exp(-(
            base
            + case drug_relation
                when 'same' then same_drugs when 'later_adds' then later_adds when 'later_drops' then later_drops else others_differ end
            + case when is_whole then 0 else not_whole end
            + case when shares_earlier_rarest then 0 else earlier_rarest end
            + case when shares_later_rarest then 0 else later_rarest end
            + rarity * least(2, greatest(-2, ln(0.001 / drug_share)))
            + case condition_relation
                when 'same' then same_condition when 'near' then near_condition when 'unstated' then unstated_condition
                else other_condition end
            + case sponsor_relation when 'lead' then same_lead when 'any' then same_sponsor else other_sponsor end
            + case when population_agrees then 0 else other_population end
            + case when embedding_similarity is not null then embedding * (embedding_similarity - 0.6)
                else title_words * title_similarity + summary_words * summary_similarity end
            + case when gap_days < 0 then overlapping when gap_days > 8 * 365 then long_gap else 0 end
            + case when start_gap_days < 365 and coalesce(gap_days < 0, true) then parallel else 0 end
        ))) as link_probability
    from compared c cross join weight w
)
select * exclude (threshold, least_probability), link_probability >= threshold as is_link
from weighed
where link_probability >= least_probability
