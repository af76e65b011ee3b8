"""Writes the prices of the invented world, ``cto/sample/world/prices.csv.gz``, always the same.

Every number in that file is invented. The six companies do not exist; SPY and XBI name funds that do, and what stands
there of them is invented too. Each price is a random walk in the index and the company's own noise, with a jump on the
day on which the world's stories let the market learn of a result (``cto/sample/world/news.jsonl``, ``pubmed.jsonl``).
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import exp, log
from pathlib import Path

OUT = Path(__file__).parents[1] / "cto" / "sample" / "world" / "prices.csv.gz"
SEED = 99900
FIRST, LAST = date(2011, 10, 3), date(2023, 10, 31)
CLOSED = {(1, 1), (7, 4), (12, 25)}
COLUMNS = ("ticker", "date", "open", "close", "volume", "dividend", "split", "currency", "timezone", "type")
NIGHT = 0.3
"""Share of a day's move that falls into the night before it; news before the opening falls there whole."""


@dataclass(frozen=True)
class Share:
    """An invented share: where it starts, what moves it, and when the market learnt something of the company."""

    ticker: str
    price: float
    volume: int
    noise: float = 0.025
    beta: float = 1.1
    listed: date = FIRST
    jumps: Mapping[str, float] = field(default_factory=dict)
    dividends: Mapping[str, float] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    type: str = "EQUITY"


def quarters(first: int, last: int, amount: float, months: tuple[int, ...] = (3, 6, 9, 12)) -> dict[str, float]:
    """Return a payment on the 15th of each of the months, or on the next day of trade."""
    return {str(_trading(date(year, month, 15))): amount for year in range(first, last + 1) for month in months}


def _trading(day: date) -> date:
    while day.weekday() > 4 or (day.month, day.day) in CLOSED:
        day += timedelta(days=1)
    return day


def shares() -> tuple[Share, ...]:
    """Return the companies of the world; a jump is a day's return beyond the market's and the noise."""
    return (
        Share(
            "MFTX", 8.0, 900,
            jumps={
                "2013-07-16": 0.32,   # phase 2 in psoriasis
                "2013-09-24": -0.08,  # an offering of shares
                "2015-11-10": 0.41,   # the pivotal phase 3
                "2016-04-12": 0.15,   # better than comparatol
                "2017-04-12": 0.07,   # approval, after the close of the day before
                "2018-03-06": 0.03,   # the autoinjector
                "2018-06-12": 0.11,   # lupus
            },
            splits={"2018-09-04": 2},
        ),
        Share(
            "NLIB", 60.0, 1200,
            jumps={
                "2012-11-06": 0.27,   # phase 2 in heart failure
                "2017-06-20": -0.64,  # the outcomes trial
                "2017-10-03": -0.14,  # the second phase 3 is stopped
                "2021-03-02": -0.31,  # hypoglycaemia
            },
        ),
        Share(
            "QHIP", 31.0, 2000, noise=0.022, beta=1.0, listed=date(2012, 2, 1),
            jumps={
                "2017-09-12": -0.29,  # a narrow miss
                "2020-11-05": -0.52,  # futility
                "2020-12-08": -0.03,  # the extension ends
            },
            dividends=quarters(2012, 2019, 0.12, (5, 11)),
        ),
        Share(
            "BMUO", 6.5, 700, noise=0.028, beta=1.2, listed=date(2013, 1, 14),
            jumps={
                "2015-03-10": 0.13,   # first responses
                "2017-03-14": 0.30,   # the single-arm trial
                "2020-04-14": -0.21,  # glioblastoma
                "2020-07-21": 1.02,   # longer survival
                "2021-07-14": 0.06,   # approval, after the close of the day before
            },
        ),
        Share(
            "SFBL", 45.0, 500, noise=0.027, listed=date(2016, 6, 6),
            jumps={
                "2020-01-09": -0.58,  # deaths
                "2020-01-15": -0.17,  # clinical hold, after the close of the day before
                "2020-06-24": -0.07,  # the next study is withdrawn
                "2022-11-15": 0.36,   # cystic fibrosis
            },
        ),
        Share(
            "AIPH", 11.0, 800, noise=0.023, listed=date(2013, 5, 6),
            jumps={
                "2015-08-18": -0.38,  # pneumonia
                "2016-04-27": -0.24,  # complete response letter, after the close of the day before
                "2017-01-24": -0.26,  # one of two endpoints
                "2018-08-07": 0.21,   # migraine
                "2020-09-15": -0.12,  # the portfolio
            },
        ),
    )  # fmt: skip


def market() -> tuple[Share, Share]:
    """Return the index and the sector; their volume is in the same unit as the others'."""
    return (
        Share("SPY", 110.0, 90_000, noise=0.0, beta=1.0, dividends=quarters(2012, 2023, 1.2), type="ETF"),
        Share("XBI", 40.0, 4_000, noise=0.008, beta=1.1, type="ETF"),
    )


def trading_days() -> list[date]:
    """Return the days of trade: weekdays but three holidays."""
    every = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
    return [day for day in every if _trading(day) == day]


def rows() -> Iterator[list[str]]:
    """Yield the lines of the file; a share's prices are adjusted for its splits, as Yahoo's are."""
    days = trading_days()
    draw = random.Random(SEED)  # noqa: S311  (invented prices, no secret)
    index = [draw.gauss(0.0003, 0.01) for _ in days]
    for share in (*market(), *shares()):
        yield from _walk(share, days, index, random.Random(f"{SEED} {share.ticker}"))  # noqa: S311


def _walk(share: Share, days: list[date], index: list[float], draw: random.Random) -> Iterator[list[str]]:
    untraded = share.jumps.keys() - {str(day) for day in days if day >= share.listed}
    assert not untraded, f"{share.ticker}: no trade on {sorted(untraded)}"
    price, is_first = share.price, True
    for day, moved in zip(days, index, strict=True):
        if day < share.listed:
            continue
        jump = log(1 + share.jumps.get(str(day), 0.0))
        quiet = share.beta * moved + draw.gauss(0, share.noise)
        opened = price * exp(NIGHT * quiet + jump)
        price *= exp(quiet + jump)
        volume = share.volume * exp(draw.gauss(0, 0.35)) * (1 + 25 * abs(jump))
        stated = ["USD", "America/New_York", share.type] if is_first else ["", "", ""]
        paid = share.dividends.get(str(day))
        split = share.splits.get(str(day))
        yield [
            share.ticker,
            str(day),
            f"{opened:.2f}",
            f"{price:.2f}",
            f"{round(volume) * 1000}",
            f"{paid:g}" if paid else "",
            str(split) if split else "",
            *stated,
        ]
        is_first = False


def text() -> str:
    """Return the file's text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows())
    return file.getvalue()


def main() -> None:
    """Write the file."""
    OUT.write_bytes(gzip.compress(text().encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
