"""What a model read in the result papers of a trial."""

from cto.labels import label_function


@label_function(kind="outcome", group="papers", informs={"success": +1, "endpoint_met": +1, "cto_compatible": +1})
def pubmed_verdict() -> str:
    """Vote success when the trial's result papers say that the primary endpoint was met, failure when it was not.

    Heard are readings with a verified quote, of papers public by the run's day that are still result papers of the
    trial and that the model, too, holds to be about it. Part of several endpoints met, nothing reported, a result in
    favour of the control, an endpoint met in a trial stopped for harm, and two papers that disagree are no vote. Nor is
    anything about a trial whose primary outcomes are of safety or pharmacokinetics, or of phase 1 without a registered
    one. The score is the probability that the model gave to met, in the earliest of the papers.
    """
    return """
    with aim as (
        select nct_id, bool_or(measure_kind(lower(coalesce(measure, ''))) = 'efficacy') as has_efficacy
        from core_registered_outcome
        where outcome_type = 'PRIMARY'
        group by nct_id
    ),
    reading as (
        select
            v.*,
            p.available_on,
            v.primary_endpoint = 'met' as is_met,
            v.primary_endpoint = 'met' and (v.direction = 'control' or v.is_safety_stop) as is_withheld
        from annot_pubmed_verdict v
        join core_trial_publication p on v.nct_id = p.nct_id and v.pmid = p.pmid
        join core_study s on v.nct_id = s.nct_id
        left join aim a on v.nct_id = a.nct_id
        cross join run
        where p.is_result_paper
            and (p.available_on <= run.as_of or (p.available_on is null and run.is_current))
            and v.abstain_reason is null
            and v.is_about_trial
            and v.quote is not null
            and v.primary_endpoint in ('met', 'not_met')
            and s.study_type = 'INTERVENTIONAL'
            and coalesce(a.has_efficacy, coalesce(s.phase, 'NA') not in ('EARLY_PHASE1', 'PHASE1'))
    ),
    trial as (
        select
            nct_id,
            count(*) as n,
            arg_min(r, (coalesce(available_on, 'infinity'::date), pmid)) as r,
            list(pmid order by coalesce(available_on, 'infinity'::date), pmid) as pmids
        from reading r
        group by nct_id
        having count(distinct is_met) = 1 and not bool_or(is_withheld)
    )
    select
        nct_id,
        r.is_met::tinyint as vote,
        r.p_met as score,
        r.available_on as available_at,
        'publication_date' as available_at_basis,
        {
            'says': 'Primary endpoint ' || case when r.is_met then 'met' else 'not met' end || ', as ' || r.model
                || ' read in the abstract of PMID ' || r.pmid
                || coalesce(' (public by ' || strftime(r.available_on, '%-d %B %Y') || ')', '')
                || ': "' || r.quote || '"'
                || case when n > 1 then '; so it did in PMID ' || pmids[2] else '' end || '.',
            'rows': list_concat(
                list_transform(pmids, lambda pmid: 'annot_pubmed_verdict:' || nct_id || ':' || pmid),
                list_transform(pmids, lambda pmid: 'core_trial_publication:' || nct_id || ':' || pmid))
        } as evidence
    from trial
    """
