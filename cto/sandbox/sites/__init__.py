"""One file a site: every module holds a stand-in, a `WorldSite`, under the name `SITE`."""

import importlib
import pkgutil

from cto.sandbox.site import WorldSite


def sites() -> list[type[WorldSite]]:
    """Return the stand-ins of all that is mounted but the registry."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").SITE for name in names]
