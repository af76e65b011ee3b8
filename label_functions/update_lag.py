"""How long after its end a trial's record was last updated."""

from cto.labels import label_function


@label_function(kind="design", group="size", informs={"cto_compatible": +1}, better="below", unit=" days")
def update_lag() -> str:
    """Vote success when the last update came clearly sooner after completion than usual, failure when clearly later."""
    return """
    select
        nct_id,
        last_update_post_date - last_day as score,
        0 as noise,
        'days' as score_basis,
        last_update_post_date as available_at,
        'last_update_posted' as available_at_basis,
        {
            'says': 'The record was last updated on ' || strftime(last_update_post_date, '%-d %B %Y') || ', '
                || abs(last_update_post_date - last_day) || ' days '
                || case when last_update_post_date < last_day then 'before' else 'after' end
                || ' the trial''s completion',
            'rows': ['core_study:' || nct_id]
        } as evidence
    from (
        select
            *,
            latest_day(
                coalesce(completion_date, primary_completion_date),
                coalesce(completion_date_precision, primary_completion_date_precision)
            ) as last_day
        from core_study
    )
    where study_type = 'INTERVENTIONAL' and last_day is not null and last_update_post_date is not null
    """
