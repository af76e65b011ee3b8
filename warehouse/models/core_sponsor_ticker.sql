-- Which listed company a sponsor is, by its name. The surest way in which a name matches counts; a name without its words for
-- trade and place matches when one of the two has no others or both have like ones.
with sponsor as (
    select
        sponsor_name,
        company_words(sponsor_name) as words,
        company_name(sponsor_name) as name,
        company_core(sponsor_name) as core,
        company_trade(sponsor_name) as trade
    from (select distinct sponsor_name from core_sponsor where sponsor_class = 'INDUSTRY' and sponsor_name is not null)
),
matched as (
    select
        s.*,
        c.ticker,
        c.company_name,
        case
            when c.basis <> 'listed' then c.basis
            when s.words = company_words(c.company_name) then 'exact'
            else 'normalised'
        end as match_basis,
        c.name as matched_name,
        c.owned_from,
        c.owned_to
    from sponsor s join core_company_name c on s.name = c.name
    union all
    select s.*, c.ticker, c.company_name, 'core', c.name, c.owned_from, c.owned_to
    from sponsor s
    join core_company_name c on s.core = c.core and c.is_own_core and s.name <> c.name
    where s.trade = ''
        or company_trade(c.name) = ''
        or substr(s.trade, 1, 5) = substr(company_trade(c.name), 1, 5)
)
select
    sponsor_name,
    ticker,
    company_name,
    match_basis,
    case match_basis when 'exact' then 0.99 when 'core' then 0.85 else 0.97 end as confidence,
    owned_from,
    owned_to,
    '"' || sponsor_name || '" is '
        || case match_basis
            when 'exact' then 'the name of ' || company_name
            when 'normalised' then company_name || ' but for the legal form'
            when 'core' then company_name || ' but for words of trade and place'
            when 'alias' then 'another name of ' || company_name
            when 'former_name' then 'a former name of ' || company_name
            else 'a subsidiary of ' || company_name || coalesce(' from ' || strftime(owned_from, '%-d %B %Y'), '')
                || coalesce(' to ' || strftime(owned_to, '%-d %B %Y'), '')
        end || ' (' || ticker || ').' as evidence
from matched
-- Of several matches the surest; a subsidiary that changed owners keeps both, as their days do not meet.
qualify rank() over (partition by sponsor_name order by match_basis = 'core') = 1
    and row_number() over (
        partition by sponsor_name, ticker order by match_basis = 'core', match_basis <> 'exact', matched_name <> core, matched_name
    ) = 1
