-- What each version of a record changed, against the one before. Only some versions' records were read: outcomes are
-- compared from one read version to the next, and where one in between touches them unread, no version is blamed.
with version as (
    select
        v.nct_id,
        v.version_index,
        parse_date(v.version_date_text) as amended_on,
        v.overall_status,
        coalesce(v.modules, []) as modules,
        coalesce(list_bool_or(list_transform(v.modules, lambda module: contains(lower(module), 'outcome'))), false)
            as touches_outcomes,
        r.nct_id is not null as is_read,
        parse_date(r.posted_on_text) as posted_on,
        list_transform(r.primary_measures,
            lambda measure: {'measure': measure, 'words': outcome_words(measure)}) as measures,
        list_sort(list_transform(
            list_zip(r.primary_measures, r.primary_time_frames),
            lambda outcome: plain_words(outcome[1]) || ' | ' || plain_words(outcome[2])
        )) as outcomes
    from raw_registry_history__version v
    left join raw_registry_history__record r on v.nct_id = r.nct_id and v.version_index = r.version_index
),
-- `unread` counts the versions up to here that touch the outcomes without their record having been read.
counted as (
    select
        *,
        count(*) filter (touches_outcomes and not is_read) over history as unread,
        row_number() over history as number
    from version
    window history as (partition by nct_id order by version_index)
),
compared as (
    select
        *,
        last_value(case when is_read then outcomes end ignore nulls) over earlier as former_outcomes,
        last_value(case when is_read then measures end ignore nulls) over earlier as former_measures,
        last_value(case when is_read then unread end ignore nulls) over earlier as former_unread
    from counted
    window earlier as (partition by nct_id order by version_index rows between unbounded preceding and 1 preceding)
),
judged as (
    select
        *,
        case
            when is_read and outcomes = former_outcomes then false
            when is_read and touches_outcomes and unread = former_unread then true
            when not is_read and not touches_outcomes then false
        end as changes_primary_outcome
    from compared
    where number > 1
)
select
    a.nct_id,
    version_index,
    amended_on,
    posted_day(posted_on, amended_on) as posted_on,
    a.overall_status,
    modules,
    amended_on > latest_day(s.start_date, s.start_date_precision) as is_after_start,
    amended_on > latest_day(s.primary_completion_date, s.primary_completion_date_precision)
        as is_after_primary_completion,
    changes_primary_outcome,
    case
        when changes_primary_outcome
            then list_transform(
                list_filter(former_measures, lambda former: not coalesce(list_bool_or(
                    list_transform(measures, lambda now: is_same_outcome(former.words, now.words))), false)),
                lambda former: former.measure
            )
        when not changes_primary_outcome then []
    end as dropped_primary_outcomes
from judged a left join core_study s on a.nct_id = s.nct_id
