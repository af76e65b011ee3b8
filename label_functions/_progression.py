"""What the functions of phase progression share: what is known by the day, and the curve of waiting times."""

QUANTILE = 0.8
"""Share of the trials that ever go on by which the waiting time has passed."""

FEWEST_EVENTS = 20
"""Trials of a phase that must be seen to go on after their end before others of it are said not to."""

LEAST_SHARE = 0.2
"""Share of a phase's trials that must ever go on: where fewer are seen to, the registry at hand is no more than an
extract, or links are too rarely found for their absence to tell anything."""

STATE = """
    known as (
        select p.* exclude (signs), as_of, known_signs(signs, as_of, is_current) as signs
        from annot_phase_progress p cross join run
    ),
    state as (
        select
            * exclude (signs),
            list_filter(signs, lambda sign: sign.kind in ('link', 'approval')) as gone_on,
            list_filter(signs, lambda sign: sign.kind not in ('link', 'approval')) as doubts
        from known
    )"""
"""``state``: the trials of ``annot_phase_progress`` with the signs that were public by the day in ``run``."""

CUTS = f"""
    with {STATE},
    -- Waiting begins at the end: a trial that had gone on by then never waited. A sign that leaves it in doubt ends it.
    waiting as (
        select
            phase,
            len(gone_on) > 0 as is_event,
            coalesce(
                list_min(list_transform(gone_on, lambda sign: sign.public_on)),
                least(as_of, list_min(list_transform(doubts, lambda sign: sign.public_on)))
            ) - ended_on as days
        from state semi join ended using (nct_id)
        where is_watched and (not needs_approvals or exists (from core_approval where approved_on <= as_of))
    ),
    at_risk as (
        select
            phase,
            days,
            count(*) filter (is_event) as n_events,
            sum(count(*)) over (partition by phase order by days desc) as n_waiting
        from waiting
        where days > 0
        group by phase, days
    ),
    curve as (
        select
            phase,
            days,
            1 - product(1 - n_events / n_waiting) over (partition by phase order by days) as share_gone_on,
            sum(n_events) over (partition by phase) as n_events,
            max(n_waiting) over (partition by phase) as n
        from at_risk
    ),
    reached as (
        select *, max(share_gone_on) over (partition by phase) as share_ever
        from curve
        where n_events >= {FEWEST_EVENTS}
    )
    select
        phase,
        'days_to_next_phase' as score_basis,
        round_significant(min(days)::double, 2) as cut,
        0.0 as band,
        max(n)::bigint as n,
        'phase' as fitted_on
    from reached
    where share_gone_on >= {QUANTILE} * share_ever - 1e-9 and share_ever >= {LEAST_SHARE}
    group by phase
    """
"""The waiting time of each phase: the product-limit estimate's day by which 80 % of the trials that ever go on have."""

WAITED = f"""
    with {STATE},
    -- Without a sign, once the waiting time is over; not while the trial goes on or may, nor where approvals are not at
    -- hand.
    waited as (
        select
            t.*,
            c.cut,
            c.n,
            t.ended_on + c.cut::integer as horizon_end,
            s.overall_status,
            coalesce(stop_public(s.stop_known_since, h.stop_stated_on) <= t.as_of, r.is_current) as is_status_known,
            coalesce(x.reason, 'none') as reason
        from state t
        cross join run r
        join cut_point c on c.label_function = 'phase_progression' and c.phase = t.phase
        join core_study s on t.nct_id = s.nct_id
        left join core_record_history h on t.nct_id = h.nct_id
        left join core_stop_reason x on t.nct_id = x.nct_id
        where t.is_watched
            and len(t.gone_on) = 0
            and len(t.doubts) = 0
            and t.ended_on + c.cut::integer <= t.as_of
            and (not t.needs_approvals or exists (from core_approval where approved_on <= t.as_of))
            and has_ended(s.study_type, s.overall_status, s.completion_date, s.completion_date_precision,
                s.primary_completion_date, s.primary_completion_date_precision,
                stop_public(s.stop_known_since, h.stop_stated_on), r.as_of, r.is_current)
    ),
    failed as (
        select
            *,
            is_status_known and overall_status in ('TERMINATED', 'WITHDRAWN')
                and reason not in ('efficacy', 'safety', 'accrual', 'none') as is_stopped_otherwise
        from waited
        where not (is_status_known and overall_status = 'SUSPENDED')
    )"""
"""``failed``: the trials that the waiting time passed without a sign, and whether they were stopped without a cause."""

FAILED_ROW = """
        nct_id,
        0 as vote,
        cut as score,
        case when posted_on is not null then greatest(horizon_end, posted_on) end as available_at,
        'waiting_time_passed' as available_at_basis,
        {
            'says': 'No later-phase trial of its drugs and condition'
                || case when needs_approvals then ', and no approval of them,' else '' end
                || ' was known ' || cut::integer || ' days after its end on ' || strftime(ended_on, '%-d %B %Y')
                || ', by when four in five of the ' || phase || ' trials that ever go on have gone on.',
            'rows': ['annot_phase_progress:' || nct_id, 'core_trial_ingredients:' || nct_id, 'core_study:' || nct_id]
        } as evidence"""
"""The vote of a row of ``failed``."""
