-- Which trials a headline is about. Candidates share a number, an acronym, a drug, or sponsor and phase with it; what else it
-- names decides. Of the trials that fit a headline the best counts, with those that fit as well and ended about then.
with trial as (
    select
        row_number() over (order by nct_id) as t,
        nct_id,
        acronym,
        list_transform(regexp_extract_all(coalesce(phase, ''), '\d'), lambda digit: digit::integer) as phases,
        start_date as started,
        coalesce(primary_completion_date, completion_date) as completed
    from core_study
    where study_type = 'INTERVENTIONAL'
),
headline as (
    select
        row_number() over (order by headline_id) as h,
        headline_id,
        headline,
        words,
        string_split(words, ' ') as listed,
        condition_words(words) as told,
        phases_named(words) as phases,
        published_on as day,
        regexp_matches(words, '\b(two|both|twin|trials|studies|program|programme)\b') as is_of_several
    from core_headline
),
-- A name of a drug: its registered one, each of those it is made of, and its other ones.
given as (
    select nct_id, unnest(list_prepend(intervention_name, coalesce(other_names, []))) as given_name
    from core_intervention
    where role = 'experimental' and intervention_type in ('DRUG', 'BIOLOGICAL', 'GENETIC', 'COMBINATION_PRODUCT')
),
drug_called as (
    select given_name, headline_words(name) as name
    from (select given_name, unnest(drug_parts(given_name)) as name from (select distinct given_name from given))
    where length(name) >= 4 and not is_common_drug_word(name)
),
drug as (
    select distinct t, name from given join drug_called using (given_name) join trial using (nct_id)
),
condition_name as (
    select condition, condition_words(condition) as words from (select distinct condition from core_condition)
),
condition as (
    select t, list(distinct words) as conditions
    from core_condition join condition_name using (condition) join trial using (nct_id)
    group by t
),
-- What else a headline may be about: words that tell a condition, and pairs of words that do together; of a large registry
-- those of many trials, as some trial has any word among its conditions.
known_condition as (
    select name
    from (
        select
            nct_id,
            unnest(case
                when len(list_filter(words, lambda word: not is_weak_condition_word(word))) > 0
                    then list_filter(words, lambda word: not is_weak_condition_word(word))
                when len(words) = 2 then [array_to_string(list_sort(words), ' ')]
            end) as name
        from core_condition join condition_name using (condition)
        where len(words) <= 3
    )
    group by name
    having count(*) >= (select count(*) from core_study) / 20000
),
about_condition as (
    select distinct h
    from (
        select h, unnest(list_concat(
            told,
            flatten(list_transform(told, lambda a: list_transform(list_filter(told, lambda b: b > a), lambda b: a || ' ' || b)))
        )) as name
        from headline
    )
    where name in (from known_condition)
),
sponsor_called as (
    select sponsor_name, headline_words(name) as name
    from (
        select sponsor_name, unnest([
            company_name(sponsor_name),
            case when is_telling_core(company_core(sponsor_name)) then company_core(sponsor_name) end
        ]) as name
        from (select distinct sponsor_name from core_sponsor where sponsor_class = 'INDUSTRY')
    )
    where length(name) >= 4
    union
    select sponsor_name, ticker from core_sponsor_ticker
),
sponsor as (
    select distinct t, name
    from core_sponsor join sponsor_called using (sponsor_name) join trial using (nct_id)
),
-- The names of drugs and sponsors that each headline holds, as runs of up to five words, and, by their tickers, of companies.
first_word as (
    select string_split(name, ' ')[1] as word from drug_called union select string_split(name, ' ')[1] from sponsor_called
),
held as (
    select distinct h, array_to_string(listed[i:i + n - 1], ' ') as name
    from (select h, listed, unnest(range(1, len(listed) + 1)) as i from headline)
    join range(1, 6) as up_to_five (n) on i + n - 1 <= len(listed)
    where listed[i] in (from first_word)
    union
    select h, ticker from core_headline_company join headline using (headline_id)
),
drug_held as (
    select h, name from held where name in (select name from drug_called)
),
sponsor_held as (
    select h, name from held where name in (select name from sponsor_called)
),
acronym as (
    select t, acronym
    from trial
    where regexp_full_match(acronym, '[A-Z0-9][A-Za-z0-9]*(-[A-Za-z0-9]+)*')
        and length(regexp_replace(acronym, '[^A-Z0-9]', '', 'g')) >= 3
        and length(acronym) >= 4
        and regexp_matches(acronym, '[A-Z]{2}')
    qualify count(*) over (partition by acronym) <= 5
),
-- A drug of more than a hundred trials does not tell which of them is meant, unless the sponsor is named too.
own_drug as (
    select t, name from drug qualify count(*) over (partition by name) <= 100
),
drug_of_sponsor as (
    select d.t, d.name as drug_name, s.name as sponsor_name from drug d join sponsor s on d.t = s.t
),
by_drug as (
    select d.t, k.h from drug_held k join own_drug d on k.name = d.name
    union
    select b.t, d.h
    from drug_held d
    join sponsor_held s on d.h = s.h
    join drug_of_sponsor b on d.name = b.drug_name and s.name = b.sponsor_name
),
by_sponsor as (
    select s.t, k.h
    from sponsor_held k
    join sponsor s on k.name = s.name
    join trial t on s.t = t.t
    join headline h on k.h = h.h
    where h.day between t.completed - 30 and t.completed + 365 and list_has_any(h.phases, t.phases)
),
candidate as (
    select t, h, false as is_acronym, false as is_number from by_drug
    union all
    select t, h, false, false from by_sponsor
    union all
    select a.t, w.h, true, false
    from (select h, unnest(regexp_extract_all(headline, '[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*')) as word from headline) w
    join acronym a on w.word = a.acronym
    union all
    select t.t, n.h, false, true
    from (select h, unnest(regexp_extract_all(upper(headline), 'NCT\d{8}')) as nct_id from headline) n
    join trial t on n.nct_id = t.nct_id
),
pair as (
    select t, h, bool_or(is_acronym) as is_acronym, bool_or(is_number) as is_number
    from candidate
    group by t, h
),
with_drug as (
    select distinct p.t, p.h
    from pair p join drug d on p.t = d.t join drug_held k on p.h = k.h and d.name = k.name
),
with_sponsor as (
    select distinct p.t, p.h
    from pair p join sponsor s on p.t = s.t join sponsor_held k on p.h = k.h and s.name = k.name
),
judged as (
    select
        p.*,
        h.headline_id,
        t.nct_id,
        h.day as published_on,
        h.day - t.completed as days_from_completion,
        days_from_completion between -30 and 365 as is_near,
        h.day >= t.started as is_after_start,
        h.is_of_several,
        d.t is not null as names_drug,
        s.t is not null as names_sponsor,
        coalesce(list_bool_or(list_transform(c.conditions, lambda one: names_condition(h.told, one))), false) as names_condition,
        b.h is not null as is_about_condition,
        case when len(h.phases) > 0 and len(t.phases) > 0 then list_has_any(h.phases, t.phases) end as names_phase
    from pair p
    join trial t on p.t = t.t
    join headline h on p.h = h.h
    left join condition c on p.t = c.t
    left join about_condition b on p.h = b.h
    left join with_drug d on p.t = d.t and p.h = d.h
    left join with_sponsor s on p.t = s.t and p.h = s.h
),
matched as (
    select
        *,
        case
            when is_number then 'nct'
            when not coalesce(is_after_start, false) or days_from_completion > 730 then null
            when is_acronym and (names_drug or names_condition or names_sponsor) then 'acronym'
            when not coalesce(names_phase, true) then null
            when names_drug and names_condition then 'drug_condition'
            when names_sponsor and is_near and (
                (names_drug and not is_about_condition) or (names_condition and names_phase)
            ) then 'sponsor_date'
        end as match_basis
    from judged
),
scored as (
    select
        *,
        case match_basis when 'nct' then 0.9 when 'acronym' then 0.85 when 'drug_condition' then 0.75 else 0.6 end
            + 0.04 * coalesce(names_phase, false)::integer
            + 0.03 * names_sponsor::integer
            + 0.03 * coalesce(is_near, false)::integer as match_score,
        case when days_from_completion < -30 then -3 * days_from_completion else abs(days_from_completion) end as distance
    from matched
    where match_basis is not null
),
best as (
    select *, min(distance) over (partition by h) as least_distance
    from (
        select *
        from scored
        qualify match_basis = 'nct' or match_score = max(match_score) over (partition by h)
    )
)
select
    nct_id,
    headline_id,
    match_basis,
    match_score,
    names_drug,
    names_condition,
    names_sponsor,
    names_phase,
    published_on,
    days_from_completion
from best
where match_basis = 'nct' or distance = least_distance or (is_of_several and distance <= least_distance + 60)
qualify match_basis = 'nct' or count(*) over (partition by h) <= 3
