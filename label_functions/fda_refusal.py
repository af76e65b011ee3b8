"""That the FDA refused what a trial tested."""

from cto.labels import label_function


@label_function(kind="outcome", group="regulator", informs={"success": +1})
def fda_refusal() -> str:
    """Vote failure on a pivotal trial when the FDA, after it, refused its sponsor's application on clinical grounds.

    A refusal for manufacturing, facilities or labeling tells nothing of the trial. A later approval does not take the
    vote back, as what the FDA had before it on that day did not suffice: where it rests on a new trial, that one gets
    the vote for, and where there is no new one, the two votes stand against each other. The published convention knows
    no refusals.
    """
    return """
    with earliest as (
        select nct_id, arg_min(t, (refused_on, application_number, file_name)) as t
        from core_trial_refusal t
        where speaks
        group by nct_id
    )
    select
        e.nct_id,
        0 as vote,
        t.days_after as score,
        t.refused_on as available_at,
        'letter_date' as available_at_basis,
        {
            'says': 'The FDA refused ' || t.application_number || ' (' || array_to_string(r.ingredients, ', ')
                || ') of ' || r.company_name || ' on ' || strftime(t.refused_on, '%-d %B %Y') || ', ' || t.days_after
                || ' days after the primary completion of this trial; its letter names these deficiencies: '
                || replace(array_to_string(r.grounds, ', '), '_', ' ') || '.',
            'rows': [
                'core_refusal:' || t.file_name || ':' || t.application_number,
                'core_trial_ingredients:' || e.nct_id,
                'core_study:' || e.nct_id
            ]
        } as evidence
    from earliest e join core_refusal r
        on r.file_name = t.file_name and r.application_number = t.application_number
    """
