-- Its types, notes and trial numbers beside the article. A research letter on a trial is no notice, as its types say.
with typed as (
    select
        pmid,
        list_sort(list(publication_type)) as publication_types,
        bool_or(publication_type = 'Retracted Publication') as is_retracted,
        bool_or(is_trial_type(publication_type)) as is_trial,
        bool_or(is_notice_type(publication_type)) as is_notice,
        bool_or(publication_type in ('Meta-Analysis', 'Systematic Review', 'Network Meta-Analysis')) as is_synthesis,
        bool_or(publication_type in ('Review', 'Scoping Review', 'Practice Guideline', 'Guideline', 'Consensus Statement')) as is_review,
        bool_or(publication_type = 'Clinical Trial Protocol') as is_protocol
    from raw_pubmed__publication_type
    group by pmid
),
corrected as (
    select
        pmid,
        bool_or(ref_type = 'RetractionIn') as is_retracted,
        min_by(ref_pmid, correction_index) filter (ref_type = 'RetractionIn') as retraction_pmid,
        bool_or(ref_type in ('ErratumIn', 'CorrectedandRepublishedIn')) as has_erratum,
        bool_or(ref_type in ('RetractionOf', 'ErratumFor', 'ExpressionOfConcernFor', 'CommentOn')) as is_notice
    from raw_pubmed__correction
    group by pmid
),
deposited as (
    select pmid, list(upper(unnested)) as nct_ids
    from (select pmid, unnest(regexp_extract_all(accession, '(?i)NCT\d{8}')) as unnested from raw_pubmed__accession)
    group by pmid
),
dated as (
    select
        *,
        lower(title) as t,
        abstract is not null as has_abstract,
        coalesce(secondary_kinds(lower(title)), []) as secondary_kinds,
        case when date_precision(electronic_date_text) = 'day' then parse_date(electronic_date_text) end as electronic_day,
        case when date_precision(entrez_date_text) = 'day' then parse_date(entrez_date_text) end as entrez_day,
        coalesce(latest_day(parse_date(issue_date_text), date_precision(issue_date_text)), spelled_end(issue_date_text)) as issue_last_day,
        list_sort(list_distinct(list_transform(
            regexp_extract_all(concat_ws(' ', title, abstract), '(?i)\bNCT ?\d{8}\b'), lambda n: replace(upper(n), ' ', '')))) as text_nct_ids
    from raw_pubmed__article
),
based as (
    select
        *,
        case
            when electronic_day <= least(coalesce(issue_last_day, 'infinity'::date), coalesce(entrez_day, 'infinity'::date)) then 'electronic'
            when issue_last_day <= coalesce(least(electronic_day, entrez_day), 'infinity'::date) then 'issue'
            when entrez_day is not null then 'entrez'
            when electronic_day is not null then 'electronic'
        end as publication_date_basis
    from dated
)
select
    a.pmid,
    a.title,
    a.journal,
    a.doi,
    a.pmc_id,
    a.has_abstract,
    case publication_date_basis
        when 'electronic' then electronic_day
        when 'issue' then coalesce(parse_date(issue_date_text), spelled_start(issue_date_text))
        when 'entrez' then entrez_day
    end as publication_date,
    case publication_date_basis
        when 'issue' then coalesce(date_precision(issue_date_text), spelled_precision(issue_date_text))
        when 'electronic' then 'day'
        when 'entrez' then 'day'
    end as publication_date_precision,
    publication_date_basis,
    a.issue_date_text,
    coalesce(electronic_day, entrez_day, issue_last_day) as available_on,
    case
        when electronic_day is not null then 'electronic'
        when entrez_day is not null then 'entrez'
        when issue_last_day is not null then 'issue'
    end as available_on_basis,
    coalesce(p.publication_types, []) as publication_types,
    coalesce(p.is_trial, false) as is_trial_report,
    coalesce(p.is_retracted, false) or coalesce(c.is_retracted, false) as is_retracted,
    c.retraction_pmid,
    coalesce(c.has_erratum, false) as has_erratum,
    coalesce((coalesce(p.is_notice, false) or coalesce(c.is_notice, false)) and not coalesce(p.is_trial, false)
        or is_notice_title(t), false) as is_notice,
    coalesce(p.is_synthesis, false) or coalesce(p.is_review and not p.is_trial, false) or coalesce(is_review_title(t), false) or a.is_book as is_review,
    coalesce(p.is_protocol, false) or coalesce(is_protocol_title(t), false) as is_protocol,
    a.secondary_kinds,
    len(a.secondary_kinds) > 0 as is_secondary,
    coalesce(list_sort(list_distinct(d.nct_ids)), []) as accession_nct_ids,
    text_nct_ids,
    len(list_distinct(list_concat(coalesce(d.nct_ids, []), text_nct_ids))) as n_trials
from based a
left join typed p on a.pmid = p.pmid
left join corrected c on a.pmid = c.pmid
left join deposited d on a.pmid = d.pmid
