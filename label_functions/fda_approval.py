"""That the FDA approved what a trial tested."""

from cto.labels import label_function


@label_function(kind="outcome", group="regulator", informs={"success": +1, "cto_compatible": +1})
def fda_approval() -> str:
    """Vote success on a pivotal trial when the FDA, after it, approved what it tested for its sponsor.

    All candidates of a first approval are voted on, as openFDA does not say on which trials or for which disease it was
    given (core_trial_approval states the conditions). No approval is no vote: most may be pending.
    """
    return """
    with earliest as (
        select nct_id, arg_min(t, (approved_on, application_number, kind, submission_number)) as t
        from core_trial_approval t
        where speaks
        group by nct_id
    )
    select
        e.nct_id,
        1 as vote,
        t.days_after as score,
        t.approved_on as available_at,
        'approval_date' as available_at_basis,
        {
            'says': 'The FDA approved '
                || case t.kind when 'original' then '' else 'an efficacy supplement of ' end
                || t.application_number || ' (' || array_to_string(list_concat(a.brand_names, a.ingredients), ', ')
                || ') of ' || a.sponsor_name || ' on ' || strftime(t.approved_on, '%-d %B %Y') || ', ' || t.days_after
                || ' days after the primary completion of this trial of ' || t.sponsor_name
                || case when t.is_first then ': the first approval of these ingredients.'
                    else ': of its phase 3 trials the only one that ended in the three years before.' end,
            'rows': [
                'core_approval:' || t.application_number || ':' || t.kind || ':' || t.submission_number,
                'core_trial_ingredients:' || e.nct_id,
                'core_study:' || e.nct_id
            ]
        } as evidence
    from earliest e join core_approval a
        on a.application_number = t.application_number and a.kind = t.kind and a.submission_number = t.submission_number
    """
