"""Measures how a language model reads abstracts, on papers of randomised trials whose results doctors have judged.

The model reads each abstract with what its reader for papers is told of a trial: what was tested against what, and the
outcomes, here those that were judged. The doctors' judgement is whether the arms differ significantly. Papers in which
they do on every judged outcome count as met, those in which they do on none as not met; the others are left out.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cto import registry
from cto.annotate.annotator import Annotator
from cto.annotate.answers import Answer, Answers
from cto.annotate.budget import Budget
from cto.annotate.models import Model
from cto.annotate.questions import batches, open_answers, open_questions, understood
from cto.annotate.request import ModelError
from cto.annotate.runner import ask
from cto.build import connect
from cto.gold import GoldError
from cto.lake import Lake
from cto.metrics import BINS, figures, wilson
from cto.progress import Progress, quiet

Json = dict[str, Any]

READER = "pubmed_verdict"
ABSENCE = re.compile(
    r"\b(?:no|not|non|without|neither|nor)\b[^.;]{0,40}?\b(?:significan|differ)\w*|\b(?:similar|comparable)\b", re.I
)
SIGNIFICANCE = re.compile(r"\bsignificant(?:ly)?\b|\bp ?[<=≤] ?0?[.·]0", re.I)
LIMITS = {"Tested": 400, "Compared with": 300, "Primary outcomes": 900}
"""Most characters of each line about the trial."""


@dataclass(frozen=True)
class Abstracts:
    """Judged papers: rows for the reader, each with its ``label`` (1 met, 0 not met), and how many were left out."""

    path: str
    rows: list[Json] = field(repr=False)
    n_not_clear_cut: int
    n_without_text: int


def read_abstracts(path: Path) -> Abstracts:
    """Return the clear-cut papers of a file: a JSON object a line, plain or gzip.

    Its fields: ``pmcid``, ``sections`` (pairs of heading and text), ``findings`` (each with ``intervention``,
    ``comparator`` and ``outcome``), ``all_significant`` and ``none_significant``.

    Raises:
        GoldError: the file is cut, a line is no such object, or no paper is left.
        OSError: the file cannot be opened.

    """
    rows: list[Json] = []
    left_out: Counter[str] = Counter()
    for number, line in _lines(path):
        try:
            paper = json.loads(line)
            if paper["all_significant"] == paper["none_significant"]:
                left_out["not_clear_cut"] += 1
            elif not any(text.strip() for _, text in paper["sections"]):
                left_out["without_text"] += 1
            else:
                rows.append(_row(paper))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GoldError(f"{path}, line {number}: not a judged paper: {error!r}") from error
    if not rows:
        raise GoldError(f"{path} holds no paper with a text and a clear-cut judgement")
    return Abstracts(str(path), rows, left_out["not_clear_cut"], left_out["without_text"])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    try:
        with (gzip.open if is_packed else open)(path, "rt", encoding="utf-8") as lines:
            yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise GoldError(f"{path} is cut or damaged: {error}") from error


def _row(paper: Json) -> Json:
    """Return what the reader is shown, a trial's number in the abstract being the trial's."""
    abstract = " ".join(f"{heading}: {text}" if heading else text for heading, text in paper["sections"])
    numbers = re.findall(r"\bNCT\d{8}\b", abstract)
    stated = {
        "Tested": _joined(finding["intervention"] for finding in paper["findings"]),
        "Compared with": _joined(finding["comparator"] for finding in paper["findings"]),
        "Primary outcomes": _joined(finding["outcome"] for finding in paper["findings"]),
    }
    return {
        "nct_id": numbers[0] if numbers else f"PMC{paper['pmcid']}",
        "pmid": str(paper["pmcid"]),
        "trial": "\n".join(f"{name}: {value[: LIMITS[name]]}" for name, value in stated.items() if value),
        "paper": abstract,
        "abstract": abstract,
        "skip_reason": None,
        "label": int(paper["all_significant"]),
    }


def _joined(values: Iterable[str | None]) -> str:
    return "; ".join(dict.fromkeys(value.strip() for value in values if value))


def measure(lake: Lake, abstracts: Abstracts, model: Model, budget: Budget, progress: Progress = quiet) -> Json:
    """Return how a model's readings agree with the judgements, as plain values; no answer is asked for twice.

    Raises:
        ModelError: the model cannot be asked, or some papers got no answer: a figure without them would flatter.

    """
    reader = replace(_reader(), sql="select * from abstract")
    answers = Answers(lake, f"{READER}_abstracts")
    with connect() as con:
        rows = pa.Table.from_pylist(abstracts.rows, _SCHEMA)
        con.register("given", rows)
        con.execute("create table abstract as from given")
        open_questions(con, reader, model.name)
        open_answers(con, reader, answers)
        asked = ask(con, reader, model, answers, budget, progress)
        if asked.failure or asked.answered < asked.questions:
            raise ModelError("\n".join(["not every abstract was read; run again to go on", *asked.lines(READER)]))
        open_answers(con, reader, answers)
        sql = "select * from input join question using (position) join answer using (digest) order by position"
        read = [_read(reader, row) for found in batches(con, sql) for row in found]
    assert reader.prompt
    told = {"model": model.name.model, "revision": model.name.revision or None, "prompt": reader.prompt.name}
    left_out = {"not_clear_cut": abstracts.n_not_clear_cut, "without_text": abstracts.n_without_text}
    return {"file": abstracts.path, "left_out": left_out, **told, **judged(read)}


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("nct_id", "pmid", "trial", "paper", "abstract", "skip_reason")),
        ("label", pa.int8()),
    ]
)


@dataclass(frozen=True)
class Reading:
    """What was made of one paper.

    Attributes:
        label: 1 met, 0 not met, as doctors judged.
        keyword: the same by the keyword rule.
        says: the same as the model read it; None when it abstained.
        p_met: the model's probability of met; None when its answer could not be used or its server tells none.
        reason: why it abstained.

    """

    label: int
    keyword: int
    says: int | None
    p_met: float | None = None
    reason: str = ""


def _reader() -> Annotator:
    return next(annotator for annotator in registry.annotators() if annotator.name == READER)


def _read(reader: Annotator, row: Json) -> Reading:
    said, problem = understood(reader, row, Answer.of_text(row["answer"]).reply)
    label, keyword = row["label"], by_keywords(row["abstract"])
    if problem:
        return Reading(label, keyword, None, None, problem)
    reason = "not_about_trial" if not said["is_about_trial"] else said["primary_endpoint"]
    says = {"met": 1, "not_met": 0}.get(reason)
    return Reading(label, keyword, says, said["p_met"], "" if says is not None else reason)


def by_keywords(abstract: str) -> int:
    """Return 1 when an abstract speaks of significance more often than of its absence, else 0.

    >>> by_keywords("Pain was lower (p<0.01)."), by_keywords("Pain did not differ significantly (p=0.4).")
    (1, 0)
    """
    return int(len(SIGNIFICANCE.findall(ABSENCE.sub("", abstract))) > len(ABSENCE.findall(abstract)))


def judged(readings: Sequence[Reading]) -> Json:
    """Return the figures of readings: shares that are right with their 95 % intervals, ranking and calibration."""
    n = len(readings)
    answered = [r for r in readings if r.says is not None]
    right = sum(r.says == r.label for r in answered)
    graded = [r for r in readings if r.p_met is not None]
    labels, scores = [r.label for r in graded], [r.p_met for r in graded]
    return {
        "n": n,
        "n_met": sum(r.label for r in readings),
        "n_answered": len(answered),
        "abstained": dict(sorted(Counter(r.reason for r in readings if r.says is None).items())),
        "accuracy": {
            "answered": _share(right, len(answered)),
            "all, abstentions wrong": _share(right, n),
            "all, by p_met": _share(sum((r.p_met >= 0.5) == r.label for r in graded if r.p_met is not None), n),
            "always met": _share(sum(r.label for r in readings), n),
            "keyword rule": _share(sum(r.keyword == r.label for r in readings), n),
        },
        "n_with_p_met": len(graded),
        **figures(labels, scores, ["roc_auc", "brier", "ece"]),  # type: ignore[arg-type]
        "calibration": list(_calibration(graded)),
    }


def _share(part: int, whole: int) -> Json:
    limits = wilson(part, whole) or (None, None)
    return {"n": part, "of": whole, "value": part / whole if whole else None, "low": limits[0], "high": limits[1]}


def _calibration(graded: Sequence[Reading]) -> Iterator[Json]:
    """Yield, for each tenth of p_met that occurs, how many papers have it, its mean, and the share that was met."""
    by_bin: dict[int, list[Reading]] = {}
    for reading in graded:
        assert reading.p_met is not None
        by_bin.setdefault(min(int(reading.p_met * BINS), BINS - 1), []).append(reading)
    for number, found in sorted(by_bin.items()):
        mean = sum(r.p_met or 0.0 for r in found) / len(found)
        share = sum(r.label for r in found) / len(found)
        yield {"from": number / BINS, "n": len(found), "mean_p_met": mean, "share_met": share}


def lines(found: Json) -> Iterator[str]:
    """Yield the figures line by line, for a terminal."""
    left, of = found["left_out"], f"{found['model']}{'@' + found['revision'] if found['revision'] else ''}"
    yield f"{found['file']} as read by {of} with prompt {found['prompt']}"
    yield (
        f"  {found['n']:,} papers, {found['n_met']:,} of them met; left out: {left['not_clear_cut']:,} not clear-cut, "
        f"{left['without_text']:,} without text"
    )
    abstained = ", ".join(f"{n:,} {reason}" for reason, n in found["abstained"].items()) or "none"
    yield f"  {found['n_answered']:,} answered; abstained: {abstained}"
    yield ""
    yield f"{'accuracy':28}{'right':>7}{'of':>6}   share  95 % interval"
    for name, share in found["accuracy"].items():
        limits = f"{_text(share['low'])}–{_text(share['high'])}"
        yield f"  {name:26}{share['n']:>7,}{share['of']:>6,}   {_text(share['value'])}  {limits}"
    yield ""
    yield (
        f"p_met of {found['n_with_p_met']:,} papers: AUC {_text(found['roc_auc'])}, Brier score "
        f"{_text(found['brier'])}, expected calibration error {_text(found['ece'])}"
    )
    for row in found["calibration"]:
        shares = f"mean {row['mean_p_met']:.3f}, met {row['share_met']:.3f}"
        yield f"  from {row['from']:.1f}: {row['n']:>4,} papers, {shares}"


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
