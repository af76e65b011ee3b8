"""From stand-ins to core tables: articles, headlines and prices, rows a second and memory, at a quarter and in full.

Run: python benchmarks/sources.py [--articles 100000] [--headlines 100000] [--tickers 500] [--years 20]

Everything is generated: trials that refer to articles, articles, feeds, companies that sponsor them, prices. The trials
go on, so that none is searched for: that would measure how fast the stand-in searches. Every measurement runs in a
process of its own, so that the memory shown is its own; the stand-ins run in another. Memory is flat when the second
block of figures shows no more than the first.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import requests

from cto import build, parts, pipeline, registry, snapshot
from cto import plan as planning
from cto.lake import Lake
from cto.settings import Settings

Json = dict[str, Any]

TODAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
ARTICLES_A_TRIAL = 10
HEADLINES_A_FEED = 2_000
SOURCES = {"pubmed": "articles", "news": "headlines", "tickers": "", "prices": "days"}


def main() -> None:
    """Measure and print one row a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("articles", 100_000), ("headlines", 100_000), ("tickers", 500), ("years", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(_ingest(chosen.step) if chosen.step in SOURCES else _STEPS[chosen.step]()))
        return
    print(f"{'case':12} {'rows':>10} {'seconds':>8} {'cpu s':>7} {'rows/s':>9} {'peak MB':>8}")
    for share in (4, 1):
        sizes = (chosen.articles // share, chosen.headlines // share, chosen.tickers // share)
        with tempfile.TemporaryDirectory() as folder, _stand_ins(Path(folder) / "world", *sizes, chosen.years) as found:
            environment = {**os.environ, **found, "CTO_HOME": f"{folder}/lake"}
            for step in ("registry", *SOURCES, "core"):
                command = [sys.executable, __file__, "--step", step]
                done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
                row = json.loads(done.stdout)
                print(
                    f"{step:12} {row['rows']:10,} {row['seconds']:8.1f} {row['cpu']:7.1f} "
                    f"{row['rows'] / row['seconds']:9,.0f} {row['peak_mb']:8.0f}",
                    flush=True,
                )


@contextlib.contextmanager
def _stand_ins(world: Path, n_articles: int, n_headlines: int, n_tickers: int, years: int) -> Iterator[Json]:
    """Write a world and serve it from another process; yield the variables by which it is found."""
    world.mkdir()
    _write_lines(world / "studies.jsonl", (_study(n, n_tickers) for n in range(n_articles // ARTICLES_A_TRIAL)))
    _write_lines(world / "pubmed.jsonl", map(_article, range(n_articles)))
    _write_lines(world / "news.jsonl", map(_headline, range(n_headlines)))
    _write_companies(world / "tickers.csv", n_tickers)
    _write_prices(world / "prices.csv.gz", n_tickers, years)
    command = [str(Path(sys.executable).with_name("cto")), "sandbox", "--world", str(world), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert server.stdout is not None
        server.stderr.readline()  # it serves
        os.set_blocking(server.stdout.fileno(), False)
        found = dict(line.rstrip("\n").split("=", 1) for line in server.stdout)
        chart = f"{found['CTO_PRICES_URL']}/v8/finance/chart/SPY?range=1d&interval=1d"
        requests.get(
            chart, timeout=900
        ).raise_for_status()  # it reads the prices now, which takes longer than a client waits
        yield found
        server.terminate()


def _write_lines(path: Path, values: Iterator[Json] | Any) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(value) + "\n" for value in values)


def _study(number: int, n_tickers: int) -> Json:
    first = number * ARTICLES_A_TRIAL
    return {
        "protocolSection": {
            "identificationModule": {"nctId": f"NCT{10_000_000 + number}", "briefTitle": f"Drug {number} in disease"},
            "statusModule": {
                "overallStatus": "RECRUITING",
                "completionDateStruct": {"date": "2027-03-01"},
                "studyFirstPostDateStruct": {"date": f"{2005 + number % 15}-03-04"},
                "lastUpdatePostDateStruct": {"date": "2021-02-03"},
            },
            "sponsorCollaboratorsModule": {
                "leadSponsor": {"name": f"Company {number % n_tickers} Pharma, Inc.", "class": "INDUSTRY"}
            },
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE3"]},
            "armsInterventionsModule": {"interventions": [{"type": "DRUG", "name": f"Drug {number}"}]},
            "referencesModule": {
                "references": [
                    {"pmid": str(1_000_000 + pmid), "type": "RESULT"} for pmid in range(first, first + ARTICLES_A_TRIAL)
                ]
            },
        },
        "hasResults": False,
    }


def _article(number: int) -> Json:
    trial = number // ARTICLES_A_TRIAL
    words = f"Drug {trial} was given to {number} people and the outcome was measured in week {number % 52}. " * 4
    sections = ("BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS")
    return {
        "pmid": str(1_000_000 + number),
        "title": f"Drug {trial} in disease: report {number}",
        "abstract": [{"label": name, "category": name, "text": words} for name in sections],
        "journal": "Journal",
        "issue_date": "2020-05",
        "electronic_date": "2020-04-02",
        "entrez_date": "2020-04-03",
        "types": ["Journal Article", "Randomized Controlled Trial"],
        "accessions": {"ClinicalTrials.gov": [f"NCT{10_000_000 + trial}"]},
    }


def _headline(number: int) -> Json:
    day = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=20 * number)
    return {
        "title": f"Company {number % 500} Pharma reports phase 3 data {number} of drug {number} in disease",
        "publisher": "Wire",
        "publisher_url": "https://wire.invalid",
        "link": f"https://wire.invalid/{number}",
        "published": format_datetime(day, usegmt=True),
        "feed": f"feed{number // HEADLINES_A_FEED}",
    }


def _write_companies(path: Path, n_tickers: int) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["cik", "ticker", "name", "exchange"])
        rows.writerows([900_000 + n, _ticker(n), f"Company {n} Pharma Inc", "Nasdaq"] for n in range(n_tickers))


def _write_prices(path: Path, n_tickers: int, years: int) -> None:
    days = [date(2025, 12, 31) - timedelta(days=n) for n in range(365 * years)]
    trading = [str(day) for day in reversed(days) if day.weekday() < 5]
    with gzip.open(path, "wt", compresslevel=1, newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ticker", "date", "open", "high", "low", "close", "adj_close", "volume", "dividend", "split"])
        for ticker in [*map(_ticker, range(n_tickers)), "SPY", "XBI"]:
            price = 20.0
            for number, day in enumerate(trading):
                price *= 1.0 + ((number * 7919 + len(ticker)) % 21 - 10) / 1000
                rows.writerow([ticker, day, price, price * 1.01, price * 0.99, price, price, 1000 + number, 0, 0])


def _ticker(number: int) -> str:
    return "Q" + "".join(chr(ord("A") + number // 26**power % 26) for power in (2, 1, 0))


def _ingest(source: str) -> Json:
    settings = Settings.of(os.environ, TODAY.date())
    connector = next(c for c in registry.connectors() if c.name == source)
    lake = pipeline.open_lake(settings)
    with _Clock() as clock:
        found = pipeline.ingest_source(lake, settings, connector, lambda: TODAY, {"full": True})  # all in one night
    parsed = parts.parse(lake, connector, found.snapshot)
    largest = connector.tables[1 if source == "prices" else 0].name
    return clock.found(sum(page["rows"].get(largest, 0) for page in parsed.values()))


def _registry() -> Json:
    return _ingest("clinicaltrials_gov")


def _core() -> Json:
    """Build every core table from all that was fetched."""
    lake = Lake(os.environ["CTO_HOME"])
    assert snapshot.load(lake, "prices")
    planned = planning.plan(lake, TODAY.date())
    with _Clock() as clock:
        build.build(lake, planned)
    return clock.found(sum(table["rows"] for table in lake.read_json(planned.core.manifest)["tables"].values()))


class _Clock:
    """Wall and processor seconds of what it encloses, and the process's peak memory."""

    def __enter__(self) -> _Clock:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]

    def found(self, rows: int) -> Json:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"rows": rows, "seconds": self.wall, "cpu": self.cpu, "peak_mb": peak}


_STEPS = {"registry": _registry, "core": _core}

if __name__ == "__main__":
    main()
