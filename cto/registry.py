"""Finds what other packages add: every module of ``connectors`` and ``label_functions`` defines its own name.

>>> [c.name for c in connectors()][:1]
['clinicaltrials_gov']
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import TypeVar

from cto.connector import Connector
from cto.labels import LabelFunction
from cto.schema import Table, resolve

T = TypeVar("T")


@cache
def connectors() -> tuple[Connector, ...]:
    """Return every source, by name."""
    return tuple(_named(module, Connector) for module in _modules("connectors"))


@cache
def label_functions() -> tuple[LabelFunction, ...]:
    """Return every label function, by name; a module may hold a close family of them."""
    found = [
        value
        for module in _modules("label_functions")
        for value in vars(module).values()
        if isinstance(value, LabelFunction)
    ]
    return tuple(sorted(found, key=lambda function: function.name))


@cache
def tables() -> dict[str, Table]:
    """Return every table contract by name: raw tables of the connectors, then those of the warehouse."""
    raw = [table for connector in connectors() for table in connector.tables]
    return resolve([*raw, *importlib.import_module("warehouse.tables").TABLES])


def _named(module: ModuleType, kind: type[T]) -> T:
    name = module.__name__.rpartition(".")[2]
    value = getattr(module, name, None)
    if not isinstance(value, kind):
        raise TypeError(f"{module.__name__} must define {name!r}, a {kind.__name__}")
    return value


def _modules(package: str) -> Iterator[ModuleType]:
    path = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package}.{info.name}")
