"""Asks every source one small thing and says whether it still speaks as its connector expects; nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cto import pipeline
from cto.connector import Connector, Probe
from cto.http import BadBodyError, SourceError
from cto.ingest import Asked
from cto.settings import Settings

TRIES = 2
"""A source that answers at the second try is well; one that needs more is not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one source was asked, whether it answered as its contract says, and what there is to know about it."""

    source: str
    address: str
    is_well: bool
    verdict: str
    seconds: float


def examine(settings: Settings, connectors: Sequence[Connector]) -> Iterator[Finding]:
    """Yield a finding a source, as soon as it is there."""
    for connector in connectors:
        begun = time.monotonic()
        http = replace(pipeline.http(settings, connector), tries=TRIES)
        asked = Asked(connector, http, settings.urls.get(connector.name, connector.url))
        try:
            is_well, verdict = _verdict(connector, asked)
        except (SourceError, BadBodyError) as error:
            is_well, verdict = False, str(error)
        yield Finding(connector.name, asked.url, is_well, verdict, round(time.monotonic() - begun, 2))


def _verdict(connector: Connector, asked: Asked) -> tuple[bool, str]:
    probe = connector.probe
    if isinstance(probe, Probe):
        kind, (body, _) = probe.kind, asked.answer(probe.path, probe.params, probe.kind, probe.form)
    else:
        kind, body = probe(asked)
    parsed = connector.parse(kind, body)
    if parsed.quarantine:
        return False, f"answered, but cannot be read: {parsed.quarantine[0]['reason']}"
    rows = {name: found.num_rows for name, found in parsed.tables.items() if found.num_rows}
    if parsed.tables and not rows:
        return False, f"answered with {len(body)} bytes that hold no row of {', '.join(parsed.tables)}"
    told = ", ".join(f"{n} of {name.partition('__')[2]}" for name, n in rows.items())
    return True, f"answers as expected: {told or f'{len(body)} bytes'}"
