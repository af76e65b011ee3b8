"""What the history of a trial's record says: a family."""

from cto.labels import label_function


@label_function(
    kind="conduct", group="record_history", informs={"cto_compatible": +1}, better="above", unit=" amendments"
)
def amendments() -> str:
    """Vote success when a record was amended clearly more often than usual, failure when clearly less often.

    That is the direction of the convention. A long or a large trial is amended more often, whatever comes of it, so the
    number says nothing of success.
    """
    return """
    select
        h.nct_id,
        n_amendments as score,
        0 as noise,
        'count' as score_basis,
        last_posted_on as available_at,
        'record_history' as available_at_basis,
        {
            'says': 'The record was amended ' || case n_amendments when 1 then 'once' else n_amendments || ' times' end,
            'rows': ['core_record_history:' || h.nct_id]
        } as evidence
    from core_record_history h join core_study s on h.nct_id = s.nct_id
    where s.study_type = 'INTERVENTIONAL'
    """


@label_function(kind="conduct", group="record_history", informs={"success": +1})
def outcome_switch() -> str:
    """Vote failure when a primary outcome was dropped after its data were collected and before results were posted.

    A reworded outcome, one with another time frame and one that was added are none that was dropped. A record that kept
    its outcomes is no vote: to keep them is the rule.
    """
    return """
    select
        a.nct_id,
        0 as vote,
        null as score,
        min(a.posted_on) as available_at,
        'record_history' as available_at_basis,
        {
            'says': 'A primary outcome was dropped on ' || strftime(min(a.amended_on), '%-d %B %Y')
                || ', after the end of its data collection: "'
                || trim(arg_min(a.dropped_primary_outcomes[1], a.version_index)) || '".',
            'rows': [
                'core_amendment:' || a.nct_id || ':' || min(a.version_index),
                'core_study:' || a.nct_id
            ]
        } as evidence
    from core_amendment a join core_study s on a.nct_id = s.nct_id
    where s.study_type = 'INTERVENTIONAL'
        and len(a.dropped_primary_outcomes) > 0
        and a.is_after_primary_completion
        and (s.results_first_post_date is null or a.amended_on <= s.results_first_post_date)
    group by a.nct_id
    """
