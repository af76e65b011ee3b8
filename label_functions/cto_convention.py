"""The two rules that the CTO labels of 2024 put before all votes: a family, for comparison only."""

from cto.labels import label_function


@label_function(kind="outcome", group="cto_rule", informs={"cto_compatible": +1})
def cto_status() -> str:
    """Vote failure when a trial was stopped for whatever reason, as the convention has it."""
    return """
    select
        s.nct_id,
        0 as vote,
        null as score,
        stop_public(stop_known_since, stop_stated_on) as available_at,
        stop_basis(stop_known_since, stop_known_basis, stop_stated_on) as available_at_basis,
        {
            'says': 'The trial is ' || lower(s.overall_status)
                || ', which the convention counts as failure whatever the reason.',
            'rows': ['core_study:' || s.nct_id]
        } as evidence
    from core_study s left join core_record_history h on s.nct_id = h.nct_id
    where study_type = 'INTERVENTIONAL' and s.overall_status in ('TERMINATED', 'WITHDRAWN', 'SUSPENDED')
    """


@label_function(kind="outcome", group="cto_rule", informs={"cto_compatible": +1})
def cto_p_value() -> str:
    """Vote success when any number given as a primary p-value is under .05, failure when none is.

    As the convention has it, operator, direction, hypothesis and subject of the analysis are not read.
    """
    return """
    select
        a.nct_id,
        (min(p_value) < 0.05)::tinyint as vote,
        min(p_value) as score,
        any_value(s.results_first_post_date) as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': 'The smallest of ' || count(*) || ' numbers given as p-values of primary outcomes is '
                || format('{:.4g}', min(p_value)) || '.',
            'rows': ['core_outcome_analysis:' || a.nct_id]
        } as evidence
    from core_outcome_analysis a join core_study s on a.nct_id = s.nct_id
    where s.study_type = 'INTERVENTIONAL' and a.outcome_type = 'PRIMARY' and p_value is not null
    group by a.nct_id
    """
