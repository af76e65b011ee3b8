"""One frozen value with everything that the environment decides (``CTO_*`` variables)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

CONTACT = "https://github.com/cto-dataset/cto"


class SettingsError(ValueError):
    """A variable holds what it may not; the message names it, its value and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the lake is, which day it is, and where the sources are.

    Attributes:
        home: root of the lake.
        as_of: last day whose evidence counts.
        urls: base address by source, for those not at their default.
        keys: key by source, for those that take one (``CTO_<SOURCE>_API_KEY``); never shown.
        variables: what the environment says besides, such as ``CTO_FEEDS``.
        backoff: first pause before a repeated request, in seconds.
        contact: what the user agent says about whom to write to.
        is_sample: the sources serve the shipped sample.
        is_today: no day was asked for, so ``as_of`` is the day on which the run began.

    """

    home: str
    as_of: date
    urls: Mapping[str, str]
    backoff: float = 1.0
    contact: str = CONTACT
    is_sample: bool = False
    is_today: bool = False
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, environment: Mapping[str, str], today: date, home: str | None = None, as_of: str | None = None
    ) -> Settings:
        """Return the settings that the environment asks for; ``home`` and ``as_of`` overrule it.

        >>> Settings.of({"CTO_AS_OF": "2019-06-30"}, date(2026, 1, 1)).as_of
        datetime.date(2019, 6, 30)
        """
        day = as_of or environment.get("CTO_AS_OF")
        urls = {
            name.removeprefix("CTO_").removesuffix("_URL").lower(): value.rstrip("/")
            for name, value in environment.items()
            if name.startswith("CTO_") and name.endswith("_URL") and value
        }
        keys = {
            name.removeprefix("CTO_").removesuffix("_API_KEY").lower(): value
            for name, value in environment.items()
            if name.startswith("CTO_") and name.endswith("_API_KEY") and value
        }
        for name, value in urls.items():
            if not value.startswith(("http://", "https://")):
                raise SettingsError(f"CTO_{name.upper()}_URL is {value!r}; it must start with http:// or https://")
        return cls(
            home=home or environment.get("CTO_HOME") or "data",
            as_of=_day(day, today) if day else today,
            is_today=not day,
            urls=urls,
            backoff=_seconds(environment.get("CTO_HTTP_BACKOFF_SECONDS", "1")),
            contact=environment.get("CTO_CONTACT") or CONTACT,
            keys=keys,
            variables={
                name: value
                for name, value in environment.items()
                if name.startswith("CTO_") and not name.endswith("_API_KEY") and value
            },
        )


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"the day to build as of is {text!r}; write it like 2019-06-30 (--as-of, CTO_AS_OF)"
        ) from None
    if day > today:
        raise SettingsError(f"cannot build as of {day}: that day has not come yet (--as-of, CTO_AS_OF)")
    return day


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        raise SettingsError(f"CTO_HTTP_BACKOFF_SECONDS is {text!r}; it must be a number of seconds") from None
