"""What was learned from the past and is carried on unchanged: cut points and label models, fitted as of a day.

A threshold or a model that were learned anew every night would move labels of trials nobody touched. So a fit is made
once, kept in the lake, and used by every later build until another is made on purpose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cto import registry
from cto.labels import DEFINITIONS
from cto.lake import Lake, LakeError, to_json
from cto.schema import digest

Json = dict[str, Any]

HEAD = "fits/HEAD.json"


@dataclass(frozen=True, slots=True)
class Fit:
    """Cut points and label models, fitted on what was public by a day about trials that had ended by then.

    Attributes:
        id: digest of all below.
        fitted_as_of: that day.
        cut_points: rows of the table of that name.
        models: definition → name, version, state, and the reason when another model was refused.

    """

    id: str
    fitted_as_of: date
    cut_points: tuple[Json, ...] = field(repr=False)
    models: Json = field(repr=False)


def usable(lake: Lake, as_of: date) -> Fit | None:
    """Return the fit that a build as of a day uses, or None when one must be made first.

    That is the latest made for this very day, else the newest carried one of an earlier day. A fit of other label
    functions than the present ones cannot be used.
    """
    entries = [e for e in _entries(lake) if e["basis"] == _basis() and e["fitted_as_of"] <= str(as_of)]
    of_the_day = [e for e in entries if e["fitted_as_of"] == str(as_of)]
    carried = sorted((e for e in entries if e["is_carried"]), key=lambda e: str(e["fitted_as_of"]))
    chosen = (of_the_day or carried)[-1:]
    return read(lake, chosen[0]["id"]) if chosen else None


def read(lake: Lake, id_: str) -> Fit:
    """Return a fit by its id."""
    found = lake.read_json(f"fits/{id_}.json")
    return Fit(id_, date.fromisoformat(found["fitted_as_of"]), tuple(found["cut_points"]), found["models"])


def keep(lake: Lake, fitted_as_of: date, cut_points: list[Json], models: Json, is_carried: bool) -> Fit:
    """Store a fit and return it; from now on :func:`usable` finds it.

    ``is_carried`` says that builds of later days use it too: one made in passing for a look back is for its day alone.

    Raises:
        PointerMovedError: another run stored one at the same time.

    """
    value = {"fitted_as_of": str(fitted_as_of), "basis": _basis(), "cut_points": cut_points, "models": models}
    text = to_json(value)
    id_ = digest(text.decode())
    lake.put(f"fits/{id_}.json", text)
    pointer = lake.pointer(HEAD)
    entries = [e for e in _entries(lake) if e["id"] != id_]
    entry = {"id": id_, "fitted_as_of": str(fitted_as_of), "basis": _basis(), "is_carried": is_carried}
    lake.move_pointer(HEAD, to_json({"fits": [*entries, entry]}).decode(), pointer)
    return read(lake, id_)


def _entries(lake: Lake) -> list[Json]:
    """Return what was fitted so far, in the order it was."""
    pointer = lake.pointer(HEAD)
    if pointer is None:
        return []
    try:
        return list(json.loads(pointer.text)["fits"])
    except (json.JSONDecodeError, KeyError) as error:
        raise LakeError(f"{HEAD} is damaged: {error!r}; delete it and run cto fit") from error


def _basis() -> str:
    """Return a digest of what a fit is of: the label functions as they are versioned, and the definitions."""
    functions = [(f.name, f.version, f.kind, f.group, sorted(f.informs.items())) for f in registry.label_functions()]
    return digest(repr((functions, sorted((name, d.kinds) for name, d in DEFINITIONS.items()))))
