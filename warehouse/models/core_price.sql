-- Prices with the day's return and, to hold it against, that of the market and the sector: of the funds that stand for them,
-- or, on a day on which such a fund has no price, the mean of the other tickers, of five at least. In that mean no ticker moves
-- by more than half: a share of a hundredth of a cent may rise by tens of thousands per cent.
with day as (
    select
        d.ticker,
        d.day,
        coalesce(h.role, 'sponsor') as role,
        d.open,
        d.close,
        d.adj_close,
        d.volume,
        d.adj_close / nullif(d.close, 0) as adjustment,
        row_number() over history as day_index,
        d.adj_close / nullif(lag(d.adj_close) over history, 0) - 1 as daily_return,
        least(0.5, greatest(-0.5, daily_return)) as tamed
    from raw_prices__day d left join raw_prices__history h on d.ticker = h.ticker
    where d.close > 0 and d.adj_close > 0
    window history as (partition by d.ticker order by d.day)
),
common as (
    select
        day,
        any_value(daily_return) filter (role = 'market') as market_return,
        any_value(daily_return) filter (role = 'sector') as sector_return,
        sum(tamed order by ticker) filter (role = 'sponsor') as total,
        count(daily_return) filter (role = 'sponsor') as n
    from day
    group by day
)
select
    d.*,
    coalesce(c.market_return, mean_of_others) as market_return,
    case when c.market_return is not null then 'index' when mean_of_others is not null then 'mean_of_others' end as market_basis,
    coalesce(c.sector_return, mean_of_others) as sector_return,
    case when c.sector_return is not null then 'index' when mean_of_others is not null then 'mean_of_others' end as sector_basis
from (
    select
        d.*,
        case when c.n - (d.daily_return is not null)::integer >= 5 and d.role = 'sponsor'
            then (c.total - coalesce(d.tamed, 0)) / (c.n - (d.daily_return is not null)::integer)
        end as mean_of_others
    from day d join common c on d.day = c.day
) d join common c on d.day = c.day
