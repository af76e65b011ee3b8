-- How texts of the registry become values. Each macro returns null for what it cannot read; the text is kept beside it.

-- '2012-03' is a month, not its first day: the first day stands for it, date_precision says so.
create or replace macro parse_date(text) as
    try_cast(case
        when regexp_full_match(text, '[12]\d{3}-\d{2}-\d{2}') then text
        when regexp_full_match(text, '[12]\d{3}-\d{2}') then text || '-01'
        when regexp_full_match(text, '[12]\d{3}') then text || '-01-01'
    end as date);

create or replace macro date_precision(text) as
    case when parse_date(text) is not null
        then case length(text) when 10 then 'day' when 7 then 'month' when 4 then 'year' end
    end;

-- The last day that a date of this precision may mean: what to compare when 'not before' must be certain.
create or replace macro latest_day(day, day_precision) as
    case day_precision
        when 'month' then last_day(day)
        when 'year' then make_date(year(day), 12, 31)
        else day
    end;

-- Whether a trial had ended by a day: by its completion date, or by a stop known then. A record that is current is believed;
-- in a look back its status says when it was only if its dates do.
create or replace macro has_ended(study_type, overall_status, completion, completion_precision, primary_completion,
        primary_completion_precision, stop_known_since, as_of, is_current) as
    coalesce(study_type = 'INTERVENTIONAL' and case
        when overall_status in ('COMPLETED', 'TERMINATED', 'WITHDRAWN', 'SUSPENDED') and is_current then true
        when overall_status in ('TERMINATED', 'WITHDRAWN', 'SUSPENDED') and stop_known_since <= as_of then true
        when overall_status in ('COMPLETED', 'TERMINATED', 'WITHDRAWN', 'SUSPENDED', 'UNKNOWN')
            then latest_day(
                coalesce(completion, primary_completion),
                case when completion is null then primary_completion_precision else completion_precision end
            ) <= as_of
    end, false);

-- Whether the day that a field has been known since is the record's last update or proven by an earlier version of it.
create or replace macro known_basis(since, last_update) as
    case when since < last_update or (last_update is null and since is not null) then 'earlier_version' else 'last_update_posted' end;

-- '0.0123' to two significant digits: 0.012.
create or replace macro round_significant(x, digits) as
    case when x = 0 then 0.0 else round(x, (digits - 1 - floor(log10(abs(x))))::integer) end;

create or replace macro unescape(text) as
    replace(replace(replace(replace(replace(text, '&lt;', '<'), '&gt;', '>'), '&le;', '<='), '&ge;', '>='), '&amp;', '&');

-- A number as typed by people: '1,234.5' groups thousands, '0,04' has a decimal comma.
create or replace macro parse_number(text) as
    try_cast(case
        when regexp_full_match(trim(text), '[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?') then replace(trim(text), ',', '')
        when regexp_full_match(trim(text), '[+-]?\d+,\d+') then replace(trim(text), ',', '.')
        when regexp_full_match(trim(text), '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?') then trim(text)
    end as double);

-- '18 Years' and '6 Months' in years.
create or replace macro age_years(text) as
    case when regexp_full_match(trim(text), '\d{1,3} (Year|Month|Week|Day|Hour|Minute)s?')
        then regexp_extract(text, '\d+')::double / case
            when text like '%Year%' then 1
            when text like '%Month%' then 12
            when text like '%Week%' then 52.1775
            when text like '%Day%' then 365.25
            when text like '%Hour%' then 8766
            else 525960
        end
    end;

-- A count is a whole number; '12.5' or '-5' participants are not one.
create or replace macro parse_count(text) as
    case when regexp_full_match(trim(text), '(\d+|\d{1,3}(,\d{3})+)(\.0+)?')
        then try_cast(regexp_replace(replace(trim(text), ',', ''), '\..*', '') as bigint)
    end;

-- '< 0.0001', 'p=0,03', 'NS' … in one spelling: operator then number, no blanks.
create or replace macro p_value_normal(text) as
    replace(replace(replace(replace(replace(
        regexp_replace(regexp_replace(lower(unescape(text)), '\s+', '', 'g'), '^p(?:-?value)?([<>=≤≥])', '\1'),
        '≤', '<='), '≥', '>='), '=<', '<='), '=>', '>='), ',', '.');

create or replace macro p_value_number(text) as
    try_cast(regexp_extract(p_value_normal(text), '^(?:<=|>=|<|>|=)?(\d*\.?\d+(?:e-?\d+)?)$', 1) as double);

-- 'ns' means reported as not significant, without a number.
create or replace macro p_value_operator(text) as
    case
        when p_value_number(text) between 0 and 1
            then coalesce(nullif(regexp_extract(p_value_normal(text), '^(<=|>=|<|>|=)', 1), ''), '=')
        when p_value_normal(text) in ('ns', 'n.s.', 'n.s', 'notsignificant', 'non-significant', 'nonsignificant') then 'ns'
    end;

create or replace macro p_value(text) as
    case when p_value_number(text) between 0 and 1 then p_value_number(text) end;

-- A title's words alone: what two spellings of one arm have in common.
create or replace macro plain_words(text) as
    trim(regexp_replace(lower(coalesce(text, '')), '[^a-z0-9]+', ' ', 'g'));

-- Whether a title calls its group a control. 'Drug + placebo' is the drug's side, 'Placebo + diet' is not.
create or replace macro names_control(title) as
    regexp_matches(plain_words(title),
        '\b(placebo|sham|vehicle|dummy|controls?|observation( only)?|untreated|wait(ing)? ?list|usual (care|treatment)|'
        || 'standard (of )?(care|treatment|therapy|control)|conventional (care|treatment|therapy)|routine care|'
        || 'treatment as usual|alone|no (treatment|intervention|prophylaxis|therapy|vaccine|vaccination))\b')
    and not regexp_matches(lower(coalesce(title, '')),
        '(\+|&|/|\bplus\b|\band\b|\bwith\b|\bor\b)\s*((matching|oral|iv|standard|usual)\s+)*'
        || '(placebo|sham|vehicle|dummy|standard|usual|conventional|routine)');
