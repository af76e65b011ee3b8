-- Companies that headlines name: by the exchange and ticker in them, by a name of theirs, or, as the first words, by the core
-- of one. A name of one word counts at the head or in the genitive: elsewhere it is too often a word like others.
with word as (
    select *, unnest(range(1, len(listed) + 1)) as word_index
    from (select headline_id, words, string_split(words, ' ') as listed from core_headline)
),
name_of as (
    select distinct headline_words(name) as run, ticker, name, 'name' as match_basis from core_company_name where length(name) > 2
    union
    select distinct headline_words(core), ticker, core, 'core' from core_company_name where is_own_core
),
run as (
    select headline_id, words, word_index, n_words, array_to_string(listed[word_index:word_index + n_words - 1], ' ') as run
    from word join range(1, 7) as up_to_six (n_words) on word_index + n_words - 1 <= len(listed)
    where listed[word_index] in (select string_split(run, ' ')[1] from name_of)
),
named as (
    select r.headline_id, r.word_index, r.n_words, n.ticker, n.name, n.match_basis
    from run r join name_of n on r.run = n.run
    where r.word_index = 1
        or (n.match_basis = 'name' and (r.n_words > 1 or contains(r.words || ' ', ' ' || r.run || ' s ')))
    union all
    select headline_id, 0, 0, c.ticker, stated.ticker, 'ticker'
    from (
        select
            headline_id,
            unnest(regexp_extract_all(headline, '(?i:nasdaq|nyse)[A-Za-z ]*[:\s]\s*([A-Z][A-Z.]{0,5})\b', 1)) as ticker
        from core_headline
    ) stated
    join (select distinct ticker from core_company_name) c on stated.ticker = c.ticker
)
select headline_id, ticker, name, word_index, match_basis
from named n
-- Of names within each other the longest: 'Vertex Energy' is not Vertex.
where not exists (
    from named longer
    where longer.headline_id = n.headline_id
        and n.n_words > 0
        and longer.n_words > n.n_words
        and longer.word_index <= n.word_index
        and longer.word_index + longer.n_words >= n.word_index + n.n_words
)
qualify row_number() over (
    partition by headline_id, ticker order by match_basis <> 'ticker', word_index, n_words desc, match_basis desc
) = 1
