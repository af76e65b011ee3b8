"""The stand-in that everybody starts: one server with all sources mounted and their records at hand."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cto.sandbox.faults import SHARED_FAULTS
from cto.sandbox.registry import API_PREFIX, REGISTRY_FAULTS, RegistrySite
from cto.sandbox.server import SandboxServer
from cto.sandbox.site import Site
from cto.sandbox.sites import sites
from cto.sandbox.store import StudyStore
from cto.sandbox.studies import as_line

FAULTS: dict[str, str] = {
    **SHARED_FAULTS,
    **REGISTRY_FAULTS,
    **{name: text for site in sites() for name, text in site.faults.items()},
}


class Sandbox(SandboxServer):
    """A server with every source mounted: the registry over files of studies, the others over the files of a world.

    `studies` is one file or several (of one id the last line wins); by default the world's own. `faults` are names,
    `source:name` for those of one source, or mappings with name, times, after and site. Raises OSError for a file that
    cannot be read and ValueError for an unknown fault.
    """

    def __init__(
        self,
        studies: str | Path | Iterable[str | Path] = (),
        faults: Iterable[str | Mapping[str, Any]] = (),
        port: int = 0,
        world: str | Path | None = None,
    ) -> None:
        super().__init__(port)
        folder = Path(world) if world else None
        paths = [studies] if isinstance(studies, str | Path) else list(studies)
        if not paths and folder:
            paths = sorted(folder.glob("studies.jsonl*"))
        self._registry = RegistrySite(StudyStore(Path(path) for path in paths), self.faults)
        self._mounted: list[Site] = [self._registry, *(site(folder, self.faults) for site in sites())]
        for site in self._mounted:
            self.mount(site.prefix, site)
        for fault in faults:
            self.faults.add(**({"name": fault} if isinstance(fault, str) else fault))

    @property
    def urls(self) -> dict[str, str]:
        """The base address of every source that is served, by the source's name."""
        return {site.source: self.url + site.prefix for site in self._mounted if site.is_source}

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which every source, and the model's server, is found here."""
        found = {f"CTO_{name.upper()}_URL": url for name, url in self.urls.items()}
        for site in self._mounted:
            found |= site.variables(self.url + site.prefix)
        return found

    def site(self, source: str) -> Any:
        """Return the stand-in of a source, for a test that changes what it holds."""
        return next(site for site in self._mounted if site.source == source)

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
