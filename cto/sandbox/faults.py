"""The faults that every site shares, and the board that says which are in force."""

import threading
from dataclasses import dataclass
from typing import Any

REFUSALS: dict[str, str] = {
    "rate_limited": "Any request is answered 429 without a Retry-After header.",
    "server_error": "Any request is answered 500.",
    "unavailable": "Any request is answered 503 with Retry-After: 1.",
    "blocked": "Any request is answered 403 with an HTML page.",
}
DAMAGE: dict[str, str] = {
    "html_at_200": "A page of records is replaced by an HTML block page with status 200.",
    "truncated_json": "A page of records is cut in the middle although its headers and status are consistent.",
    "reset_mid_body": "The connection is reset after half of the body of a page of records.",
    "endless_body": "The body of a page of records goes on until the client closes, at most 2 GB or 60 seconds.",
}
SHARED_FAULTS: dict[str, str] = {**REFUSALS, **DAMAGE, "slow": "A page of records is sent 0.3 seconds late."}


@dataclass
class _ActiveFault:
    name: str
    times: int | None
    after: int
    site: str

    @property
    def state(self) -> dict[str, Any]:
        return {"times": self.times, "after": self.after} | ({"site": self.site} if self.site else {})


class FaultBoard:
    """The faults in force, safe to use from several threads."""

    def __init__(self) -> None:
        self.descriptions: dict[str, str] = dict(SHARED_FAULTS)
        self.sites: set[str] = set()
        self._active: list[_ActiveFault] = []
        self._lock = threading.Lock()

    def add(self, name: str, times: int | None = 1, after: int = 0, site: str = "") -> None:
        """Let the fault happen `times` times (None: always) once `after` requests it could hit have passed.

        `name` may be shortened to any unambiguous beginning, and may start with `site:`, the one site that it is to hit
        (by the name of its source; default any). Raises ValueError for an unknown name or site, or a bad number.
        """
        site, _, name = name.rpartition(":") if ":" in name else (site, "", name)
        full_names = [name] if name in self.descriptions else [n for n in self.descriptions if n.startswith(name)]
        if len(full_names) != 1:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(self.descriptions))}")
        if site and site not in self.sites:
            raise ValueError(f"no site is called {site!r}; the sites are {', '.join(sorted(self.sites))}")
        if not _is_count(after) or not (times is None or (_is_count(times) and times > 0)):
            raise ValueError("times must be a positive whole number or null, after a whole number from 0")
        with self._lock:
            self._active.append(_ActiveFault(full_names[0], times, after, site))

    def clear(self) -> None:
        """Forget every fault in force."""
        with self._lock:
            self._active.clear()

    def listing(self) -> list[dict[str, Any]]:
        """Return every known fault: its name, its description and what is in force of it."""
        with self._lock:
            active = [(fault.name, fault.state) for fault in self._active]
        return [
            {"name": name, "description": text, "active": [state for other, state in active if other == name]}
            for name, text in self.descriptions.items()
        ]

    def take(self, *names: str, served: int = 0, site: str = "") -> str | None:
        """Return the first of the named faults that is due now at the site, and count the request for those that wait.

        `served` is 1 when the request has been answered already, so that it counts among the `after` passed.
        """
        due: _ActiveFault | None = None
        with self._lock:
            for fault in self._active:
                if fault.name not in names or fault.site not in ("", site):
                    continue
                if fault.after > served:
                    fault.after -= 1
                elif due is None:
                    due = fault
            if due is None:
                return None
            if due.times is not None:
                due.times -= 1
                if due.times == 0:
                    self._active.remove(due)
        return due.name


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
