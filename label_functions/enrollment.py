"""How many participants were enrolled."""

from cto.labels import label_function


@label_function(kind="design", group="size", informs={"cto_compatible": +1}, better="above", unit=" participants")
def enrollment() -> str:
    """Vote success when clearly more participants than usual were enrolled, failure when clearly fewer were."""
    return """
    select
        nct_id,
        enrollment as score,
        0 as noise,
        'count' as score_basis,
        enrollment_known_since as available_at,
        enrollment_known_basis as available_at_basis,
        {
            'says': enrollment || ' participants were enrolled',
            'rows': ['core_study:' || nct_id]
        } as evidence
    from core_study
    where study_type = 'INTERVENTIONAL' and enrollment is not null and enrollment_type = 'ACTUAL'
    """
