"""The demo and every test stay on this machine: nothing asks for another address, by Python or by any other client."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cto import registry
from cto.lake import Lake
from cto.release import latest

ASK = """
import sys
from tests.stay_home import stay_home
stay_home()
from cto.cli import main
main(["--home", sys.argv[1], "demo"])
"""


class Recorder(http.server.BaseHTTPRequestHandler):
    """A proxy that notes what it is asked for and gives nothing."""

    asked: list[str] = []  # noqa: RUF012  (one recorder a test run)

    def _refuse(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    do_GET = do_POST = do_HEAD = do_CONNECT = _refuse  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[str]:
    """Return the address of the recorder."""
    Recorder.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def through(proxy: str) -> dict[str, str]:
    """Return an environment in which every client that honours proxies, and so libcurl, asks the recorder."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", "_url"))}
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return kept | dict.fromkeys(names, proxy) | {"PYTHONPATH": str(Path(__file__).parents[1])}


def test_the_demo_runs_all_sources_and_no_connection_leaves_loopback(tmp_path: Path, proxy: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)], env=through(proxy), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Published release" in done.stdout
    assert Recorder.asked == []
    published = latest(Lake(str(tmp_path)))
    assert published
    assert set(published.manifest["snapshots"]) == {connector.name for connector in registry.connectors()}


def test_the_recorder_sees_what_libcurl_asks_of_the_network(proxy: str) -> None:
    ask = "import curl_cffi.requests as r; print(r.get('http://example.invalid/x').status_code)"
    done = subprocess.run([sys.executable, "-c", ask], env=through(proxy), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "502"
    assert Recorder.asked == ["http://example.invalid/x"]


def test_python_is_stopped_at_the_door() -> None:
    with pytest.raises(AssertionError, match=r"left loopback: 192\.0\.2\.1"), socket.socket() as plain:
        plain.connect(("192.0.2.1", 80))
    with pytest.raises(AssertionError, match=r"left loopback: example\.invalid"):
        socket.getaddrinfo("example.invalid", 80)
