"""Measures labels by gold: the published ones, label models and plain rules beside each other, stratum by stratum.

Gold sets were partly made by rules (every stop a failure, every primary p below .05 a success); where such a rule
decides, agreement measures its echo. So those trials are strata of their own, and each model is shown without the
functions that share a rule with gold. Models learn from votes alone: gold is looked at after they have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cto import metrics
from cto.build import connect
from cto.card import fused_by
from cto.fuse import NO_VOTE, LabelMatrix, LabelModel, Majority
from cto.fuse.stored import MODELS
from cto.fusion import fused_in, label_matrix
from cto.gold import P_VALUE_RULE, Gold, GoldError, Trials, trials_of
from cto.labels import DEFINITIONS
from cto.lake import Lake
from cto.metrics import Floats, Interval
from cto.release import Release
from cto.schema import parquet

Json = dict[str, Any]
Mask = NDArray[np.bool_]
Strata = Mapping[str, Mask | None]
Draws = tuple[int, int]

STOPPED = ("TERMINATED", "WITHDRAWN", "SUSPENDED")
SHARED_RULES = {" without stop rules": ("stop", "cto_status"), " without p-value rules": ("efficacy", "cto_p_value")}
"""What is appended to a model's name without the functions, by group or name, that share a rule with gold."""
RANKING, DECIDING = ("roc_auc", "pr_auc", "pr_auc_failure"), ("roc_auc", "f1", "kappa", "accuracy", "brier")
MIN_CALIBRATION = 200
NOTES = (
    "AUC, and PR-AUC of failures, rank every trial of a stratum, with .5 for one that has no probability.",
    "AUC*, F1 of success, kappa, accuracy, Brier score: trials with a probability; exactly .5 decides nothing.",
    "Intervals: 95 %, resampling lead sponsors; none of too few sponsors or one class, nor by phase, year and source.",
    "Strata: hard, the headline: completed trials that no rule which made gold decides; by_status: the stopped ones;",
    "  by_p_value: those not stopped, with a number under .05 given as a primary p-value.",
    f"Expected calibration error (ECE): only from {MIN_CALIBRATION} trials with a probability on.",
)
HEAD = f"{'labelled':>32}  {'AUC':17}{'AUC*':17}{'PR-AUC failures':17}" + "     F1  kappa   acc.  Brier    ECE"
NO_PROBABILITY = "Under this definition rules give hard labels: Brier score and ECE judge no probability."
NO_RULE = f"by_p_value and hard are not judged: the release holds no vote of {P_VALUE_RULE[0]} on {P_VALUE_RULE[1]}."


