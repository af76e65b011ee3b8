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
from cto.fuse.stored import MODELS
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


def usable(lake: Lake, as_of: date, is_current: bool) -> Fit | None:
    """Return the fit that a build as of a day uses, or None when one must be made first.

    That is the newest carried one that is not of a later day, else, in a look back, one made for this very day. A fit
    of other label functions or models than the present ones cannot be used.
    """
    pointer = lake.pointer(HEAD)
    listed = _entries(pointer.text if pointer else None)
    entries = [e for e in listed if e["basis"] == _basis() and e["fitted_as_of"] <= str(as_of)]
    carried = sorted((e for e in entries if e["is_carried"]), key=lambda e: str(e["fitted_as_of"]))
    of_the_day = [e for e in entries if e["fitted_as_of"] == str(as_of) and not is_current]
    chosen = (carried or of_the_day)[-1:]
    return read(lake, chosen[0]["id"]) if chosen else None


def read(lake: Lake, id_: str) -> Fit:
    """Return a fit by its id."""
    found = lake.read_json(f"fits/{id_}.json")
    return Fit(id_, date.fromisoformat(found["fitted_as_of"]), tuple(found["cut_points"]), found["models"])


def store(lake: Lake, fitted_as_of: date, cut_points: list[Json], models: Json) -> Fit:
    """Store a fit and return it; :func:`usable` finds it once it is listed."""
    text = to_json({"fitted_as_of": str(fitted_as_of), "basis": _basis(), "cut_points": cut_points, "models": models})
    id_ = digest(text.decode())
    lake.put(f"fits/{id_}.json", text)
    return read(lake, id_)


def enlist(lake: Lake, fit: Fit, is_carried: bool) -> None:
    """List a fit for later builds; ``is_carried``: for those of later days, else for look backs to its own day.

    Raises:
        PointerMovedError: other runs kept listing theirs.

    """
    entry = {"id": fit.id, "fitted_as_of": str(fit.fitted_as_of), "basis": _basis(), "is_carried": is_carried}
    lake.change_pointer(
        HEAD, lambda text: to_json({"fits": [*(e for e in _entries(text) if e["id"] != fit.id), entry]}).decode()
    )


def _entries(text: str | None) -> list[Json]:
    """Return what was listed so far, in that order."""
    if text is None:
        return []
    try:
        return list(json.loads(text)["fits"])
    except (json.JSONDecodeError, KeyError) as error:
        raise LakeError(f"{HEAD} is damaged: {error!r}; delete it and run cto fit") from error


def _basis() -> str:
    """Return a digest of what a fit is of: label functions and models as they are versioned, and the definitions."""
    functions = [(f.name, f.version, f.kind, f.group, sorted(f.informs.items())) for f in registry.label_functions()]
    models = [(model.name, model.version) for model in MODELS]
    return digest(repr((functions, models, sorted((name, d.kinds) for name, d in DEFINITIONS.items()))))
