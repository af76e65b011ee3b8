"""What headlines say for certain of a trial: a family."""

from cto.labels import label_function
from label_functions._news import HEADLINE, rows


def _votes(heard: str) -> str:
    return f"""
    with headline as (
    {HEADLINE}
    ),
    told as materialized (
        select *, headline_event(words) as event
        from headline
    ),
    heard as (
        select
            *,
            event in ('approved', 'refused') as is_regulator,
            (event in ('endpoint_met', 'approved'))::tinyint as vote
        from told
        where {heard}
            and case
                when event in ('endpoint_met', 'endpoint_missed')
                    then names_trial or days_from_completion between -30 and 730
                when event = 'halted' then published_on >= start_date and coalesce(days_from_completion <= 730, true)
                when event in ('approved', 'refused') then is_pivotal and days_from_completion between 0 and 730
            end
        -- Of result and regulator, the result where there is one.
        qualify rank() over (partition by nct_id order by is_regulator) = 1
    )
    select
        nct_id,
        min(vote) as vote,
        count(*) as score,
        min(published_on) as available_at,
        'headline_date' as available_at_basis,
        {{
            'says': arg_min(citation, (published_on, headline_id)) || ' says that '
                || case arg_min(event, (published_on, headline_id))
                    when 'endpoint_met' then 'the primary endpoint was met'
                    when 'endpoint_missed' then 'the primary endpoint was missed'
                    when 'halted' then 'the trial was stopped for cause'
                    when 'approved' then 'what the trial tested was approved'
                    when 'refused' then 'what the trial tested was refused approval'
                end
                || case when count(*) > 1 then '; ' || (count(*) - 1) || ' more agree' else '' end || '.',
            'rows': {rows("core_headline")}
        }} as evidence
    from heard
    group by nct_id
    having min(vote) = max(vote)
    """


@label_function(kind="outcome", group="news", informs={"success": +1, "cto_compatible": +1})
def news_event() -> str:
    """Vote as headlines say in so many words: endpoint met, approved; endpoint missed, stopped for cause, refused.

    What they say of the trial's own result comes before what they say of the regulator, who is heard on pivotal trials
    alone. Where they contradict each other there is no vote.
    """
    return _votes("event <> 'other'")


@label_function(kind="outcome", group="news", informs={"endpoint_met": +1})
def news_endpoint() -> str:
    """Vote as headlines say in so many words that the primary endpoint was met or missed.

    Where they contradict each other there is no vote.
    """
    return _votes("event in ('endpoint_met', 'endpoint_missed')")
