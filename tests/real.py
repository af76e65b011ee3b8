"""The real registry file beside the checkout, and what a refresh makes of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cto.fuse import LabelMatrix
from cto.fusion import label_matrix
from cto.lake import Lake
from cto.plan import Plan

SHARED = Path(__file__).parents[2] / "shared" / "data"
REGISTRY = SHARED / "registry" / "studies.jsonl.gz"
AS_OF = date(2026, 11, 1)

needs_registry = pytest.mark.skipif(
    not REGISTRY.exists(), reason="the full registry file is not at ../shared/data/registry/studies.jsonl.gz"
)

Json = dict[str, Any]


class Tables:
    """The tables that one refresh left in a lake."""

    def __init__(self, lake: Lake, planned: Plan) -> None:
        self._lake, self._plan = lake, planned
        self._connection = duckdb.connect()

    def rows(self, name: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Return rows in the order of their file, which is that of the key."""
        match name.partition("_")[0]:
            case "core":
                stage = self._plan.core
            case "annot":
                stage = self._plan.annotated
            case _:
                stage = self._plan.label
        sql = f"select {columns} from read_parquet(?) where {where}"
        return self._connection.execute(sql, [self._lake.url(stage.table(name))]).fetchall()

    def label_matrix(self, definition: str) -> LabelMatrix:
        """Return the votes on all ended trials."""
        with duckdb.connect() as con:
            for view, name in (("core_study", "trials"), ("vote", "votes")):
                con.read_parquet(self._lake.url(self._plan.label.table(name))).create_view(view)
            con.execute("create view ended as from core_study where is_ended")
            return label_matrix(con, definition, among="ended")

    def by_study(self, name: str, columns: str, where: str = "true") -> dict[str, list[tuple[Any, ...]]]:
        """Return, by study, what follows the identifier in its rows."""
        found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for nct_id, *values in self.rows(name, f"nct_id, {columns}", where):
            found[nct_id].append(tuple(values))
        return found


def at(study: Json, path: str, default: Any = None) -> Any:
    """Return what stands at a dotted path of a study."""
    node: Any = study
    for name in path.split("."):
        if not isinstance(node, dict) or name not in node:
            return default
        node = node[name]
    return node
