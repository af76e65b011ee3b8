"""What the analyses of the primary outcomes show."""

from cto.labels import label_function


@label_function(kind="outcome", group="efficacy", informs={"success": +1, "endpoint_met": +1}, version=2)
def primary_p_value() -> str:
    """Vote success when a primary efficacy analysis shows its hypothesis, failure when all are tested and none does.

    What each analysis shows, with its operator, level, hypothesis, margin and direction, is read in
    core_primary_analysis. Where groups are compared, analyses within one group do not count. An analysis that cannot be
    read, or a primary efficacy outcome without one, withholds a vote against; co-primary outcomes that are met only in
    part withhold any. The score is the smallest p-value stated.
    """
    return """
    with measure as (
        select m.nct_id, m.measure_index
        from core_outcome_measure m join core_study s using (nct_id)
        where s.study_type = 'INTERVENTIONAL'
            and m.outcome_type = 'PRIMARY'
            and m.reporting_status = 'POSTED'
            and measure_kind(lower(coalesce(m.title, ''))) = 'efficacy'
    ),
    efficacy as (
        select *, bool_or(comparison = 'between') over (partition by nct_id) as compares_groups
        from core_primary_analysis
        where measure_kind = 'efficacy'
    ),
    counted as (
        select * from efficacy where comparison = 'between' or not compares_groups
    ),
    untested as (
        select distinct nct_id, true as has_untested from measure anti join counted using (nct_id, measure_index)
    ),
    by_measure as (
        select nct_id, measure_index, bool_or(verdict = 'met') as is_met, bool_or(is_co_primary) as is_co_primary
        from counted
        group by all
    ),
    co_primary as (
        select nct_id
        from by_measure left join untested using (nct_id)
        group by nct_id, has_untested
        having bool_or(is_co_primary) and (has_untested or not bool_and(is_met))
    ),
    trial as (
        select
            nct_id,
            count(*) filter (verdict = 'met') as n_met,
            count(*) filter (verdict = 'missed') as n_missed,
            count(*) filter (verdict = 'none') as n_open,
            min(p_value) filter (verdict <> 'none') as smallest,
            min_by(c, (verdict = 'missed', coalesce(p_value, 2), measure_index, analysis_index))
                filter (verdict <> 'none') as best,
            list('core_primary_analysis:' || nct_id || ':' || measure_index || ':' || analysis_index
                order by measure_index, analysis_index) as rows
        from counted c
        group by nct_id
    )
    select
        t.nct_id,
        (n_met > 0)::tinyint as vote,
        smallest as score,
        s.results_first_post_date as available_at,
        'results_first_posted' as available_at_basis,
        {
            'says': case when n_met > 0 then 'Primary endpoint met: ' else 'No primary endpoint met: ' end
                || analysis_words(best) || '. ' || n_met || ' of ' || n_met + n_missed || ' primary efficacy '
                || case n_met + n_missed when 1 then 'analysis was' else 'analyses were' end || ' met.',
            'rows': rows
        } as evidence
    from trial t
    join core_study s using (nct_id)
    left join untested u using (nct_id)
    left join co_primary p using (nct_id)
    where (n_met > 0 and p.nct_id is null)
        or (n_met = 0 and n_missed > 0 and n_open = 0 and u.nct_id is null)
    """
