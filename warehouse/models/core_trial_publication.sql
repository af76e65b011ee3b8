-- Whether a paper reports a trial's results. Every reason against it is a rule that a reader can check; what is left is
-- ranked by a mean of five parts, each of which is a column.
with aim as (
    select nct_id, string_agg(lower(measure), ' ; ') as measures
    from core_registered_outcome semi join core_publication_link using (nct_id)
    where outcome_type = 'PRIMARY'
    group by nct_id
),
trial as (
    select
        nct_id,
        secondary_kinds(lower(concat_ws(' ; ', brief_title, official_title, measures))) as own_kinds,
        start_date,
        coalesce(primary_completion_date, completion_date) as ended_from,
        case when primary_completion_date is null
            then latest_day(completion_date, completion_date_precision)
            else latest_day(primary_completion_date, primary_completion_date_precision)
        end as ended_by,
        greatest(
            latest_day(primary_completion_date, primary_completion_date_precision),
            latest_day(completion_date, completion_date_precision)
        ) as closed_by
    from core_study semi join core_publication_link using (nct_id) left join aim using (nct_id)
),
tied as (
    select
        l.*,
        p.available_on,
        p.n_trials,
        p.is_retracted,
        p.is_notice,
        p.is_review,
        p.is_protocol,
        p.is_trial_report or coalesce(is_report_title(lower(p.title)), false) as reads_as_report,
        -- what the trial itself is about makes no paper on it a secondary one
        list_filter(p.secondary_kinds, lambda kind: not list_contains(t.own_kinds, kind)) as secondary_kinds,
        l.link_basis && ['accession', 'title_or_abstract'] as is_named,
        bool_or(l.names_acronym) over (partition by l.pmid) as names_some_acronym,
        max(l.text_relevance) over (partition by l.pmid) as best_text_relevance,
        t.start_date,
        t.closed_by,
        case
            when p.available_on < t.ended_from then p.available_on - t.ended_from
            when p.available_on > t.ended_by then p.available_on - t.ended_by
            when p.available_on is not null and t.ended_by is not null then 0
        end as days_from_completion
    from core_publication_link l
    join core_publication p on l.pmid = p.pmid
    join trial t on l.nct_id = t.nct_id
),
scored as (
    select
        *,
        1 - list_product(list_transform(link_basis, lambda basis: case basis
            when 'accession' then 0.4 when 'reference_result' then 0.5 when 'title_or_abstract' then 0.5 else 0.7 end)) as link_score,
        case
            when days_from_completion is null then 0.5
            when days_from_completion < 0 then greatest(0, 1 + days_from_completion / 730)
            when days_from_completion <= 1095 then 1
            else greatest(0, 1 - (days_from_completion - 1095) / 1825)
        end as date_score,
        case when reads_as_report then 1 else 0 end as report_score,
        1 / greatest(n_trials, 1) as focus_score
    from tied
),
related as (
    select
        *,
        least(1, text_relevance + case when names_acronym then 0.2 else 0 end) as text_score
    from scored
),
judged as (
    select
        *,
        0.4 * text_score + 0.2 * link_score + 0.15 * date_score + 0.15 * report_score + 0.1 * focus_score as relevance,
        case
            when is_retracted then 'retracted'
            when is_notice then 'notice'
            when is_review then 'review'
            when is_protocol then 'protocol'
            -- Interim analyses and early stops are published before the registered end of data collection, which is often an
            -- estimate: a year is allowed.
            when available_on < start_date or days_from_completion < -365 then 'before_completion'
            when available_on > closed_by + 1826 then 'too_late'
            when n_trials > 0 and not is_named then 'other_trial'
            when (n_trials <> 1 or not is_named)
                and ((names_some_acronym and not names_acronym) or text_relevance < best_text_relevance - 0.25)
                then 'other_trial'
            -- two or three trials are often reported together; more of them are pooled
            when len(secondary_kinds) > 0 or n_trials > 3 then 'secondary'
        end as reason
    from related
),
decided as (
    select *, coalesce(reason, case when relevance < 0.5 then 'low_relevance' end) as why_not
    from judged
)
select
    *,
    why_not is null as is_result_paper,
    case when why_not is null then nullif(least(3, row_number() over (
        partition by nct_id, why_not is null order by relevance desc, available_on, pmid)), 3) end as result_rank
from decided
