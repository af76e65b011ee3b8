"""Why a trial was stopped, where rules cannot tell and a model can."""

from cto.labels import label_function


@label_function(kind="outcome", group="stop", informs={"success": +1})
def stop_reason_reader() -> str:
    """Vote as stop_reason does on stops whose text its rules do not understand, by what a model reads in the text.

    The model names the class and the words of the text that say so. It is not heard where the rules found a reason, nor
    where it is not sure.
    """
    return """
    select
        s.nct_id,
        (a.reason = 'benefit')::tinyint as vote,
        null as score,
        stop_public(s.stop_known_since, h.stop_stated_on) as available_at,
        stop_basis(s.stop_known_since, s.stop_known_basis, h.stop_stated_on) as available_at_basis,
        {
            'says': 'The trial was ' || lower(s.overall_status) || ' '
                || case a.reason
                    when 'efficacy' then 'for lack of efficacy'
                    when 'safety' then 'on safety grounds'
                    when 'benefit' then 'early for proven benefit'
                    when 'accrual' then 'for poor accrual'
                end
                || ', as ' || a.model || ' read in "' || a.quote || '": "' || trim(s.why_stopped) || '"',
            'rows': [
                'annot_stop_reason_reader:' || s.nct_id, 'core_stop_reason:' || s.nct_id, 'core_study:' || s.nct_id
            ]
        } as evidence
    from annot_stop_reason_reader a
    join core_study s on a.nct_id = s.nct_id
    join core_stop_reason r on a.nct_id = r.nct_id
    left join core_record_history h on a.nct_id = h.nct_id
    where s.study_type = 'INTERVENTIONAL'
        and s.overall_status in ('TERMINATED', 'WITHDRAWN')
        and r.reason in ('other', 'none')
        and a.abstain_reason is null
        and a.confidence <> 'low'
        and a.reason in ('efficacy', 'safety', 'benefit', 'accrual')
    """
