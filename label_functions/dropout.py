"""Participants who left the trial."""

from cto.labels import label_function


@label_function(
    kind="conduct", group="safety", informs={"success": +1, "cto_compatible": +1}, better="below", unit=" points"
)
def dropout() -> str:
    """Vote success when clearly fewer participants than usual left the trial, failure when clearly more did.

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
            'says': rate_words('did not complete', r),
            'rows': ['core_event_rate:' || r.nct_id || ':dropout', 'core_participant_flow:' || r.nct_id]
        } as evidence
    from core_event_rate r join core_study s on r.nct_id = s.nct_id
    where r.event = 'dropout' and s.study_type = 'INTERVENTIONAL'
    """
