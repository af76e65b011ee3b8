"""What changed between two releases: which labels moved, and which votes moved them."""

from __future__ import annotations

from typing import Any

from cto.build import connect
from cto.lake import Lake
from cto.release import Release
from cto.schema import parquet

Json = dict[str, Any]


def diff(lake: Lake, before: Release, after: Release) -> Json:
    """Return the difference of two releases.

    Returns:
        ``labels``: one entry a label that moved (``nct_id``, ``definition``, ``before``, ``after``, the probabilities,
        and the votes that came, went or turned, as ``function: 0 → 1``). ``trials``: how many came and went.

    """
    with connect() as con:
        for prefix, release in (("old", before), ("new", after)):
            for name in ("labels", "votes", "trials"):
                con.execute(f"create view {prefix}_{name} as from {parquet(lake.url(release.file(f'{name}.parquet')))}")
        moved = con.execute(_MOVED)
        names = [column[0] for column in moved.description]
        labels = [dict(zip(names, row, strict=True)) for row in moved.fetchall()]
        counts = con.execute(_COUNTS).fetchone()
    assert counts is not None
    return {
        "before": before.version,
        "after": after.version,
        "labels": labels,
        "trials": dict(zip(("came", "went"), counts, strict=True)),
    }


_MOVED = """
with vote as (
    select nct_id, definition, label_function, o.vote as before, n.vote as after
    from old_votes o full join new_votes n using (nct_id, definition, label_function)
    where o.vote is distinct from n.vote
),
vote_list as (
    select nct_id, definition,
        list(label_function || ': ' || coalesce(before::varchar, 'none') || ' → ' || coalesce(after::varchar, 'none')
            order by label_function) as votes
    from vote
    group by nct_id, definition
)
select nct_id, definition, o.label as before, n.label as after, o.p_success as p_before, n.p_success as p_after,
    coalesce(votes, []) as votes
from old_labels o full join new_labels n using (nct_id, definition)
left join vote_list using (nct_id, definition)
where o.label is distinct from n.label
order by nct_id, definition
"""

_COUNTS = """
select
    (select count(*) from new_trials anti join old_trials using (nct_id)),
    (select count(*) from old_trials anti join new_trials using (nct_id))
"""
