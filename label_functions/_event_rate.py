"""The query that dropout, deaths and adverse events share: they differ in what is counted."""


def event_rate(event: str, did: str, counted_in: str) -> str:
    """Return the SQL of an event's share of participants, as a score.

    Args:
        event: a code of ``core_event_rate.event``.
        did: what the participants did, to end a sentence: ``died``.
        counted_in: the core table that holds the counts.

    """
    return f"""
    select
        r.nct_id,
        r.percent as score,
        r.standard_error as noise,
        r.score_basis,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {{
            'says': rate_words('{did}', r),
            'rows': ['core_event_rate:' || r.nct_id || ':{event}', '{counted_in}:' || r.nct_id]
        }} as evidence
    from core_event_rate r join core_study s on r.nct_id = s.nct_id
    where r.event = '{event}' and s.study_type = 'INTERVENTIONAL'
    """
