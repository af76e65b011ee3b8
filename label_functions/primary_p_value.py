"""The p-values of the primary outcomes."""

from cto.labels import label_function


@label_function(kind="outcome", group="efficacy", informs={"success": +1, "endpoint_met": +1})
def primary_p_value() -> str:
    """Vote success when a primary efficacy analysis is significant at .05, failure when all are tested and none is.

    Counted are superiority analyses of posted primary outcomes. Left out: measures of safety, pharmacokinetics or
    baseline, and, in a trial that compares groups, analyses within one group. '< x' shows significance only for
    x up to .05, '> x' its lack only from .05 on. What is in between or cannot be read, and a primary outcome without
    a test, are no evidence either way; without a significant analysis one such gap withholds the vote. The score is
    the smallest p-value stated.
    """
    return r"""
    with measure as (
        select m.*
        from core_outcome_measure m join core_study s using (nct_id)
        where s.study_type = 'INTERVENTIONAL'
            and m.outcome_type = 'PRIMARY'
            and m.reporting_status = 'POSTED'
            and not regexp_matches(lower(coalesce(m.title, '')),
                '\b(safety|tolerab|adverse|toxicit|side effects?|pharmacokinetic|cmax|c-max|tmax|half-life)'
                || '|\bauc ?\(?(0|inf|tau|last|t\b)|area under the (plasma|serum|blood|concentration|drug)'
                || '|concentration[- ]time|\b(renal|oral|plasma|systemic|apparent) clearance')
            and not (regexp_matches(lower(coalesce(m.title, '')), '^(baseline|pre-?operative)\b')
                and not regexp_matches(lower(m.title), 'change|\bto\b|difference|adjusted|corrected'))
    ),
    analysis as (
        select
            a.*,
            count(*) filter (n_groups > 1) over (partition by a.nct_id) > 0 as compares_groups,
            case
                when p_value_operator = '=' then p_value < 0.05
                when p_value_operator in ('<', '<=') then case when p_value <= 0.05 then true end
                when p_value_operator in ('>', '>=') then case when p_value >= 0.05 then false end
                when p_value_operator = 'ns' then false
            end as is_significant
        from core_outcome_analysis a semi join measure m on a.nct_id = m.nct_id and a.measure_index = m.measure_index
        where p_value_text is not null
            and coalesce(non_inferiority_type, 'SUPERIORITY_OR_OTHER') not like 'NON_INFERIORITY%'
            and coalesce(non_inferiority_type, '') <> 'EQUIVALENCE'
    ),
    counted as (
        select * from analysis where n_groups > 1 or not compares_groups
    ),
    untested as (
        select nct_id, count(*) as n_untested
        from measure anti join counted using (nct_id, measure_index)
        group by nct_id
    ),
    trial as (
        select
            nct_id,
            count(*) as n_tested,
            count(*) filter (is_significant) as n_significant,
            count(*) filter (is_significant is null) as n_open,
            min_by(
                struct_pack(p := p_value_text, title := title, method := method),
                (p_value, measure_index, analysis_index)
            ) filter (p_value is not null) as best,
            min(p_value) as smallest,
            list('core_outcome_analysis:' || nct_id || ':' || measure_index || ':' || analysis_index
                order by measure_index, analysis_index) as rows
        from counted
        group by nct_id
    )
    select
        t.nct_id,
        case when n_significant > 0 then 1 else 0 end as vote,
        smallest as score,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': n_significant || ' of ' || n_tested || ' primary efficacy '
                || case n_tested when 1 then 'analysis was' else 'analyses were' end || ' significant at .05'
                || coalesce('; the smallest p-value (' || unescape(trim(best.p)) || coalesce(', ' || best.method, '')
                    || ') is for "' || coalesce(best.title, 'an unnamed outcome') || '"', '') || '.',
            'rows': rows
        } as evidence
    from trial t join core_study s using (nct_id) left join untested u using (nct_id)
    where n_significant > 0 or (n_open = 0 and u.n_untested is null)
    """
