"""The dataset card: what a release holds and what it does not promise, for someone who opens the folder."""

from __future__ import annotations

from typing import Any

from cto import registry
from cto.annotation import sentence
from cto.labels import DEFINITIONS

Json = dict[str, Any]


def render(manifest: Json) -> str:
    """Return the card of a release, in Markdown."""
    sections = [
        _head(manifest),
        _meaning(),
        _labels(manifest["labels"]),
        _functions(manifest["label_functions"]),
        _sources(manifest["snapshots"], manifest["sources_without_snapshot"]),
        _annotators(manifest["annotators"]),
        _limits(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def _head(manifest: Json) -> str:
    sample = "**Sample.** Facts of some real trials and invented ones (`is_fictional`): to try the tools, not to use."
    return "\n\n".join(
        [
            f"# Clinical trial outcomes {manifest['version']}",
            *([sample] if manifest["is_sample"] else []),
            f"Evidence public by {manifest['as_of']}. Built {manifest['created_at']}; "
            f"content `{manifest['content_hash'][:16]}`.",
            "Files: `labels.parquet`, `votes.parquet`, `trials.parquet`, `cut_points.parquet`; `manifest.json` has "
            "their sha256, the code, the snapshots and the versions they follow from. Labels and features are kept "
            "apart: join them on `nct_id`.",
        ]
    )


def _meaning() -> str:
    rows = [f"| `{name}` | {definition.meaning} | {definition.zero} |" for name, definition in DEFINITIONS.items()]
    return "\n".join(
        [
            "## What a label means",
            "",
            "| definition | 1 means | 0 means |",
            "|---|---|---|",
            *rows,
            "",
            "A label is about a trial and the set of its experimental interventions (`trials.intervention_set`); with "
            "several arms the best one counts. It says nothing about one drug of a combination. No label (null) means "
            "that there is no evidence, or as much for as against; it never means failure.",
        ]
    )


def _labels(counts: Json) -> str:
    rows = [
        f"| `{name}` | {n['rows']:,} | {n['one']:,} | {n['zero']:,} | {n['none']:,} |" for name, n in counts.items()
    ]
    head = ["## Labels", "", "| definition | ended trials | 1 | 0 | no label |", "|---|---:|---:|---:|---:|"]
    return "\n".join([*head, *rows])


def _functions(functions: Json) -> str:
    head = [
        "## Label functions",
        "",
        "| function | kind | informs | for | against | what it says |",
        "|---|---|---|---:|---:|---|",
    ]
    rows = [
        f"| `{name}` v{f['version']} | {f['kind']} | {', '.join(f['informs'])} | {f['votes']['for']:,} "
        f"| {f['votes']['against']:,} | {f['meaning']} |"
        for name, f in functions.items()
    ]
    return "\n".join([*head, *rows])


def _sources(snapshots: Json, absent: Json) -> str:
    licences = {c.name: (c.homepage, c.licence) for c in registry.connectors()}
    head = [
        "## Sources",
        "",
        "| source | public by | last asked with success | unread records | licence |",
        "|---|---|---|---:|---|",
    ]
    rows = [
        f"| [{name}]({licences[name][0]}) | {s['public_by']} | {s['checked_at'][:10]} | {s['quarantined']} "
        f"| {licences[name][1]} |"
        for name, s in snapshots.items()
    ]
    failed = [
        f"\n**{name} has failed since {s['checked_at'][:10]}**; what it said until then still counts."
        for name, s in snapshots.items()
        if s["last_failure"]
    ]
    missing = [
        f"\n**{name} is not in this release**: {'its fetch failed' if failure else 'it was not fetched'}."
        for name, failure in absent.items()
    ]
    return "\n".join([*head, *rows, *failed, *missing])


def _annotators(annotators: Json) -> str:
    head = ["## Models that read", "", "| annotator | prompt | what it read |", "|---|---|---|"]
    rows = [f"| `{name}` | {found.get('prompt') or ''} | {sentence(found)} |" for name, found in annotators.items()]
    end = (
        "A model's answer is evidence only with the words that it rests on, and is dated by what it read. But a model "
        "was trained on texts of later days, so an answer in a look back may know more than its day did."
    )
    return "\n".join([*head, *rows, "", end])


def _limits(manifest: Json) -> str:
    return "\n".join(
        [
            "## Limits",
            "",
            "- Fused without gold labels: probabilities are uncalibrated (`calibration` is `none`, intervals null), "
            "and under `cto_compatible` none at all. "
            f"Models and cut points were fitted as of {manifest['fit']['fitted_as_of']}:",
            *(f"  - `{name}`: {fused_by(model)}" for name, model in manifest["fit"]["models"].items()),
            "- Trials that post results are labelled more often than others, so labelled trials are no random sample.",
            "- The past is thin: fields of a record are dated by its last update, or by the first stored version that "
            "held the same, so builds as of days before the first snapshot leave out what was updated since.",
            "- Votes carry the first day their evidence was public (`available_at`): leave out later ones before "
            "predicting. An undated vote says so and appears only in builds as of the data's own day.",
        ]
    )


def fused_by(model: Json) -> str:
    """Return which label model fuses a definition and, where another was refused, why, of a fit's ``models``."""
    refused = f" (the model learnt was refused: {model['reason']})" if model.get("accepted") is False else ""
    return f"{model['name']}{refused}"
