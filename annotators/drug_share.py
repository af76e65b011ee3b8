"""How common the experimental drugs of a trial were when it was posted."""

from cto.annotate.annotator import Annotator
from cto.schema import Column, Table
from warehouse.columns import NCT_ID

drug_share = Annotator(
    name="drug_share",
    meaning="Tells new drugs from common ones: in which share of the trials posted by then each was tested.",
    table=Table(
        "annot_drug_share",
        "One row a trial of a drug: how common its experimental drugs were among trials when it was posted.",
        ("nct_id",),
        (
            NCT_ID,
            Column("shares", "MAP(VARCHAR, DOUBLE)", "Share of the trials that tested it, by drug.", required=True),
            Column("least_share", "DOUBLE", "That of its rarest drug.", required=True),
            Column("rarest", "VARCHAR[]", "Its rarest drug, and those at most twice as common, sorted.", required=True),
        ),
    ),
    # Only what was posted by then counts, so that a later day changes no earlier row. A thousand trials more keep the
    # registry's first years from making every drug common.
    sql="""
    with drug as (
        select distinct nct_id, unnest(ingredient_ids) as drug, coalesce(first_post_date, 'infinity'::date) as posted_on
        from core_trial_ingredients join core_study using (nct_id)
    ),
    posted as (
        select posted_on, sum(count(*)) over (order by posted_on) as n_trials
        from (select distinct nct_id, posted_on from drug)
        group by posted_on
    ),
    share as (
        select nct_id, drug, count(*) over (partition by drug order by posted_on) / (1000 + n_trials) as share
        from drug join posted using (posted_on)
    )
    select
        nct_id,
        map_from_entries(list((drug, share) order by drug)) as shares,
        min(share) as least_share,
        list(drug order by drug) filter (share <= 2 * least) as rarest
    from (select *, min(share) over (partition by nct_id) as least from share)
    group by nct_id
    """,
)
