-- What each analysis of a posted primary outcome of a trial shows. Significance comes from the p-value or, for
-- non-inferiority and equivalence, from the interval and its stated margin; the side it favours from the groups' values
-- and from the estimate, which must not contradict each other.
with measure as (
    select m.nct_id, m.measure_index, m.title, m.unit, m.value_type, lower(coalesce(m.title, '')) as named
    from core_outcome_measure m join core_study s using (nct_id)
    where s.study_type = 'INTERVENTIONAL' and m.outcome_type = 'PRIMARY' and m.reporting_status = 'POSTED'
),
side as (
    -- A count of people is compared as a share of those analysed.
    select
        g.nct_id,
        g.measure_index,
        g.group_id,
        g.arm_role,
        regexp_matches(lower(g.group_title), '^(pre[- ]?(dose|infusion|treatment|intervention|test|op\w*)|before|baseline)\b') as is_before,
        case
            when regexp_matches(lower(m.unit), 'participants|patients|subjects|people|events')
                and m.value_type in ('NUMBER', 'COUNT_OF_PARTICIPANTS')
                and not regexp_matches(lower(m.unit), 'percent|proportion|%|rate|per ')
                then g.value / nullif(g.n_analyzed, 0)
            else g.value
        end as value
    from core_primary_outcome_group g join measure m using (nct_id, measure_index)
),
analysis as (
    select
        a.*,
        m.named,
        lower(coalesce(m.unit, '')) as unit,
        lower(concat_ws('. ', a.p_value_comment, a.statistical_comment, a.group_description, a.non_inferiority_comment,
            a.estimate_comment)) as words,
        null_value(lower(a.estimate_type)) as no_effect,
        regexp_matches(lower(a.estimate_type), 'hazard') and is_time(m.named) as is_hazard_of_time,
        coalesce(a.ci_percent, 95) >= 95 as is_confident
    from core_outcome_analysis a join measure m using (nct_id, measure_index)
    where a.p_value_text is not null or a.ci_lower is not null or a.ci_upper is not null
),
compared as (
    select
        a.nct_id,
        a.measure_index,
        a.analysis_index,
        coalesce(bool_or(s.is_before), false) as is_before_after,
        min(value) filter (arm_role = 'experimental') as experimental_low,
        max(value) filter (arm_role = 'experimental') as experimental_high,
        min(value) filter (arm_role = 'control') as control_low,
        max(value) filter (arm_role = 'control') as control_high,
        coalesce(bool_or(arm_role = 'experimental') and bool_or(arm_role = 'control'), false) as is_contrast,
        coalesce(bool_and(arm_role = 'control'), false) and not bool_or(arm_role is null) as is_without_experimental
    from (select nct_id, measure_index, analysis_index, unnest(group_ids) as group_id from analysis) a
    join side s using (nct_id, measure_index, group_id)
    group by all
),
worded as (
    select
        a.*,
        measure_kind(named) as measure_kind,
        hypothesis(non_inferiority_type, words) as hypothesis,
        case when a.n_groups > 1 and not coalesce(c.is_before_after, false) then 'between' else 'within' end as comparison,
        coalesce(c.is_contrast, false) as is_contrast,
        coalesce(c.is_without_experimental, false) as is_without_experimental,
        coalesce(stated_alpha(lower(p_value_comment)), stated_alpha(words)) as alpha_stated,
        stated_margin(words) as stated,
        -- a change that is a rise in both groups may be the fall of a complaint, written without its sign
        case
            when better(named) = -1 and regexp_matches(named, 'change|differen|improve') and least(experimental_low, control_low) > 0
                then null
            else better(named)
        end as better,
        case
            when experimental_low > control_high then 1
            when experimental_high < control_low then -1
        end as value_sign,
        case when c.is_contrast then sign(estimate - no_effect) * case when is_hazard_of_time then -1 else 1 end end as estimate_sign
    from analysis a left join compared c using (nct_id, measure_index, analysis_index)
),
scaled as (
    select
        *,
        -- a one-sided level is half the two-sided one that p-values are held against, unless they are one-sided too
        coalesce(alpha_stated, 0.05) * case
            when alpha_stated < 0.05 and is_one_sided(words)
                and not is_one_sided(lower(concat_ws(' ', method, p_value_comment))) then 2
            else 1
        end as alpha,
        -- '10 %' may stand beside an interval in shares, '0.10' beside one in percent; a ratio's margin is near 1
        case
            when hypothesis not in ('non_inferiority', 'equivalence') then null
            when no_effect = 1 then case
                when hypothesis = 'equivalence' and regexp_matches(words, '\b0?[.]?80? ?%? ?(to|and|-|–|,) ?1?[.]?25') then 1.25
                when abs(stated.value) / case when stated.is_percent then 100 else 1 end between 0.3 and 3
                    then abs(stated.value) / case when stated.is_percent then 100 else 1 end
            end
            when stated.is_percent and greatest(abs(ci_lower), abs(ci_upper)) < 1 then stated.value / 100
            when not stated.is_percent and abs(stated.value) < 1 and greatest(abs(ci_lower), abs(ci_upper)) > 1
                and regexp_matches(unit || coalesce(lower(estimate_type), ''), 'percent|%') then stated.value * 100
            when abs(stated.value) <= 10 * (ci_upper - ci_lower) + greatest(abs(ci_lower), abs(ci_upper)) then stated.value
        end as margin,
        -- which bound the record names; where it names both, or subtracts the wrong way round, only the measure can tell
        regexp_matches(words, 'lower (confidence )?(limit|bound|end)') as names_lower,
        regexp_matches(words, 'upper (confidence )?(limit|bound|end)') as names_upper,
        regexp_matches(words, '\b(control|placebo|comparator|reference|standard) (minus|-|–) ') as is_reversed,
        better * value_sign as by_value,
        better * estimate_sign as by_estimate
    from worded
),
sided as (
    select
        *,
        case
            when comparison = 'within' then null
            when by_value <> by_estimate then null
            -- without values, an estimate against it may have been taken the other way round
            when by_value is null and by_estimate < 0 then null
            else nullif(coalesce(by_value, by_estimate), 0)
        end as favoured,
        case
            when p_value_operator = '=' then p_value < alpha
            when p_value_operator in ('<', '<=') then case when p_value <= alpha then true end
            when p_value_operator in ('>', '>=') then case when p_value >= alpha then false end
            when p_value_operator = 'ns' then false
        end as by_p_value,
        case when comparison = 'between' and is_confident then
            case
                when ci_lower > no_effect or ci_upper < no_effect then true
                when ci_lower <= no_effect and ci_upper >= no_effect then false
            end
        end as by_interval,
        -- the bound on the worse side must not reach the margin
        case
            when no_effect = 1 and margin > 1 then ci_upper < margin
            when no_effect = 1 and margin < 1 then ci_lower > margin
            when no_effect = 0 and names_lower and not names_upper then ci_lower > -abs(margin)
            when no_effect = 0 and names_upper and not names_lower then ci_upper < abs(margin)
            when no_effect = 0 and better = 1 and not is_reversed then ci_lower > -abs(margin)
            when no_effect = 0 and better = -1 and not is_reversed then ci_upper < abs(margin)
        end as is_non_inferior,
        case
            when no_effect = 1 and margin > 0 then ci_lower > least(margin, 1 / margin) and ci_upper < greatest(margin, 1 / margin)
            when no_effect = 0 then ci_lower > -abs(margin) and ci_upper < abs(margin)
        end as is_equivalent
    from scaled
),
tested as (
    select
        *,
        bool_or(measure_kind = 'efficacy' and comparison = 'between') over (partition by nct_id) as compares_groups,
        case favoured when 1 then 'experimental' when -1 then 'control' else 'unclear' end as favours,
        case hypothesis
            when 'superiority' then coalesce(by_p_value, by_interval)
            when 'non_inferiority' then coalesce(
                is_non_inferior,
                case when regexp_matches(lower(p_value_comment), 'inferior') then by_p_value end,
                case when by_p_value and coalesce(favoured, 1) = 1 then true end)
            when 'equivalence' then is_equivalent
            when 'unclear' then case when by_p_value and favoured = 1 then true end
        end as is_significant
    from sided
)
select
    nct_id,
    measure_index,
    analysis_index,
    title,
    measure_kind,
    hypothesis,
    comparison,
    method,
    p_value_text,
    p_value_operator,
    p_value,
    alpha,
    case when alpha_stated is null then 'default' else 'stated' end as alpha_basis,
    estimate_type,
    estimate,
    ci_percent,
    ci_lower,
    ci_upper,
    margin,
    is_significant,
    favours,
    regexp_matches(named || words, 'co-?primary') as is_co_primary,
    case
        when measure_kind <> 'efficacy' or is_without_experimental then 'none'
        when comparison = 'within' and compares_groups then 'none'
        when not is_significant then 'missed'
        when is_significant and hypothesis <> 'superiority' then 'met'
        when is_significant and favours = 'control' then 'missed'
        -- two treatments on an equal footing: one was better, and nobody can say whether that was the aim
        when is_significant and comparison = 'between' and favours = 'unclear' and not is_contrast then 'none'
        when is_significant then 'met'
        else 'none'
    end as verdict
from tested
