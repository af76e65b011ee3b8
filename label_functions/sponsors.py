"""How many sponsors and collaborators a trial has."""

from cto.labels import label_function


@label_function(kind="design", group="size", informs={"cto_compatible": +1}, better="above", unit=" sponsors")
def sponsors() -> str:
    """Vote success when a trial has clearly more sponsors and collaborators than usual, failure when clearly fewer."""
    return """
    with counted as (
        select nct_id, count(*) as n_sponsors from core_sponsor group by nct_id
    )
    select
        c.nct_id,
        n_sponsors as score,
        0 as noise,
        'count' as score_basis,
        s.last_update_post_date as available_at,
        'last_update_posted' as available_at_basis,
        {
            'says': case n_sponsors
                when 1 then 'One sponsor stands behind the trial'
                else n_sponsors || ' sponsors and collaborators stand behind the trial'
            end,
            'rows': ['core_sponsor:' || c.nct_id]
        } as evidence
    from counted c join core_study s on c.nct_id = s.nct_id
    where s.study_type = 'INTERVENTIONAL'
    """
