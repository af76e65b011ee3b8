"""Label models as plain JSON, and back: how a fit is kept and published."""

from __future__ import annotations

from cto.fuse.convention import CtoConvention
from cto.fuse.grouped import GroupedDawidSkene
from cto.fuse.majority import Majority
from cto.fuse.matrix import Json, LabelModel
from cto.fuse.triplet import Triplet

MODELS: tuple[LabelModel, ...] = (GroupedDawidSkene(), Majority(), Triplet(), CtoConvention())


def to_json(model: LabelModel) -> Json:
    """Return a fitted model as plain values."""
    return {"name": model.name, "version": model.version, "state": model.state()}


def from_json(value: Json) -> LabelModel:
    """Return the fitted model that :func:`to_json` gave the values of.

    Raises:
        ValueError: no model is called so in that version: the code is another one.

    """
    for model in MODELS:
        if (model.name, model.version) == (value["name"], value["version"]):
            return model.with_state(value["state"])
    raise ValueError(f"no label model is called {value['name']} version {value['version']}: run cto fit")
