"""Why a trial is labelled as it is: its labels, and every vote with its evidence and date, in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cto.build import connect
from cto.card import fused_by
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.release import Release
from cto.schema import parquet

Json = dict[str, Any]


class UnknownTrialError(LookupError):
    """The release has no such trial."""


def explain(lake: Lake, release: Release, nct_id: str) -> Json:
    """Return the trial's row, labels and votes in a release, as plain values.

    Raises:
        UnknownTrialError: no such trial there.

    """
    found = {name: _rows(lake, release, name, nct_id.strip().upper()) for name in ("trials", "labels", "votes")}
    if not found["trials"]:
        raise UnknownTrialError(f"release {release.version} has no trial {nct_id!r}; ids look like NCT01234567")
    found["labels"].sort(key=lambda label: [*DEFINITIONS, label["definition"]].index(label["definition"]))
    for vote in found["votes"]:
        vote["evidence"] = json.loads(vote["evidence"])
    models = release.manifest.get("fit", {"models": {}})["models"]  # releases of the first version name none
    fused = {name: fused_by(model) for name, model in models.items()}
    return {
        "release": release.version,
        "trial": found["trials"][0],
        "labels": found["labels"],
        "votes": found["votes"],
        "fused_by": fused,
    }


def sentences(explained: Json) -> Iterator[str]:
    """Yield the explanation line by line, for a reader."""
    trial = explained["trial"]
    yield f"{trial['nct_id']}  {trial['brief_title'] or ''}".rstrip()
    facts = [trial["phase"], trial["study_type"], trial["overall_status"], trial["lead_sponsor_name"]]
    yield "  " + " · ".join(str(fact) for fact in facts if fact)
    if trial["is_fictional"]:
        yield "  Invented: this trial ships with the sample."
    if trial["is_removed"]:
        yield "  The registry no longer lists it."
    if trial["why_stopped"]:
        yield f'  Stopped: "{trial["why_stopped"]}"'
    if not explained["labels"]:
        yield "  No label: it is not an interventional trial that has ended."
    for label in explained["labels"]:
        yield ""
        yield f"{label['definition']}: {_verdict(label)}  ({_meaning(label['definition'])})"
        if label["p_success"] is not None and label["definition"] in explained["fused_by"]:
            yield f"  Fused by {explained['fused_by'][label['definition']]}."
        for vote in explained["votes"]:
            if vote["definition"] == label["definition"]:
                yield f"  {'+' if vote['vote'] else '-'} {vote['evidence']['says']}"
                yield f"      {vote['label_function']}, {_since(vote)}; {', '.join(vote['evidence']['rows'])}"


def _meaning(definition: str) -> str:
    return DEFINITIONS[definition].meaning if definition in DEFINITIONS else "a definition of an earlier version"


def _verdict(label: Json) -> str:
    if label["is_censored"]:
        return f"no label yet, as it may still go on: by {label['horizon_end']} most that ever do have"
    if label["p_success"] is None:
        return "no label, for want of evidence of what came of the trial"
    state = "uncalibrated" if label["calibration"] == "none" else label["calibration"]
    share = f"p = {label['p_success']:.2f}, {state}"
    if label["definition"] in DEFINITIONS and not DEFINITIONS[label["definition"]].is_probability:
        share = f"by rule or vote, {label['p_success']:.2f}"
    return (
        f"no label, as much speaks for as against ({share})"
        if label["label"] is None
        else f"{label['label']} ({share})"
    )


def _since(vote: Json) -> str:
    if vote["available_at"] is None:
        return f"date unknown ({vote['available_at_basis']})"
    return f"public since {vote['available_at']} ({vote['available_at_basis']})"


def _rows(lake: Lake, release: Release, name: str, nct_id: str) -> list[Json]:
    with connect() as con:
        rows = parquet(lake.url(release.file(f"{name}.parquet")))
        got = con.execute(f"select * from {rows} where nct_id = ? order by all", [nct_id])
        names = [column[0] for column in got.description]
        return [dict(zip(names, row, strict=True)) for row in got.fetchall()]
