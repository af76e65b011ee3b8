"""How many locations a trial has."""

from cto.labels import label_function


@label_function(kind="design", group="size", informs={"cto_compatible": +1}, better="above", unit=" locations")
def sites() -> str:
    """Vote success when a trial lists clearly more locations than usual, failure when clearly fewer."""
    return """
    with counted as (
        select nct_id, count(*) as n_sites from core_facility group by nct_id
    )
    select
        c.nct_id,
        n_sites as score,
        0 as noise,
        'count' as score_basis,
        s.last_update_post_date as available_at,
        'last_update_posted' as available_at_basis,
        {
            'says': case n_sites when 1 then 'One location is' else n_sites || ' locations are' end || ' listed',
            'rows': ['core_facility:' || c.nct_id]
        } as evidence
    from counted c join core_study s on c.nct_id = s.nct_id
    where s.study_type = 'INTERVENTIONAL'
    """
