"""How headlines about a trial's result sound to a text classifier."""

from cto.labels import label_function
from label_functions._news import HEADLINE, rows


@label_function(kind="outcome", group="news", informs={"success": +1, "cto_compatible": +1})
def news_sentiment() -> str:
    """Vote success when more headlines of a trial's result sound positive than negative, failure when fewer do.

    Heard are headlines since its completion whose words do not tell for certain what happened; those tell more by
    themselves (news_event). Neutral ones are no vote, nor is a tie.
    """
    return f"""
    with headline as (
    {HEADLINE}
    ),
    sounding as (
        select h.*, a.sentiment, a.model, greatest(a.positive, a.negative) as probability
        from headline h join annot_news_sentiment a on h.headline_id = a.headline_id
        where a.sentiment in ('positive', 'negative') and h.days_from_completion between 0 and 730
    ),
    counted as (
        select
            *,
            2 * count(*) filter (sentiment = 'positive') over trial > count(*) over trial as is_positive,
            count(*) over trial as n,
            max(published_on) over trial as last_on
        from sounding
        window trial as (partition by nct_id)
        qualify 2 * count(*) filter (sentiment = 'positive') over trial <> count(*) over trial
    )
    select
        nct_id,
        any_value(is_positive)::tinyint as vote,
        count(*) as score,
        any_value(last_on) as available_at,
        'headline_date' as available_at_basis,
        {{
            'says': arg_min(citation, (published_on, headline_id)) || ' sounds ' || any_value(sentiment) || ' to '
                || arg_min(model, (published_on, headline_id)) || format(' ({{:.0f}}%)',
                    100 * arg_min(probability, (published_on, headline_id)))
                || case when any_value(n) > 1 then '; so do ' || count(*) || ' of ' || any_value(n)
                    || ' headlines of a result that sound one way or the other' else '' end || '.',
            'rows': {rows("annot_news_sentiment")}
        }} as evidence
    from counted
    where (sentiment = 'positive') = is_positive
    group by nct_id
    """
