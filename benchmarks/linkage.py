"""Phase linkage over generated trials: seconds, memory and links, at three sizes.

Run: python benchmarks/linkage.py [--sizes 30000,60000,125000]

Half of the trials are steps of programmes, with a drug, condition and sponsor of their own. Drugs, conditions and
sponsors are drawn so that the r-th of them is in a share of trials that falls as 1/r: at 125,000 trials some drugs are
in thousands of them, some conditions in tens of thousands. Every size runs in a process of its own, so that the memory
shown is its own; making the trials is not timed, though its memory counts. The last two columns are the trials of the
commonest drug and of the commonest condition.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import duckdb

from annotators.drug_share import drug_share
from annotators.phase_candidate import phase_candidate
from annotators.phase_linkage import phase_linkage
from annotators.phase_progress import phase_progress
from annotators.text_embedding import text_embedding
from cto import registry
from cto.build import connect
from cto.plan import macros

GENERATED = {
    # a number from 0 to 1 from a hash, and the r-th of n names with a chance that falls as 1/r
    "chance": "create macro chance(i, salt) as hash(i, salt) / 18446744073709551616.0",
    "draw": "create macro draw(i, salt, n) as floor(exp(chance(i, salt) * ln(n)))::integer",
    "generated": """
        select
            i,
            'NCT' || lpad((10000000 + i)::varchar, 8, '0') as nct_id,
            date '2000-01-01' + (i * 9000 // $n)::integer as posted_on,
            (300 + 1500 * chance(i, 'days'))::integer as days,
            -- half of the trials belong to programmes: what they draw first is their programme's
            chance(i, 'programme') < 0.5 as is_step,
            case when chance(i, 'programme') < 0.5 then i % ($n // 6) else i end as source
        from range($n) as trial (i)
    """,
    "given": """
        select distinct
            i,
            nct_id,
            case when is_step and k = 0 then 'new drug ' || source else 'drug ' || draw(i, 'drug' || k, $n // 3) end
                as drug
        from generated join range(4) as four (k) on k <= 4 * chance(i, 'drugs') ** 2
    """,
    "named": """
        select
            i,
            nct_id,
            k + 1 as position,
            draw(case k when 0 then source else i end, 'condition' || k, 5000) as condition,
            draw(case k when 0 then source else i end, 'sponsor' || k, $n // 10) as sponsor
        from generated join range(4) as four (k) on k <= 4 * chance(i, 'conditions') ** 2
    """,
    "core_study": """
        select
            nct_id,
            'INTERVENTIONAL' as study_type,
            [
                'PHASE1', 'PHASE1', 'PHASE1/PHASE2', 'PHASE2', 'PHASE2', 'PHASE2/PHASE3', 'PHASE3', 'PHASE3', 'PHASE4',
                'NA'
            ][1 + floor(10 * chance(i, 'phase'))::integer] as phase,
            'COMPLETED' as overall_status,
            posted_on as first_post_date,
            posted_on - 30 as start_date,
            'day' as start_date_precision,
            posted_on + days as primary_completion_date,
            'day' as primary_completion_date_precision,
            'Drug ' || draw(source, 'drug0', $n // 3) || ' in ailment' || draw(source, 'condition0', 5000)
                as brief_title
        from generated
    """,
    "core_intervention": """
        select
            nct_id,
            row_number() over (partition by nct_id order by drug) as intervention_index,
            drug as intervention_name,
            'DRUG' as intervention_type,
            'experimental' as role
        from given
    """,
    "core_trial_drug": """
        select
            nct_id,
            intervention_index,
            intervention_name,
            role,
            true as is_experimental,
            intervention_name as drug_id,
            [intervention_name] as ingredient_ids,
            [intervention_name] as ingredients,
            'rxnorm_exact' as basis
        from core_intervention
    """,
    "core_trial_ingredients": """
        select
            nct_id,
            array_to_string(list(drug order by drug), '+') as drug_id,
            list(drug order by drug) as ingredient_ids,
            list(drug order by drug) as ingredients,
            count(*) as n_experimental,
            true as is_whole
        from given
        group by nct_id
    """,
    "core_condition": """
        select
            nct_id,
            position as condition_index,
            'ailment' || condition || ' kind' || draw(i, position, 9) as condition
        from named
    """,
    "core_condition_term": "select nct_id, position as term_index, 'term ' || condition as term from named",
    "core_sponsor": """
        select
            nct_id,
            position - 1 as sponsor_index,
            'Sponsor ' || sponsor as sponsor_name,
            'INDUSTRY' as sponsor_class,
            position = 1 as is_lead
        from named
        where position <= 2
    """,
    "core_eligibility": "select nct_id, 'ALL' as sex, 18 as minimum_age_years from generated",
    "core_summary": """
        select
            nct_id,
            array_to_string(list_transform(range(80), lambda k: 'word' || draw(i, 'word' || k, 20000)), ' ')
                as brief_summary
        from generated
    """,
}


def main() -> None:
    """Measure and print one row a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="30000,60000,125000")
    parser.add_argument("--step", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(_measure(chosen.step)))
        return
    widths = {
        "trials": 8,
        "seconds": 8,
        "peak MB": 8,
        "pairs": 10,
        "kept": 9,
        "links": 8,
        "a drug": 7,
        "a condition": 11,
    }
    print(*(f"{name:>{width}}" for name, width in widths.items()))
    for size in chosen.sizes.split(","):
        command = [sys.executable, __file__, "--step", size]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        row = [f"{int(size):,}", f"{found.pop('seconds'):.1f}", f"{found.pop('peak_mb'):.0f}"]
        row += [f"{value:,}" for value in found.values()]
        print(*(f"{text:>{width}}" for text, width in zip(row, widths.values(), strict=True)), flush=True)


def _measure(n: int) -> dict[str, float]:
    """Link n generated trials in a database with two threads that spills beyond a gigabyte."""
    with connect("1GB") as con:
        con.execute(macros())
        _generate(con, n)
        con.execute(text_embedding.table.ddl())
        began = time.perf_counter()
        for annotator in (drug_share, phase_candidate, phase_linkage, phase_progress):
            table = annotator.table
            con.execute(f"create table {table.name} as select {table.select_list()} from ({annotator.sql})")
        seconds = time.perf_counter() - began
        counted = (
            "select count(*) from annot_phase_candidate",
            "select count(*) from annot_phase_linkage",
            "select count(*) from annot_phase_linkage where is_link",
            "select max(n) from (select count(*) as n from core_trial_drug group by drug_id)",
            "select max(n) from (select count(distinct nct_id) as n from core_condition_term group by term)",
        )
        figures = {sql: con.execute(sql).fetchone()[0] for sql in counted}  # type: ignore[index]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak} | figures


def _generate(con: duckdb.DuckDBPyConnection, n: int) -> None:
    for table in registry.tables().values():
        if table.name.startswith("core_"):
            con.execute(table.ddl())
    for name, sql in GENERATED.items():
        if sql.startswith("create"):
            con.execute(sql)
        elif name in registry.tables():
            con.execute(f"insert into {name} by name {sql.replace('$n', str(n))}")
        else:
            con.execute(f"create table {name} as {sql.replace('$n', str(n))}")


if __name__ == "__main__":
    main()
