"""What the shares of a trial's sponsor did: a family."""

from cto.labels import label_function


@label_function(kind="outcome", group="market", informs={"success": +1, "cto_compatible": +1})
def stock_reaction() -> str:
    """Vote success when the sponsor's shares rose far beyond noise on a headline of a result, failure when they fell.

    Far is more than three standard deviations: two are passed on one ordinary day in twelve, as returns have heavy
    tails. A paper or a posting of results is no readout here: the market has learnt by then. Nor is one reaction that
    more than three trials share.
    """
    return """
    select
        nct_id,
        (z > 0)::tinyint as vote,
        z as score,
        last_day + 1 as available_at,
        'price_window' as available_at_basis,
        {
            'says': 'From ' || strftime(first_day, '%-d %B %Y') || ' to ' || strftime(last_day, '%-d %B %Y')
                || ', around the first headline of a result, ' || ticker || ' moved '
                || format('{:+.1f}% beyond what ', 100 * abnormal_return)
                || case adjusted_for
                    when 'market_and_sector' then 'market and sector explain'
                    when 'market' then 'the market explains'
                    else 'the mean of other shares explains'
                end || format(', {:+.1f} times its usual {:.1f}%', z, 100 * noise)
                || case when n_trials > 1 then '; ' || n_trials || ' trials share it' else '' end || '.',
            'rows': ['core_market_reaction:' || nct_id || ':' || readout_basis || ':' || ticker]
        } as evidence
    from core_market_reaction
    where readout_basis = 'headline' and is_first and abs(z) > 3 and n_trials <= 3
    qualify row_number() over (partition by nct_id order by ticker) = 1
    """


@label_function(kind="design", group="market", informs={"cto_compatible": +1})
def stock_after_completion() -> str:
    """Vote success when the mean of five closes rose over the seven trading days after completion, else failure.

    This is the convention's rule: the day on which a trial ends tells the market nothing of its result. The first mean
    is of one close, as the convention has it. A day that is only expected is no completion.
    """
    return """
    with completed as (
        select r.nct_id, r.readout_on, t.ticker
        from core_readout r
        join core_sponsor s on r.nct_id = s.nct_id and s.is_lead
        join core_sponsor_ticker t on s.sponsor_name = t.sponsor_name
        where r.readout_basis = 'completion'
            and r.readout_on >= coalesce(t.owned_from, r.readout_on)
            and r.readout_on < coalesce(t.owned_to, date '9999-01-01')
    ),
    started as (
        select c.*, p.day_index as first_index
        from completed c asof join core_price p on c.ticker = p.ticker and c.readout_on < p.day
        where p.day <= c.readout_on + 7
    ),
    sloped as (
        select
            s.nct_id,
            s.ticker,
            s.readout_on,
            max(p.day) as last_day,
            (avg(p.adj_close order by p.day_index) filter (p.day_index >= s.first_index + 2)
                / any_value(p.adj_close) filter (p.day_index = s.first_index) - 1) / 6 as slope
        from started s
        join range(0, 7) as seven (step) on true
        join core_price p on s.ticker = p.ticker and p.day_index = s.first_index + step
        group by all
        having count(*) = 7 and max(p.day) <= s.readout_on + 21
    )
    select
        nct_id,
        (slope > 0)::tinyint as vote,
        slope as score,
        last_day + 1 as available_at,
        'price_window' as available_at_basis,
        {
            'says': 'In the seven trading days after the completion on ' || strftime(readout_on, '%-d %B %Y')
                || ', to ' || strftime(last_day, '%-d %B %Y') || ', the mean of five closes of ' || ticker
                || ' changed by ' || format('{:+.2f}% a day.', 100 * slope),
            'rows': ['core_readout:' || nct_id || ':completion', 'core_price:' || ticker || ':' || last_day]
        } as evidence
    from sloped
    where slope <> 0
    qualify row_number() over (partition by nct_id order by ticker) = 1
    """
