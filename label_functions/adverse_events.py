"""Deaths and adverse events: a family that differs only in what is counted."""

from cto.labels import label_function


@label_function(
    kind="conduct", group="safety", informs={"success": +1, "cto_compatible": +1}, better="below", unit=" points"
)
def deaths() -> str:
    """Vote success when clearly fewer participants than usual died, failure when clearly more did.

    Where the results name both sides, more or fewer is the experimental arms' share less the control arms'.
    """
    return """
    select
        r.nct_id,
        r.percent as score,
        r.standard_error as noise,
        r.score_basis,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': rate_words('died', r),
            'rows': ['core_event_rate:' || r.nct_id || ':deaths', 'core_adverse_event_total:' || r.nct_id]
        } as evidence
    from core_event_rate r join core_study s on r.nct_id = s.nct_id
    where r.event = 'deaths' and s.study_type = 'INTERVENTIONAL'
    """


@label_function(
    kind="conduct", group="safety", informs={"success": +1, "cto_compatible": +1}, better="below", unit=" points"
)
def serious_adverse_events() -> str:
    """Vote success when clearly fewer participants than usual had serious adverse events, failure when more did.

    Where the results name both sides, more or fewer is the experimental arms' share less the control arms'.
    """
    return """
    select
        r.nct_id,
        r.percent as score,
        r.standard_error as noise,
        r.score_basis,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': rate_words('had serious adverse events', r),
            'rows': [
                'core_event_rate:' || r.nct_id || ':serious_adverse_events',
                'core_adverse_event_total:' || r.nct_id
            ]
        } as evidence
    from core_event_rate r join core_study s on r.nct_id = s.nct_id
    where r.event = 'serious_adverse_events' and s.study_type = 'INTERVENTIONAL'
    """


@label_function(
    kind="conduct", group="safety", informs={"success": +1, "cto_compatible": +1}, better="below", unit=" points"
)
def other_adverse_events() -> str:
    """Vote success when clearly fewer participants than usual had other adverse events, failure when more did.

    Where the results name both sides, more or fewer is the experimental arms' share less the control arms'.
    """
    return """
    select
        r.nct_id,
        r.percent as score,
        r.standard_error as noise,
        r.score_basis,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': rate_words('had other adverse events', r),
            'rows': ['core_event_rate:' || r.nct_id || ':other_adverse_events', 'core_adverse_event_total:' || r.nct_id]
        } as evidence
    from core_event_rate r join core_study s on r.nct_id = s.nct_id
    where r.event = 'other_adverse_events' and s.study_type = 'INTERVENTIONAL'
    """
