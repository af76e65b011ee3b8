-- How the shares of a trial's lead sponsor moved when the trial's outcome may have come to be known. Expected is what the
-- market and the sector explain (least squares over 120 days that end 11 before the readout, without the intercept, which is
-- noise over so few); abnormal is the rest, summed from the day before to the third day after. Its noise is the standard
-- deviation of such sums of five days over those 120 days.
with readout as (
    select
        r.nct_id,
        r.readout_basis,
        r.is_first,
        t.ticker,
        -- What is published after the close, four o'clock in New York, moves the next day's prices.
        coalesce(
            case when timezone('America/New_York', timezone('UTC', r.readout_at))::time >= time '16:00'
                then timezone('America/New_York', timezone('UTC', r.readout_at))::date + 1
                else timezone('America/New_York', timezone('UTC', r.readout_at))::date
            end,
            r.readout_on
        ) as looked_for
    from core_readout r
    join core_sponsor s on r.nct_id = s.nct_id and s.is_lead
    join core_sponsor_ticker t on s.sponsor_name = t.sponsor_name
    where r.readout_on >= coalesce(t.owned_from, r.readout_on) and r.readout_on < coalesce(t.owned_to, date '9999-01-01')
),
price as (
    select
        ticker,
        day,
        day_index,
        daily_return as r,
        market_return as m,
        case when sector_basis = 'index' then sector_return end as s,
        market_basis,
        case when count(daily_return) over five = 5 then sum(daily_return) over five end as r5,
        case when count(market_return) over five = 5 then sum(market_return) over five end as m5,
        case when count(s) over five = 5 then sum(s) over five end as s5
    from core_price
    where role = 'sponsor'
    window five as (partition by ticker order by day_index rows 4 preceding)
),
event as (
    select e.ticker, e.looked_for, p.day as event_day, p.day_index as event_index
    from (select distinct ticker, looked_for from readout) e
    asof join price p on e.ticker = p.ticker and e.looked_for <= p.day
    where p.day <= e.looked_for + 7
),
shock as (
    select distinct ticker, event_day, event_index from event
),
-- Sums of floating-point numbers depend on their order, so each is taken in that of the days.
past as (
    select
        e.ticker,
        e.event_index,
        count(*) as n_days,
        count(p.s) = count(*) as has_sector,
        covar_samp(r, m order by step) as rm, covar_samp(r, s order by step) as rs, covar_samp(m, s order by step) as ms,
        var_samp(m order by step) as mm, var_samp(s order by step) as ss,
        covar_samp(r5, m5 order by step) as rm5, covar_samp(r5, s5 order by step) as rs5, covar_samp(m5, s5 order by step) as ms5,
        var_samp(r5 order by step) as rr5, var_samp(m5 order by step) as mm5, var_samp(s5 order by step) as ss5
    from shock e, range(-130, -10) as back (step)
    join price p on p.ticker = e.ticker and p.day_index = e.event_index + step
    where p.r is not null and p.m is not null
    group by e.ticker, e.event_index
    having count(*) >= 60 and var_samp(m) > 0
),
explained as (
    select
        ticker,
        event_index,
        n_days,
        has_two,
        case when has_two then (rm * ss - rs * ms) / (mm * ss - ms * ms) else rm / mm end as market_beta,
        case when has_two then (rs * mm - rm * ms) / (mm * ss - ms * ms) else 0 end as sector_beta,
        sqrt(greatest(0,
            rr5 + market_beta ** 2 * mm5 - 2 * market_beta * rm5
            + case when has_two
                then sector_beta ** 2 * ss5 - 2 * sector_beta * rs5 + 2 * market_beta * sector_beta * ms5
                else 0
            end
        )) as noise
    from (select *, has_sector and mm * ss - ms * ms > 0.001 * mm * ss as has_two from past)
),
reaction as (
    select
        e.ticker,
        e.event_day,
        min(p.day) as first_day,
        max(p.day) as last_day,
        sum(p.r order by step) as total_return,
        sum(p.r - x.market_beta * p.m - x.sector_beta * coalesce(p.s, 0) order by step) as abnormal_return,
        any_value(x.market_beta) as market_beta,
        any_value(case when x.has_two then x.sector_beta end) as sector_beta,
        any_value(x.noise) as noise,
        any_value(x.n_days) as n_days,
        case when bool_or(p.market_basis = 'mean_of_others') then 'mean_of_others'
            when any_value(x.has_two) then 'market_and_sector' else 'market' end as adjusted_for
    from shock e
    join explained x on e.ticker = x.ticker and e.event_index = x.event_index
    join range(-1, 4) as around (step) on true
    join price p on p.ticker = e.ticker and p.day_index = e.event_index + step
    group by e.ticker, e.event_day
    -- A share that is not traded for weeks tells of the weeks, not of the day.
    having count(p.r) = 5 and count(p.m) = 5 and max(p.day) - min(p.day) <= 14
        and (not any_value(x.has_two) or count(p.s) = 5) and any_value(x.noise) > 0
)
select
    r.nct_id,
    r.readout_basis,
    r.is_first,
    r.ticker,
    e.event_day,
    a.first_day,
    a.last_day,
    a.total_return,
    a.abnormal_return,
    a.noise,
    a.abnormal_return / a.noise as z,
    a.market_beta,
    a.sector_beta,
    a.adjusted_for,
    a.n_days,
    count(*) over (partition by r.ticker, e.event_day, r.readout_basis) as n_trials
from readout r
join event e on r.ticker = e.ticker and r.looked_for = e.looked_for
join reaction a on e.ticker = a.ticker and e.event_day = a.event_day
