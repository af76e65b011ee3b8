"""Whether what a trial tested went on: a family."""

from cto.labels import label_function
from label_functions._progression import CUTS, FAILED_ROW, WAITED


@label_function(
    kind="outcome",
    group="progression",
    informs={"success": +1, "progressed": +1, "cto_compatible": +1},
    cuts=CUTS,
)
def phase_progression() -> str:
    """Vote success when a later phase of what was tested began or the FDA approved it, failure when the wait is over.

    A later phase is a link of annot_phase_linkage, an approval one that speaks for a trial of phase 2/3 or 3. The wait
    is over when the phase's waiting time (its cut point) has passed since primary completion. Silence speaks only where
    a continuation would be seen: the drugs are identified and not too common, and approvals are at hand where one is
    next.
    """
    return f"""
    {WAITED},
    gone as (
        select
            *,
            list_sort(list_transform(
                gone_on, lambda sign: {{'public_on': sign.public_on, 'kind': sign.kind, 'id': sign.id}}
            )) as ordered
        from state
        where len(gone_on) > 0
    ),
    first_sign as (
        select
            *,
            coalesce(list_filter(ordered, lambda sign: sign.public_on is not null)[1], ordered[1]) as sign
        from gone
    )
    select
        f.nct_id,
        1 as vote,
        f.sign.public_on - f.ended_on as score,
        f.sign.public_on as available_at,
        case f.sign.kind when 'link' then 'later_trial_posted' else 'approval_date' end as available_at_basis,
        {{
            'says': case f.sign.kind
                when 'approval' then 'The FDA approved what it tests: ' || f.sign.id
                    || strftime(f.sign.public_on, ', on %-d %B %Y')
                else 'A trial of ' || l.later_phase || ' continues it: ' || l.later_nct_id
                    || coalesce(strftime(l.posted_on, ', first posted on %-d %B %Y'), '') || format(
                        ', with probability {{:.2f}}', l.link_probability) || ', on '
                    || array_to_string(l.shared_ingredients, ', ')
                end
                || case when len(f.ordered) > 1 then '; ' || len(f.ordered) - 1 || ' more tell the same.' else '.' end,
            'rows': list_concat(
                list_transform(f.ordered, lambda sign: case sign.kind
                    when 'link' then 'annot_phase_linkage:' || f.nct_id || ':' || sign.id
                    else 'core_approval:' || sign.id end),
                ['core_trial_ingredients:' || f.nct_id])
        }} as evidence
    from first_sign f
    left join annot_phase_linkage l on f.sign.kind = 'link' and f.nct_id = l.nct_id and f.sign.id = l.later_nct_id
    union all by name
    select {FAILED_ROW}
    from failed
    where not is_stopped_otherwise
    """


@label_function(kind="outcome", group="progression", informs={"progressed": +1})
def stopped_for_good() -> str:
    """Vote failure when a trial was stopped for business, funding or the like and the wait for another is over.

    Such a stop says nothing of the trial's aim, so this informs no other definition.
    """
    return f"""
    {WAITED}
    select {FAILED_ROW}
    from failed
    where is_stopped_otherwise
    """
