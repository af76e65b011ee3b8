"""Results posted to the registry."""

from cto.labels import label_function


@label_function(kind="conduct", group="reporting", informs={"success": +1, "cto_compatible": +1})
def results_reported() -> str:
    """Vote success when results are posted; results that are absent say nothing."""
    return """
    select
        nct_id,
        1 as vote,
        null as score,
        results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': 'Results were posted to the registry'
                || coalesce(' on ' || strftime(results_first_post_date, '%-d %B %Y'), '') || '.',
            'rows': ['core_study:' || nct_id]
        } as evidence
    from core_study
    where study_type = 'INTERVENTIONAL' and has_results
    """
