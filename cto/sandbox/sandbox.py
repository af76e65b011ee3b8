"""The stand-in that everybody starts: one server with the sources mounted and their records at hand."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cto.sandbox.faults import SHARED_FAULTS
from cto.sandbox.registry import API_PREFIX, REGISTRY_FAULTS, RegistrySite
from cto.sandbox.server import SandboxServer
from cto.sandbox.store import StudyStore
from cto.sandbox.studies import as_line

FAULTS: dict[str, str] = {**SHARED_FAULTS, **REGISTRY_FAULTS}


class Sandbox(SandboxServer):
    """A server with the registry mounted, over one file of studies or several (of one id the last line wins).

    `faults` are names, or mappings with name, times and after. Raises OSError for a file that cannot be read and
    ValueError for an unknown fault.

    A further source is a subclass of `cto.sandbox.site.Site`, mounted under a path of its own before or after the
    start: `sandbox.mount("/eutils", PubmedSite())` serves it at `sandbox.url + "/eutils"`.
    """

    def __init__(
        self,
        studies: str | Path | Iterable[str | Path] = (),
        faults: Iterable[str | Mapping[str, Any]] = (),
        port: int = 0,
    ) -> None:
        super().__init__(port)
        paths = [studies] if isinstance(studies, str | Path) else studies
        self._registry = RegistrySite(StudyStore(Path(path) for path in paths), self.faults)
        self.mount(API_PREFIX, self._registry)
        for fault in faults:
            self.faults.add(**({"name": fault} if isinstance(fault, str) else fault))

    @property
    def urls(self) -> dict[str, str]:
        """The base address of every source that is served, by the source's name."""
        return {"clinicaltrials_gov": self.registry_url}

    @property
    def registry_url(self) -> str:
        """The base address of the registry."""
        return self.url + API_PREFIX

    def post_studies(self, studies: Iterable[Mapping[str, Any] | str | bytes], pending: bool = False) -> dict[str, Any]:
        """Add or replace studies given as objects or as lines; return {"studies": total, "dataTimestamp": text}.

        With `pending` they wait for the fault `refresh_mid_crawl` to bring them in.
        """
        return self._registry.post([as_line(study) for study in studies], pending)

    def remove_study(self, nct_id: str) -> dict[str, Any]:
        """Remove a study and return the state as `post_studies` does; raises KeyError when there is none."""
        return self._registry.remove(nct_id)
