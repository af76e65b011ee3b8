"""Runs the annotators over the core tables: asks what is not answered yet, and writes the tables of what was read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cto import registry
from cto.annotate.annotator import Annotator
from cto.annotate.answers import Answers
from cto.annotate.budget import Budget
from cto.annotate.models import Model, Name, NoModel, budget, model_for
from cto.annotate.questions import open_answers, open_questions
from cto.annotate.request import Json
from cto.annotate.runner import Asked, ask
from cto.annotate.tables import tabulate, write_pack
from cto.build import connect, open_core, order
from cto.lake import Lake, to_json
from cto.plan import Plan, macros
from cto.progress import Progress, quiet
from cto.raw import tables_read
from cto.schema import digest
from cto.settings import Settings


@dataclass(frozen=True, slots=True)
class Annotated:
    """What a run of the annotators came to: the plan with their tables, and what was asked, by annotator."""

    plan: Plan
    asked: Mapping[str, Asked]


def annotate(
    lake: Lake,
    plan: Plan,
    settings: Settings,
    progress: Progress = quiet,
    told: Mapping[str, Asked] | None = None,
) -> Annotated:
    """Ask what is not answered yet, write every annotator's table, and return the plan that has them.

    A model that fails or is not configured stops no other: what was answered before still counts.

    Args:
        lake: where the core tables and answers are.
        plan: the snapshots and the day.
        settings: which models read.
        progress: told how far it is, by annotator.
        told: what :func:`ask_shard` came to on other workers; then nothing more is asked here.

    """
    models = _models(settings)
    names = {a.name: _name(lake, a, models) for a in registry.annotators()}
    if plan.annotations and told is None and _is_settled(lake, plan, names):
        return Annotated(plan, _nothing_asked(lake, models))
    spend, asked, figures = budget(settings), dict(told or {}), {}
    with lake.scratch() as folder, connect() as con:
        con.execute(macros())
        open_core(lake, con, plan)
        for annotator in ordered():
            name, answers = names[annotator.name], Answers(lake, annotator.name)
            if name:
                open_questions(con, annotator, name)
                open_answers(con, annotator, answers)
            if annotator.reads_with and told is None:
                limit = spend if annotator.reads_with == "llm" else Budget()
                asked[annotator.name] = _ask(con, annotator, models[annotator.name], answers, limit, progress)
            file = folder / f"{annotator.table.name}.parquet"
            figures[annotator.name] = _read_by(annotator, name) | tabulate(con, annotator, name, file)
            if annotator.reads_with:
                run = {"run": asked.get(annotator.name, Asked()).to_json()}
                answers.move_head(**run, **(_packed(con, answers, name, folder) if name else {}))
        stage = plan.annotation_stage(_digest(folder / f"{a.table.name}.parquet" for a in ordered()))
        for annotator in ordered():
            lake.adopt(stage.table(annotator.table.name), folder / f"{annotator.table.name}.parquet")
    lake.put_json(stage.manifest, {"core": plan.core.key, "annotators": figures})
    is_complete = not any(found.get("unanswered") for found in figures.values())
    made = to_json({"key": stage.key, "models": _spelled(names), "is_complete": is_complete}).decode()
    lake.change_pointer(plan.annotation_pointer, lambda _: made)
    return Annotated(replace(plan, annotations=stage), asked)


def ask_shard(
    lake: Lake, plan: Plan, settings: Settings, shard: int, shards: int, progress: Progress = quiet
) -> dict[str, Asked]:
    """Put one of ``shards`` equal parts of all open questions, numbered from 0, and keep the answers.

    Any number of workers may do so at once; :func:`annotate` then writes the tables.
    """
    models = _models(settings)
    reading = [a for a in ordered() if isinstance(models.get(a.name), Model)]
    spend, asked = budget(settings, shards), {}
    with connect() as con:
        con.execute(macros())
        open_core(lake, con, plan)
        needed = {name for annotator in reading for name in tables_read(con, annotator.sql)}
        for annotator in ordered():
            name, answers = annotator.table.name, Answers(lake, annotator.name)
            if annotator in reading:
                model = models[annotator.name]
                assert isinstance(model, Model)
                open_questions(con, annotator, model.name)
                open_answers(con, annotator, answers)
                limit = spend if annotator.reads_with == "llm" else Budget()
                asked[annotator.name] = ask(con, annotator, model, answers, limit, progress, shard, shards)
            elif name in needed:
                con.execute(f"create table {name} as {annotator.sql}")
    return asked | {name: _not_asked(model) for name, model in models.items() if isinstance(model, NoModel)}


def told(lake: Lake, plan: Plan) -> dict[str, Json]:
    """Return what is known of every annotator that a model fills, by name: of its table, and of the last run.

    ``rows``, ``said``, ``abstained``, ``unanswered``, ``model``, ``revision`` and ``prompt`` are of the plan's table,
    absent before it is made; ``run`` is what the last run asked (:class:`cto.annotate.runner.Asked`), None before any.
    """
    figures = lake.read_json(plan.annotated.manifest)["annotators"] if plan.annotations else {}
    names = [annotator.name for annotator in registry.annotators() if annotator.reads_with]
    return {name: figures.get(name, {}) | {"run": Answers(lake, name).head().get("run")} for name in names}


def sentence(found: Json) -> str:
    """Return what :func:`told` knows of an annotator, for a reader."""
    run = found["run"] or {}
    if "rows" not in found:
        return "not run for the present core tables and code; cto annotate"
    if found["model"] is None:
        return f"SKIPPED, nothing was ever read: {run.get('no_model')}"
    revision = f"@{found['revision']}" if found["revision"] else ""
    why = ", ".join(f"{n:,} {reason}" for reason, n in found["abstained"].items())
    parts = [
        f"{found['model']}{revision} says something of {found['said']:,} of {found['rows']:,} rows"
        + (f" (not of {why})" if why else ""),
        f"{found['unanswered']:,} questions are open" if found["unanswered"] else "",
        f"NOT ASKED in the last run: {run['no_model']}" if run.get("no_model") else "",
        f"FAILED in the last run: {run['failure']}" if run.get("failure") else "",
        "the budget of the last run was spent" if run.get("is_budget_spent") else "",
    ]
    return "; ".join(part for part in parts if part)


def ordered() -> list[Annotator]:
    """Return the annotators so that each comes after those whose tables it reads."""
    by_table = {annotator.table.name: annotator for annotator in registry.annotators()}
    return [by_table[name] for name in order({name: annotator.sql for name, annotator in by_table.items()})]


def _models(settings: Settings) -> dict[str, Model | NoModel]:
    return {a.name: model_for(a.reads_with, settings) for a in registry.annotators() if a.reads_with}


def _name(lake: Lake, annotator: Annotator, models: Mapping[str, Model | NoModel]) -> Name | None:
    """Return which model's answers count: the configured one's, else those of the one that was asked last."""
    model = models.get(annotator.name)
    if model is None:
        return None
    if isinstance(model, Model):
        return model.name
    head = Answers(lake, annotator.name).head()
    return Name(head["model"], head["revision"]) if "model" in head else None


def _ask(
    con: duckdb.DuckDBPyConnection,
    annotator: Annotator,
    model: Model | NoModel,
    answers: Answers,
    limit: Budget,
    progress: Progress,
) -> Asked:
    if isinstance(model, NoModel):
        return _not_asked(model)
    asked = ask(con, annotator, model, answers, limit, progress)
    if asked.questions:
        open_answers(con, annotator, answers)
    return asked


def _packed(con: duckdb.DuckDBPyConnection, answers: Answers, name: Name, folder: Path) -> Json:
    file = folder / f"{answers.annotator}.answers.parquet"
    write_pack(con, file)
    return {**name._asdict(), "pack": answers.pack(file)}


def _nothing_asked(lake: Lake, models: Mapping[str, Model | NoModel]) -> dict[str, Asked]:
    asked = {name: _not_asked(model) for name, model in models.items()}
    for name, found in asked.items():
        Answers(lake, name).move_head(run=found.to_json())
    return asked


def _not_asked(model: Model | NoModel) -> Asked:
    return Asked(no_model=model.reason if isinstance(model, NoModel) else None)


def _read_by(annotator: Annotator, name: Name | None) -> Json:
    if annotator.reads_with is None:
        return {}
    prompt = annotator.prompt.name if annotator.prompt else None
    return {"model": name and name.model, "revision": name and name.revision, "prompt": prompt}


def _spelled(names: Mapping[str, Name | None]) -> Json:
    return {name: model and list(model) for name, model in names.items()}


def _is_settled(lake: Lake, plan: Plan, names: Mapping[str, Name | None]) -> bool:
    """Return whether the tables are there and no model has anything to add to them."""
    pointer = lake.pointer(plan.annotation_pointer)
    told = json.loads(pointer.text) if pointer else {}
    is_same = told.get("models") == _spelled(names) and told["is_complete"]
    return bool(is_same) and plan.annotated.is_whole(lake, [a.table.name for a in registry.annotators()])


def _digest(files: Iterable[Path]) -> str:
    sums = []
    for file in files:
        with file.open("rb") as opened:
            sums.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return digest(repr(sums))
