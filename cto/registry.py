"""Finds what other packages add: each module of ``connectors``, ``annotators``, ``label_functions`` defines its name.

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

from cto.annotate.annotator import Annotator
from cto.connector import Connector
from cto.labels import LabelFunction
from cto.schema import Table, resolve

T = TypeVar("T")


@cache
def connectors() -> tuple[Connector, ...]:
    """Return every source, by name."""
    return tuple(_named(module, Connector) for module in _modules("connectors"))


@cache
def annotators() -> tuple[Annotator, ...]:
    """Return every annotator, by name."""
    return tuple(_named(module, Annotator) for module in _modules("annotators"))


@cache
def label_functions() -> tuple[LabelFunction, ...]:
    """Return every label function, by name; a module may hold a close family of them, and holds one at least."""
    found: dict[str, LabelFunction] = {}
    for module in _modules("label_functions"):
        own = [f for f in vars(module).values() if isinstance(f, LabelFunction) and f.module == module.__name__]
        if not own:
            raise TypeError(f"{module.__name__} defines no label function; is the decorator missing?")
        for function in own:
            if function.name in found:
                raise TypeError(
                    f"{module.__name__} defines {function.name}, which {found[function.name].module} does too"
                )
            found[function.name] = function
    return tuple(found[name] for name in sorted(found))


@cache
def tables() -> dict[str, Table]:
    """Return every table contract by name: raw tables of the connectors, those of the warehouse and of annotators."""
    raw = [table for connector in connectors() for table in connector.tables]
    annotated = [annotator.table for annotator in annotators()]
    return resolve([*raw, *importlib.import_module("warehouse.tables").TABLES, *annotated])


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
