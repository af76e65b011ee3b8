"""Which headlines may speak for a trial: what the functions that read news share."""

HEADLINE = """
    select
        m.nct_id,
        h.*,
        m.match_basis in ('nct', 'acronym') as names_trial,
        m.days_from_completion,
        s.start_date,
        is_pivotal(s.phase, s.overall_status, s.primary_completion_date_type) as is_pivotal,
        '"' || h.headline || '" (' || coalesce(h.publishers[1] || ', ', '')
            || strftime(h.published_on, '%-d %B %Y') || ')' as citation
    from core_trial_headline m
    join core_headline h on m.headline_id = h.headline_id
    join core_study s on m.nct_id = s.nct_id
    where h.published_on <= (select as_of from run)
        and (names_trial or (m.names_drug and (m.names_sponsor or coalesce(m.names_phase, false))))
"""
"""Headlines public by the run's day, so that no later one takes part in a vote, which name the trial by its number or
acronym, or its drug with its sponsor or phase: a drug and a condition alone are too often another sponsor's trial."""


def rows(table: str) -> str:
    """Return the SQL of the rows of evidence, the first five headlines as rows of ``table``."""
    first = "list(headline_id order by published_on, headline_id)[:5]"
    return f"list_append(list_transform({first}, lambda id: '{table}:' || id), 'core_trial_headline:' || nct_id)"
