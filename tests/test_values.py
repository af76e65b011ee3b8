"""What the macros make of the registry's texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from cto.plan import macros


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(macros())
        yield con


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("0.05", "=", 0.05),
        (".04", "=", 0.04),
        ("0,04", "=", 0.04),
        ("= 0.03", "=", 0.03),
        ("P = 0.03", "=", 0.03),
        ("p-value=0.1", "=", 0.1),
        ("<0.001", "<", 0.001),
        ("< .01", "<", 0.01),
        ("&lt; 0.0001", "<", 0.0001),
        ("> .05", ">", 0.05),
        (">=0.99", ">=", 0.99),
        ("≤0.05", "<=", 0.05),
        ("=< 0.05", "<=", 0.05),
        ("1.2E-5", "=", 1.2e-5),
        ("1.0", "=", 1.0),
        ("0", "=", 0.0),
        ("NS", "ns", None),
        ("n.s.", "ns", None),
        ("not significant", "ns", None),
        ("", None, None),
        ("1.5", None, None),
        ("-0.2", None, None),
        ("0.0.5", None, None),
        ("0.05 (two-sided)", None, None),
        ("see comment", None, None),
    ],
)
def test_a_p_value_is_an_operator_and_a_number(
    con: duckdb.DuckDBPyConnection, text: str, operator: str | None, value: float | None
) -> None:
    assert con.execute("select p_value_operator($1), p_value($1)", [text]).fetchone() == (operator, value)


@pytest.mark.parametrize(
    ("text", "day", "precision", "latest"),
    [
        ("2012-03-04", date(2012, 3, 4), "day", date(2012, 3, 4)),
        ("2012-02", date(2012, 2, 1), "month", date(2012, 2, 29)),
        ("2012", date(2012, 1, 1), "year", date(2012, 12, 31)),
        ("2012-13", None, None, None),
        ("2012-02-30", None, None, None),
        ("March 2012", None, None, None),
        ("04/03/2012", None, None, None),
    ],
)
def test_a_date_keeps_its_precision(
    con: duckdb.DuckDBPyConnection, text: str, day: date | None, precision: str | None, latest: date | None
) -> None:
    sql = "select parse_date($1), date_precision($1), latest_day(parse_date($1), date_precision($1))"
    assert con.execute(sql, [text]).fetchone() == (day, precision, latest)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", 1234.0),
        ("0,001", 0.001),
        ("1e400", None),
        ("1,234.5", 1234.5),
        ("0,04", 0.04),
        ("-3.2", -3.2),
        (" 7 ", 7.0),
        ("NA", None),
        (">5", None),
    ],
)
def test_a_number_is_read_as_people_type_it(con: duckdb.DuckDBPyConnection, text: str, number: float | None) -> None:
    assert con.execute("select parse_number($1)", [text]).fetchone() == (number,)
