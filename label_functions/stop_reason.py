"""Why a trial was stopped."""

from cto.labels import label_function


@label_function(kind="outcome", group="stop", informs={"success": +1})
def stop_reason() -> str:
    """Vote failure on a stop for lack of efficacy, for safety or for poor accrual, success on one for benefit.

    A stop for business, funding, logistics or any other stated reason tells nothing of the trial's aim and is no vote.
    Where several reasons are stated, the one that tells most decides: efficacy, safety, benefit, accrual.
    """
    return """
    select
        s.nct_id,
        (r.reason = 'benefit')::tinyint as vote,
        null as score,
        stop_public(s.stop_known_since, h.stop_stated_on) as available_at,
        stop_basis(s.stop_known_since, s.stop_known_basis, h.stop_stated_on) as available_at_basis,
        {
            'says': 'The trial was ' || lower(s.overall_status) || ' '
                || case r.reason
                    when 'efficacy' then 'for lack of efficacy'
                    when 'safety' then 'on safety grounds'
                    when 'benefit' then 'early for proven benefit'
                    when 'accrual' then 'for poor accrual'
                end
                || ': "' || trim(s.why_stopped) || '"',
            'rows': ['core_stop_reason:' || s.nct_id, 'core_study:' || s.nct_id]
        } as evidence
    from core_study s
    join core_stop_reason r on s.nct_id = r.nct_id
    left join core_record_history h on s.nct_id = h.nct_id
    where s.study_type = 'INTERVENTIONAL'
        and s.overall_status in ('TERMINATED', 'WITHDRAWN')
        and r.reason in ('efficacy', 'safety', 'benefit', 'accrual')
    """
