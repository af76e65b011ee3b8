"""The nightly refresh with Airflow's metadata in PostgreSQL, as in docker-compose.yml."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cto.sample import WORLD
from cto.sandbox import Sandbox
from tests.test_dags import DAY, Airflow, refresh


def installed(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, which Debian keeps off the path."""
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    assert found, f"{name} is not installed: apt-get install postgresql"
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return a folder that the server's user may enter; those of pytest are its own user's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[str]:
    """Start a server of our own on loopback and return its address for SQLAlchemy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = {"user": "postgres"} if os.geteuid() == 0 else {}  # the server refuses to run as root
    data, log = str(folder / "data"), str(folder / "log")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    control = installed("pg_ctl")
    subprocess.run([installed("initdb"), "-D", data, "-A", "trust", "-U", "airflow"], check=True, cwd=folder, **user)
    subprocess.run([control, "-D", data, "-l", log, "-w", "-o", options, "start"], check=True, cwd=folder, **user)
    yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"
    subprocess.run([control, "-D", data, "-m", "immediate", "stop"], check=True, cwd=folder, **user)


def test_a_night_on_postgresql_publishes_what_the_command_line_does(postgres: str, tmp_path: Path) -> None:
    airflow = Airflow(tmp_path / "airflow")
    on_postgres = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres}
    made = airflow.call(sys.executable, "-m", "airflow", "db", "migrate", **on_postgres)
    assert made.returncode == 0, made.stderr
    with Sandbox(world=WORLD) as sandbox:
        lake = {"CTO_HOME": str(tmp_path / "lake"), "CTO_HTTP_BACKOFF_SECONDS": "0", **sandbox.environment}
        command = (sys.executable, "-m", "airflow", "dags", "test", "nightly_refresh", str(DAY))
        night = airflow.call(*command, **on_postgres, **lake)
        assert night.returncode == 0, night.stdout + night.stderr
        expected = refresh(tmp_path / "other", sandbox)
    version = (tmp_path / "lake" / "releases" / "LATEST").read_text()
    manifest = json.loads((tmp_path / "lake" / "releases" / version / "manifest.json").read_text())
    assert (version, manifest["content_hash"]) == (expected.version, expected.manifest["content_hash"])
