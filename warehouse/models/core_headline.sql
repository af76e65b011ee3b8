-- Copies of one headline: the same words, each within three days of the one before. What bears no day is one group a text.
with item as (
    select
        headline,
        headline_words(headline) as words,
        try_cast(try_strptime(published_at, '%Y-%m-%dT%H:%M:%SZ') as timestamp) as published_at,
        publisher,
        link,
        item_id
    from raw_news__item
    where headline_words(headline) <> ''
),
spaced as (
    select
        *,
        coalesce(published_at - lag(published_at) over copies > interval 3 days, true) as is_new
    from item
    window copies as (partition by words, published_at is null order by published_at, item_id)
),
grouped as (
    select
        *,
        case when published_at is not null
            then sum(is_new::integer) over (partition by words, published_at is null order by published_at, item_id)
        end as copy_group
    from spaced
)
select
    substr(sha256(words || ' ' || coalesce(min(published_at)::date::varchar, 'undated')), 1, 16) as headline_id,
    arg_min(headline, (coalesce(published_at, timestamp '9999-01-01'), item_id)) as headline,
    words,
    min(published_at) as published_at,
    min(published_at)::date as published_on,
    count(*) as n_copies,
    list_sort(list(distinct publisher) filter (publisher is not null)) as publishers,
    arg_min(link, (coalesce(published_at, timestamp '9999-01-01'), item_id)) as link,
    tells_result(words) as tells_result
from grouped
group by words, copy_group
