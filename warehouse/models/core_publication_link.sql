-- A paper is tied to a trial only by a reference of the record, or by the trial's own number in it; text alone ties nothing.
with known as (
    select nct_id as number, nct_id from core_study
    union
    select unnest(nct_id_aliases) as number, nct_id from core_study
),
named as (
    select pmid, unnest(accession_nct_ids) as number, 'accession' as basis from core_publication
    union all
    select pmid, unnest(text_nct_ids), 'title_or_abstract' from core_publication
),
tied as (
    select k.nct_id, n.pmid, n.basis from named n join known k on n.number = k.number
    union all
    select nct_id, trim(pmid), 'reference_' || lower(reference_type)
    from core_reference
    where reference_type in ('RESULT', 'DERIVED')
),
link as (
    select nct_id, pmid, list_sort(list(distinct basis)) as link_basis
    from tied semi join core_publication using (pmid) semi join core_study using (nct_id)
    group by nct_id, pmid
),
study as (
    select nct_id, brief_title, coalesce(official_title, brief_title) as title, acronym
    from core_study semi join link using (nct_id)
),
-- A word weighs by how few trials' titles have it; one that none has weighs as if one had.
word_count as (
    select word, count(*) as n
    from (select unnest(text_words(concat_ws(' ', brief_title, official_title))) as word from core_study)
    group by word
),
word_weight as (
    select word, ln(1 + (select count(*) from core_study) / n) as weight from word_count
),
rarest as (
    select ln(1 + count(*)) as weight from core_study
),
paper as (
    select p.pmid, p.title, text_words(p.title) as words from core_publication p semi join link using (pmid)
),
trial as (
    select nct_id, text_words(title) as words from study
),
-- All that a trial may be called by: its titles, what it studies and tests, who runs it.
called as (
    select nct_id, text_words(string_agg(text, ' ')) as words
    from (
        select nct_id, concat_ws(' ', brief_title, title, acronym) as text from study
        union all
        select nct_id, condition from core_condition semi join link using (nct_id)
        union all
        select nct_id, concat_ws(' ', intervention_name, array_to_string(other_names, ' '))
        from core_intervention semi join link using (nct_id)
        where role <> 'placebo'
        union all
        select nct_id, sponsor_name from core_sponsor semi join link using (nct_id)
    )
    group by nct_id
),
-- Weights are added as decimals, whose sum does not depend on the order. Words that both have are unnested and weighed, not all words that either has: an abstract has hundreds.
in_trial as (
    select nct_id, pmid, sum(coalesce(weight, (select weight from rarest))::decimal(18, 9))::double as weight
    from (
        select l.nct_id, l.pmid, unnest(list_intersect(p.words, c.words)) as word
        from link l join paper p on l.pmid = p.pmid join called c on l.nct_id = c.nct_id
    )
    left join word_weight using (word)
    group by nct_id, pmid
),
in_paper as (
    select nct_id, pmid, sum(weight::decimal(18, 9))::double as weight
    from (
        select l.nct_id, l.pmid, unnest(list_intersect(t.words, text_words(concat_ws(' ', a.title, a.abstract)))) as word
        from raw_pubmed__article a join link l on a.pmid = l.pmid join trial t on l.nct_id = t.nct_id
    )
    join word_weight using (word)
    group by nct_id, pmid
),
paper_total as (
    select pmid, sum(coalesce(weight, (select weight from rarest))::decimal(18, 9))::double as weight
    from (select pmid, unnest(words) as word from paper) left join word_weight using (word)
    group by pmid
),
trial_total as (
    select nct_id, sum(weight::decimal(18, 9))::double as weight
    from (select nct_id, unnest(words) as word from trial) join word_weight using (word)
    group by nct_id
),
compared as (
    select
        l.nct_id,
        l.pmid,
        l.link_basis,
        coalesce(it.weight / pt.weight, 0) as title_overlap,
        coalesce(ip.weight / tt.weight, 0) as trial_overlap,
        coalesce(regexp_matches(s.acronym, '[A-Z].*[A-Z0-9]') and contains(one_spelling(p.title), one_spelling(s.acronym)), false)
            as names_acronym
    from link l
    join study s on l.nct_id = s.nct_id
    join paper p on l.pmid = p.pmid
    left join in_trial it on l.nct_id = it.nct_id and l.pmid = it.pmid
    left join in_paper ip on l.nct_id = ip.nct_id and l.pmid = ip.pmid
    left join paper_total pt on l.pmid = pt.pmid
    left join trial_total tt on l.nct_id = tt.nct_id
)
select *, 0.7 * title_overlap + 0.3 * trial_overlap as text_relevance from compared