def evaluate(
    lake: Lake,
    release: Release,
    gold: Gold,
    models: Sequence[LabelModel],
    definition: str = "success",
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Json:
    """Return how a release's labels, and label models fitted on its votes, agree with gold, as plain values.

    A figure is null where it is undefined, a stratum where the release cannot tell which trials are of it (``notes``).
    Gold trials that have not ended or are not in the release are counted and left out. The model that the release was
    fused by is also refitted without each label function in turn (``adds``: what AUC gains by having it). Equal inputs
    give equal results.

    Raises:
        ValueError: two models of one name, or one called ``published``.
        GoldError: no gold trial is in the release.

    """
    names = [model.name for model in models]
    if len({"published", *names}) <= len(names):
        raise ValueError(f"each model needs a name of its own other than 'published'; they are {', '.join(names)}")
    with connect() as con:
        for name, view in (("trials", "core_study"), ("votes", "votes"), ("labels", "labels")):
            con.execute(f"create view {view} as from {parquet(lake.url(release.file(f'{name}.parquet')))}")
        con.execute("create view ended as from core_study where is_ended")
        con.execute("create view vote as from votes semi join ended using (nct_id)")
        trials = trials_of(con, gold, definition)
        matrix = label_matrix(con, definition, "ended", fused_in(release.manifest, definition))
    if not len(trials.nct_id):
        raise GoldError(
            f"none of the {len(gold.nct_ids):,} trials of {gold.path} is an ended trial of release {release.version}; "
            "is it the right release (--version)?"
        )
    told_of = release.manifest["fit"]["models"][definition]
    [fusing] = [model for model in MODELS if model.name == told_of["name"]]
    n_votes = dict(zip(matrix.functions, (matrix.votes != NO_VOTE).sum(axis=0).tolist(), strict=True))
    scores, strata, draws = _scores(matrix, trials, models), _strata(trials), (n_bootstrap, seed)
    told = {name: getattr(gold, name) for name in ("path", "n_unlabelled", "n_repeated")}
    return {
        "release": release.version,
        "definition": definition,
        "bootstrap": {"n": n_bootstrap, "seed": seed},
        "gold": {**told, "n": len(gold.nct_ids), "n_compared": len(trials.nct_id), "left_out": trials.left_out},
        "fused_by": told_of,
        "fitted_on": {"n": len(matrix.nct_ids), "n_votes": n_votes},
        "notes": [
            *NOTES,
            *([NO_RULE] if trials.by_p_value is None else []),
            *([] if DEFINITIONS[definition].is_probability else [NO_PROBABILITY]),
        ],
        "strata": {
            name: among if among is None else _stratum(trials, scores, among, draws) for name, among in strata.items()
        },
        "by_phase": _breakdown(trials, scores, trials.phase),
        "by_year": _breakdown(trials, scores, trials.year),
        "by_source": _breakdown(trials, scores, trials.source),
        "adds": _adds(matrix, trials, fusing, strata, draws),
    }


def _strata(trials: Trials) -> Strata:
    """Return who is in which stratum; the headline is the completed trials that no rule of the gold decides."""
    stopped, completed = np.isin(trials.status, STOPPED), trials.status == "COMPLETED"
    ruled = trials.by_p_value
    return {
        "hard": None if ruled is None else completed & ~ruled,
        "completed": completed,
        "all": np.ones(len(stopped), dtype=bool),
        "by_status": stopped,
        "by_p_value": None if ruled is None else ~stopped & ruled,
    }


def _scores(matrix: LabelMatrix, trials: Trials, models: Sequence[LabelModel]) -> dict[str, Floats]:
    """Return P(1) by what said it, an element a gold trial, NaN where it says nothing."""
    scores = {"published": trials.published}
    for model in models:
        scores[model.name] = _fitted(model, matrix, trials)
        for words, shared in SHARED_RULES.items():
            left_out = [f for f, group in zip(matrix.functions, matrix.groups, strict=True) if {f, group} & set(shared)]
            if left_out:
                scores[model.name + words] = _fitted(model, _without(matrix, left_out), trials)
    if "majority" not in scores:
        scores["majority"] = _fitted(Majority(), matrix, trials)
    scores["status_only"] = np.where(np.isin(trials.status, STOPPED), 0.0, 1.0)
    scores["all_positive"] = np.ones(len(trials.nct_id))
    return scores


def _without(matrix: LabelMatrix, functions: Sequence[str]) -> LabelMatrix:
    """Return the matrix as if some functions had never voted."""
    return replace(matrix, votes=np.where(np.isin(matrix.functions, functions), np.int8(NO_VOTE), matrix.votes))


def _fitted(model: LabelModel, matrix: LabelMatrix, trials: Trials) -> Floats:
    """Return the gold trials' probabilities by a model that is fitted on the whole matrix."""
    found = np.full(len(trials.nct_id), np.nan)
    if len(matrix.nct_ids):
        p_success = model.fit(matrix).predict_proba(matrix)
        at = np.searchsorted(matrix.nct_ids, trials.nct_id).clip(max=len(matrix.nct_ids) - 1)
        is_there = matrix.nct_ids[at] == trials.nct_id
        found[is_there] = p_success[at[is_there]]
    return found


def _stratum(trials: Trials, scores: Mapping[str, Floats], among: Mask, draws: Draws) -> Json:
    labels, sponsors = trials.label[among], trials.sponsor[among]
    n, n_failures = len(labels), int((labels == 0).sum())
    return {
        "n": n,
        "n_failures": n_failures,
        "failures": _figures(labels, np.zeros(n), sponsors, ("accuracy",), draws)[
            "accuracy"
        ],  # of calling all failures
        "n_sponsors": len(np.unique(sponsors)),
        "rows": {name: _row(labels, p[among], sponsors, draws) for name, p in scores.items()},
    }


def _ranked(p: Floats) -> Floats:
    return np.nan_to_num(p, nan=0.5)


def _row(labels: NDArray[np.int8], p: Floats, sponsors: NDArray[np.str_], draws: Draws) -> Json:
    told = ~np.isnan(p)
    n = int(told.sum())
    row = {"n_labelled": n, **_figures(labels, _ranked(p), sponsors, RANKING, draws)}
    deciding = _figures(labels[told], p[told], sponsors[told], DECIDING, draws)
    row |= {"roc_auc_labelled": deciding.pop("roc_auc"), **deciding}
    if n < MIN_CALIBRATION:
        why = f"{n} gold trials have a probability; fewer than {MIN_CALIBRATION} cannot judge calibration"
        return row | {"ece": _figure(None, None) | {"reason": why}}
    return row | _figures(labels[told], p[told], sponsors[told], ("ece",), draws)


def _figures(labels: ArrayLike, scores: ArrayLike, sponsors: ArrayLike, names: Sequence[str], draws: Draws) -> Json:
    values, limits = metrics.figures(labels, scores, names), metrics.bootstrap(labels, scores, sponsors, names, *draws)
    return {name: _figure(values[name], limits[name]) for name in names}


def _figure(value: float | None, interval: Interval | None) -> Json:
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high}


def _breakdown(trials: Trials, scores: Mapping[str, Floats], keys: NDArray[np.str_]) -> Json:
    """Return, by phase, year or source, how many trials and failures there are, and the AUC of each score."""
    found: Json = {}
    for key in np.unique(keys).tolist():
        labels = trials.label[keys == key]
        aucs = {name: metrics.roc_auc(labels, _ranked(p[keys == key])) for name, p in scores.items()}
        found[key] = {"n": len(labels), "n_failures": int((labels == 0).sum()), "roc_auc": aucs}
    return found


