"""The contracts hold for every model and label function, and the documents follow them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cto import registry
from cto.annotate.annotator import PROVENANCE, Annotator
from cto.build import order
from cto.labels import COLUMNS
from cto.plan import models, published
from cto.schema import Column, ContractError, Table, resolve
from cto.vote import check_columns
from tools.make_docs import DOCS, documents

ROOT = Path(__file__).parents[1]


QUERIES = models() | published()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_the_columns_of_its_contract(empty: duckdb.DuckDBPyConnection, name: str) -> None:
    table = registry.tables()[name]
    found = empty.execute(f"describe select {table.select_list()} from ({QUERIES[name]})").fetchall()
    assert [row[0] for row in found] == [column.name for column in table.columns]


@pytest.mark.parametrize("annotator", registry.annotators(), ids=lambda annotator: annotator.name)
def test_an_annotator_reads_what_is_there_and_its_table_says_who_read(
    empty: duckdb.DuckDBPyConnection, annotator: Annotator
) -> None:
    found = [row[0] for row in empty.execute(f"describe {annotator.sql}").fetchall()]
    columns = [column.name for column in annotator.table.columns]
    assert annotator.table.name == f"annot_{annotator.name}"
    if annotator.reads_with is None:
        assert set(columns) <= set(found)
        return
    assert {*annotator.table.key, "skip_reason"} <= set(found)
    assert annotator.table.columns[-len(PROVENANCE) :] == PROVENANCE
    assert annotator.read is not None
    assert (annotator.prompt is not None) == (annotator.schema is not None) == (annotator.reads_with == "llm")
    if annotator.prompt is None:
        assert annotator.text in found
    else:
        assert set(re.findall(r"\{([a-z_]+)\}", annotator.prompt.template)) <= set(found)


@pytest.mark.parametrize("function", registry.label_functions(), ids=lambda function: function.name)
def test_a_label_function_returns_what_a_vote_needs(empty: duckdb.DuckDBPyConnection, function: object) -> None:
    check_columns(empty, function)


def test_a_label_function_with_other_columns_is_refused(empty: duckdb.DuckDBPyConnection) -> None:
    good = registry.label_functions()[0]
    bad = type(good)(good.name, good.kind, good.group, good.informs, 1, good.meaning, "select nct_id from core_study")
    with pytest.raises(ContractError, match=rf"{good.name} returns \['nct_id'\], not \['{next(iter(COLUMNS))}'"):
        check_columns(empty, bad)


def test_every_model_has_a_contract_and_every_core_contract_a_model() -> None:
    core = {name for name in registry.tables() if name.startswith("core_")}
    assert core == set(models())
    assert set(published()) == {"trials", "votes", "labels", "cut_points"}


def test_models_are_ordered_by_what_they_read() -> None:
    sql = {"c": "from b", "b": "select * from a join raw using (id)", "a": "with b as (select 1 as id) select * from b"}
    assert order(sql).index("b") < order(sql).index("c")


def test_an_inherited_column_is_declared_once() -> None:
    raw = Table("raw_x", "Raw.", ("id",), (Column("id", "VARCHAR", "Id."), Column("new", "DATE", "New.")))
    core = Table("core_x", "Core.", ("id",), (), inherits="raw_x")
    assert [c.name for c in resolve([raw, core])["core_x"].columns] == ["id", "new"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Column("Bad Name", "VARCHAR", "x"), "lower_snake_case"),
        (lambda: Table("t", "x", ("id",), ()), "key"),
        (lambda: Table("t", "x", (), (Column("a", "DATE", ""), Column("a", "DATE", ""))), "twice"),
        (lambda: resolve([Table("t", "x", (), ()), Table("t", "x", (), ())]), "declared twice"),
        (lambda: resolve([Table("t", "x", (), (), inherits="gone")]), "nothing declares"),
    ],
)
def test_a_contradictory_contract_is_refused(make: object, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        make()  # type: ignore[operator]


def test_a_contract_change_changes_the_fingerprint_and_a_word_of_its_text_does_not() -> None:
    table = Table("t", "x", ("a",), (Column("a", "DATE", "A day."),))
    same = Table("t", "y", ("a",), (Column("a", "DATE", "Another word."),))
    other = Table("t", "x", ("a",), (Column("a", "VARCHAR", "A day."),))
    assert table.fingerprint() == same.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("name", documents())
def test_a_generated_document_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == documents()[name], "run make docs"


MAY_IMPORT = {
    "cto": {"cto"},
    "connectors": {"cto", "connectors"},
    "annotators": {"cto", "annotators", "warehouse"},
    "label_functions": {"cto", "label_functions"},
    "warehouse": {"cto", "warehouse"},
    "dags": {"cto", "connectors", "annotators", "label_functions", "warehouse"},
}
OURS = set(MAY_IMPORT) | {"tests", "benchmarks", "tools"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in _imported(path)
        if name in OURS - MAY_IMPORT[package]
    ]
    assert wrong == []


IMPORT_ALL = """
import importlib, pkgutil, sys
for package in ("cto", "connectors", "annotators", "label_functions", "warehouse"):
    for module in pkgutil.walk_packages([package], f"{package}."):
        if not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)
print(*sorted({"torch", "airflow", "transformers", "vllm", "pandas", "sklearn", "yfinance"} & set(sys.modules)))
"""


def test_importing_all_of_it_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(n.module or "").partition(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
