-- The days on which a trial's outcome may have come to be known: results posted, a first result paper, a first headline that
-- tells of a result; and, apart from these, its completion.
with trial as (
    select
        nct_id,
        latest_day(primary_completion_date, primary_completion_date_precision) as collected,
        case when primary_completion_date_type is distinct from 'ESTIMATED' then primary_completion_date end as completed,
        case when results_first_post_date_precision = 'day' then results_first_post_date end as posted,
        case when completion_date_precision = 'day' and completion_date_type = 'ACTUAL' then completion_date end as ended
    from core_study
    where study_type = 'INTERVENTIONAL'
),
readout as (
    select nct_id, 'results_posted' as readout_basis, posted as readout_on, null::timestamp as readout_at, null as source_id
    from trial
    where posted is not null
    union all
    select t.nct_id, 'publication', min(p.available_on), null, arg_min(p.pmid, (p.available_on, p.pmid))
    from core_trial_publication p join trial t on p.nct_id = t.nct_id
    where p.is_result_paper and p.available_on > t.collected
    group by t.nct_id
    union all
    select
        m.nct_id,
        'headline',
        min(h.published_on),
        min(h.published_at),
        arg_min(h.headline_id, (h.published_at, h.headline_id))
    from core_trial_headline m
    join core_headline h on m.headline_id = h.headline_id
    join trial t on m.nct_id = t.nct_id
    where h.tells_result and h.published_on between completed - 30 and completed + 365
    group by m.nct_id
    union all
    select nct_id, 'completion', ended, null, null
    from trial
    where ended is not null
)
select
    *,
    readout_basis <> 'completion'
        and row_number() over (
            partition by nct_id
            order by readout_basis = 'completion', readout_on, readout_basis <> 'headline', readout_basis <> 'publication'
        ) = 1 as is_first
from readout