def _adds(matrix: LabelMatrix, trials: Trials, model: LabelModel, strata: Strata, draws: Draws) -> Json:
    """Return what each function adds to a model's AUC: with all functions, refitted without it, and the difference.

    Functions that vote on no trial of a stratum are left out of it.
    """
    whole, rest = _ranked(_fitted(model, matrix, trials)), {}
    for i, name in enumerate(matrix.functions):
        if (matrix.votes[:, i] != NO_VOTE).any():
            rest[name] = _ranked(_fitted(model, _without(matrix, [name]), trials))
    found: Json = {"model": model.name, "completed": None, "hard": None}
    for stratum in ("completed", "hard"):
        if (among := strata[stratum]) is not None:
            voting = _voting(matrix, trials.nct_id[among])
            found[stratum] = {n: _gain(trials, among, whole, part, draws) for n, part in rest.items() if n in voting}
    return found


def _voting(matrix: LabelMatrix, nct_ids: NDArray[np.str_]) -> set[str]:
    votes = matrix.votes[np.isin(matrix.nct_ids, nct_ids)] != NO_VOTE
    return {name for name, votes_any in zip(matrix.functions, votes.any(axis=0), strict=True) if votes_any}


def _gain(trials: Trials, among: Mask, whole: Floats, part: Floats, draws: Draws) -> Json:
    labels, sponsors = trials.label[among], trials.sponsor[among]
    auc, auc_without = (metrics.roc_auc(labels, p[among]) for p in (whole, part))
    drawn, drawn_without = (metrics.resampled(labels, p[among], sponsors, ["roc_auc"], *draws) for p in (whole, part))
    gain = None if auc is None or auc_without is None else auc - auc_without
    limits = metrics.interval(drawn["roc_auc"] - drawn_without["roc_auc"])
    return {"with": auc, "without": auc_without, **_figure(gain, limits)}


def lines(found: Json) -> Iterator[str]:
    """Yield the comparison line by line, for a terminal 120 characters wide."""
    gold, fitted, adds = found["gold"], found["fitted_on"], found["adds"] or {}
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in gold["left_out"].items())
    votes = ", ".join(f"{name} {n:,}" for name, n in fitted["n_votes"].items())
    yield f"Labels of {found['definition']!r} in release {found['release']}, against {gold['path']}"
    yield f"  {gold['n_compared']:,} of {gold['n']:,} gold trials are compared ({left_out})."
    yield from wrap(f"  Models are fitted on {fitted['n']:,} trials; votes: {votes}.", 118, subsequent_indent="    ")
    yield from wrap(f"  Published labels are fused by {fused_by(found['fused_by'])}.", 118, subsequent_indent="    ")
    yield from (f"  {note}" for note in found["notes"])
    for name, stratum in found["strata"].items():
        yield from ("", f"{name}: not judged") if stratum is None else _stratum_lines(name, stratum)
    names = [name for name in found["strata"]["all"]["rows"] if " without " not in name and name != "all_positive"]
    for name in ("by_phase", "by_year", *(["by_source"] if len(found["by_source"]) > 1 else [])):
        yield from ("", f"{name}: trials, failures, AUC of {', '.join(names)}")
        for key, of in found[name].items():
            aucs = "".join(f"{_text(of['roc_auc'][model]):>7}" for model in names)
            yield f"  {key:16}{of['n']:>7,}{of['n_failures']:>7,} {aucs}"
    for name in ("completed", "hard"):
        if adds.get(name):
            yield from ("", f"What each function adds to the AUC of {adds['model']} on {name}: with, without, gain")
        for function, gain in (adds.get(name) or {}).items():
            yield f"  {function:30}{_text(gain['with']):>7}{_text(gain['without']):>7}   {_text(gain)}"


def _stratum_lines(name: str, stratum: Json) -> Iterator[str]:
    failures = f"{stratum['n_failures']:,} failures ({_text(stratum['failures'])})"
    yield from ("", f"{name}: {stratum['n']:,} trials of {stratum['n_sponsors']:,} sponsors, {failures}", HEAD)
    for of, row in stratum["rows"].items():
        model, without, rules = of.partition(" without ")
        title = f"  {without.strip()} {rules}" if without else model
        wide = "".join(f"{_text(row[figure]):17}" for figure in ("roc_auc", "roc_auc_labelled", "pr_auc_failure"))
        short = "".join(f"{_text(row[figure]['value']):>7}" for figure in ("f1", "kappa", "accuracy", "brier", "ece"))
        yield f"  {title:23}{row['n_labelled']:>7,}  {wide}{short}"


def _text(figure: Json | float | None) -> str:
    """Return a figure to three digits, with its interval to two if it has one."""
    if not isinstance(figure, dict):
        return "–" if figure is None else f"{figure:z.3f}"
    low, high = figure["low"], figure["high"]
    between = "" if low is None else f" {low:z.2f}{'–' if low >= 0 else ' to '}{high:z.2f}"
    return _text(figure["value"]) + between
