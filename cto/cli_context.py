"""What the commands share: the settings of the call, the lake and release to read from, and common options."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cto import release
from cto.lake import Lake, LakeError
from cto.settings import Settings


def now() -> datetime:
    """Return the time; the only clock below which nothing asks for it."""
    return datetime.now(UTC)


def settings(as_of: str | None = None) -> Settings:
    """Return the settings of this call."""
    home = click.get_current_context().find_root().params.get("home")
    return Settings.of(os.environ, now().date(), home, as_of)


as_of_option = click.option("--as-of", metavar="DATE", help="Use only evidence public by this day (default today).")
version_option = click.option("--version", "version", metavar="VERSION", help="Which release (default the latest).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def open_lake() -> Lake:
    """Open the lake to read from it; a place that holds none is not made one."""
    home = settings().home
    if "://" not in home and not Path(home).is_dir():
        raise LakeError(
            f"there is no lake at {home}: run cto refresh, or cto demo to try with the sample (--home, CTO_HOME)"
        )
    return Lake(home)


def open_release(lake: Lake, version: str | None) -> release.Release:
    """Return a release by its version, by default the latest."""
    found = release.read(lake, version) if version else release.latest(lake)
    if found is None:
        raise LakeError(f"{lake.root} holds no release yet: run cto refresh, or cto demo to try with the sample")
    return found


def as_text(value: Any) -> str:
    """Return plain values as JSON text."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)
