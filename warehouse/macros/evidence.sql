-- Sentences that label functions share.

-- '12 of 120 participants (10.0%)'
create or replace macro share_words(affected, at_risk, what) as
    affected || ' of ' || at_risk || what || format(' ({:.1f}%)', 100.0 * affected / at_risk);

-- A row r of core_event_rate in words, without a full stop: '12 of 120 participants (10.0%) in … and 5 of 118 (4.2%) in … died'.
create or replace macro rate_words(did, r) as
    case r.score_basis
        when 'difference' then share_words(r.experimental_affected, r.experimental_at_risk, ' participants')
            || ' in the experimental arms and ' || share_words(r.control_affected, r.control_at_risk, '')
            || ' in the control arms ' || did || format(', a difference of {:+.1f} points', r.percent)
            || case r.arm_match when 'exact' then '' else ' (arms matched by ' || case r.arm_match when 'name' then 'name' else 'similar titles' end || ')' end
        else share_words(r.affected, r.at_risk, ' participants') || ' ' || did || ' (all arms pooled)'
    end;

create or replace macro p_value_words(operator, value, text) as
    case
        when text is null then null
        when operator = 'ns' then 'reported as not significant'
        when operator is null then 'p-value "' || trim(unescape(text)) || '"'
        else 'p ' || operator || ' ' || format('{:.6g}', value)
    end;

-- An analysis a (a row of core_primary_analysis) in words: outcome, estimate, interval, p-value, direction.
create or replace macro analysis_words(a) as
    concat_ws(', ',
        '"' || coalesce(a.title, 'an unnamed outcome') || '"',
        case when a.estimate is not null
            then lower(regexp_replace(coalesce(a.estimate_type, 'estimate'), ' ?\([A-Z]{2,3}\)$', '')) || ' ' || format('{:.6g}', a.estimate) end
            || case when a.ci_lower is not null and a.ci_upper is not null
                then format(' ({:.4g} % CI {:.6g} to {:.6g})', coalesce(a.ci_percent, 95.0), a.ci_lower, a.ci_upper) else '' end,
        p_value_words(a.p_value_operator, a.p_value, a.p_value_text) || coalesce(' (' || a.method || ')', ''),
        case when a.alpha_basis = 'stated' and a.alpha <> 0.05 then 'at level ' || format('{:.4g}', a.alpha) end,
        case
            when a.hypothesis = 'non_inferiority' and a.verdict = 'met' then 'not inferior'
            when a.hypothesis = 'non_inferiority' then 'non-inferiority not shown'
            when a.hypothesis = 'equivalence' and a.verdict = 'met' then 'equivalent'
            when a.hypothesis = 'equivalence' then 'equivalence not shown'
            when a.is_significant and a.favours = 'control' then 'significantly worse in the experimental arm'
            when a.is_significant and a.favours = 'experimental' then 'in favour of the experimental arm'
            when a.comparison = 'within' then 'within one group'
        end,
        case when a.margin is not null then 'margin ' || format('{:.6g}', a.margin) end
    );

-- Since when a stop was public: as core_study tells, or earlier where the record's history states it with its reason.
create or replace macro stop_public(known_since, stated_on) as least(known_since, stated_on);

create or replace macro stop_basis(known_since, known_basis, stated_on) as
    case when stated_on < coalesce(known_since, 'infinity'::date) then 'record_history' else known_basis end;
