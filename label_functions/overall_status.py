"""A stop without a stated reason."""

from cto.labels import label_function


@label_function(kind="outcome", group="stop", informs={"success": +1})
def overall_status() -> str:
    """Vote failure when a trial was terminated or withdrawn and its record gives no readable reason.

    A stop with a reason is judged by the reason, and completion says nothing about the aim: neither is a vote here.
    """
    return """
    select
        nct_id,
        0 as vote,
        null as score,
        stop_known_since as available_at,
        stop_known_basis as available_at_basis,
        {
            'says': 'The trial was ' || lower(overall_status) || ' and its record gives no reason.',
            'rows': ['core_study:' || nct_id]
        } as evidence
    from core_study
    where study_type = 'INTERVENTIONAL'
        and overall_status in ('TERMINATED', 'WITHDRAWN')
        and not coalesce(regexp_matches(why_stopped, '[A-Za-z]{2}'), false)
    """
