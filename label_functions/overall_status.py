"""A stop without a stated reason."""

from cto.labels import label_function


@label_function(kind="outcome", group="stop", informs={"success": +1}, version=2)
def overall_status() -> str:
    """Vote failure when a trial was terminated or withdrawn and its record gives no reason.

    A stop with a reason is judged by the reason (stop_reason), and completion says nothing about the aim: neither is a
    vote here. Nor is a text that gives completion, or another part of the record, for a reason.
    """
    return """
    select
        s.nct_id,
        0 as vote,
        null as score,
        stop_public(stop_known_since, stop_stated_on) as available_at,
        stop_basis(stop_known_since, stop_known_basis, stop_stated_on) as available_at_basis,
        {
            'says': 'The trial was ' || lower(overall_status) || ' and its record gives no reason.',
            'rows': ['core_study:' || s.nct_id]
        } as evidence
    from core_study s
    left join core_stop_reason r on s.nct_id = r.nct_id
    left join core_record_history h on s.nct_id = h.nct_id
    where study_type = 'INTERVENTIONAL'
        and overall_status in ('TERMINATED', 'WITHDRAWN')
        and coalesce(reason = 'none', true)
        and not coalesce(regexp_matches(lower(why_stopped), 'complet|finish|reached|met\\b|see |detail'), false)
    """
