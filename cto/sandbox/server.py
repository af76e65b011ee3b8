"""A small HTTP server on the loopback that carries sites and misbehaves on request."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from cto.sandbox.faults import DAMAGE, REFUSALS, FaultBoard
from cto.sandbox.site import Request, Response, Site, json_response, text_response

CONTROL_PREFIX = "/_sandbox"
SLOW_SECONDS = 0.3
ENDLESS_BYTES = 2 * 1024**3
ENDLESS_SECONDS = 60.0
HTML = "text/html; charset=utf-8"
BLOCK_PAGE = b"<!DOCTYPE html><html><head><title>Blocked</title></head><body>Request blocked.</body></html>\n"


class SandboxServer:
    """Sites mounted under path prefixes of one server on 127.0.0.1; start it with `with` or `start()`.

    `port` 0 picks a free one. A later `start()` after `stop()` serves again, on another port when it was 0.
    """

    def __init__(self, port: int = 0) -> None:
        self.faults = FaultBoard()
        self._port = port
        self._sites: dict[str, Site] = {}
        self._requests: list[dict[str, Any]] = []
        self._server: _LoopbackServer | None = None

    def mount(self, prefix: str, site: Site) -> None:
        """Serve the site below the prefix, such as "/api/v2"; the longest prefix that fits a path wins.

        The site's own faults can be put in force from now on, and its controls are answered below `/_sandbox`.
        """
        self._sites[prefix.rstrip("/")] = site
        self.faults.descriptions.update(site.faults)
        self.faults.sites.add(site.source)

    def start(self) -> Self:
        """Bind the port and serve from a background thread; raises OSError when the port is taken."""
        if self._server is None:
            self._server = _LoopbackServer(self._port, self)
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection; harmless when it is not running."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the server without a trailing slash; raises RuntimeError when it is not running."""
        if self._server is None:
            raise RuntimeError("the sandbox is not running")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The calls made to sites so far, oldest first: method, path, query, status, n_studies, fault."""
        return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the calls made so far."""
        self._requests.clear()

    def add_fault(self, name: str, times: int | None = 1, after: int = 0, site: str = "") -> None:
        """Put a fault in force, as `FaultBoard.add` does."""
        self.faults.add(name, times, after, site)

    def answer(self, request: Request) -> Response:
        """Answer one call: from a control, from a fault, or from the site mounted at its path."""
        if request.path.startswith(CONTROL_PREFIX + "/"):
            return self._control(_below(CONTROL_PREFIX, request))
        response, fault = self._site_answer(request)
        self._requests.append(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "status": response.status,
                "n_studies": response.n_records or 0,
                "fault": fault,
            }
        )
        return response

    def _control(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/requests":
                return json_response(self.requests)
            case "DELETE", "/requests":
                self.clear_requests()
            case "GET", "/faults":
                return json_response(self.faults.listing())
            case "POST", "/faults":
                return self._post_fault(request.body)
            case "DELETE", "/faults":
                self.faults.clear()
            case _:
                answers = (site.control(request) for site in self._sites.values())
                return next((answer for answer in answers if answer), text_response(404, "No such control"))
        return json_response({})

    def _post_fault(self, body: bytes) -> Response:
        try:
            self.faults.add(**json.loads(body))
        except (TypeError, ValueError) as error:
            return text_response(400, f"Not a fault: {error}")
        return json_response(self.faults.listing())

    def _site_answer(self, request: Request) -> tuple[Response, str | None]:
        prefixes = [prefix for prefix in self._sites if f"{request.path}/".startswith(f"{prefix}/")]
        prefix = max(prefixes, key=len, default="")
        source = self._sites[prefix].source if prefixes else ""
        refusal = self.faults.take(*REFUSALS, site=source)
        if refusal:
            return _refused(refusal), refusal
        if not prefixes:
            return text_response(404, "Nothing is mounted here"), None
        response = self._sites[prefix].handle(_below(prefix, request))
        if response.n_records is None:
            return response, None
        if self.faults.take("slow", site=source):
            time.sleep(SLOW_SECONDS)
        damage = self.faults.take(*DAMAGE, site=source)
        return (_damaged(response, damage), damage) if damage else (response, None)


def _below(prefix: str, request: Request) -> Request:
    return replace(request, path=request.path.removeprefix(prefix), root=prefix)


def _refused(fault: str) -> Response:
    match fault:
        case "rate_limited":
            return text_response(429, "Too many requests")
        case "server_error":
            return text_response(500, "Internal server error")
        case "unavailable":
            return Response(503, b"Service unavailable", headers={"Retry-After": "1"})
        case _:
            return Response(403, BLOCK_PAGE, HTML)


def _damaged(response: Response, fault: str) -> Response:
    page = replace(response, n_records=None)
    match fault:
        case "html_at_200":
            return Response(200, BLOCK_PAGE, HTML)
        case "truncated_json":
            return replace(page, body=page.body[: len(page.body) // 2])
        case "reset_mid_body":
            return replace(page, delivery="reset")
        case _:
            return replace(page, delivery="endless")


class _LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self._connections: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that clients keep alive, so that nothing is served after a stop."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up; show any other error, which is a defect here."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _LoopbackServer

    def _serve(self) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True, errors="replace"))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, unquote(address.path), query, body, "", address.query, headers)
        response = self.server.sandbox.answer(request)
        if response.delivery == "endless":
            self._send_endless(response)
        else:
            self._send(response)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def _send(self, response: Response) -> None:
        body, headers = response.body, dict(response.headers)
        if body and _accepts_gzip(self.headers.get("Accept-Encoding", "")):
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        self._send_head(response, {**headers, "Content-Length": str(len(body))})
        if response.delivery == "reset":
            self.wfile.write(body[: len(body) // 2])
            self._reset()
        else:
            self.wfile.write(body)

    def _send_endless(self, response: Response) -> None:
        self.connection.settimeout(ENDLESS_SECONDS)
        self._send_head(response, {**response.headers, "Transfer-Encoding": "chunked"})
        chunk, deadline, sent = response.body[: len(response.body) // 2], time.monotonic() + ENDLESS_SECONDS, 0
        while sent < ENDLESS_BYTES and time.monotonic() < deadline:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            sent += len(chunk)
            chunk = b" " * 65536
        self._reset()

    def _send_head(self, response: Response, headers: Mapping[str, str]) -> None:
        self.send_response(response.status)
        for name, value in {"Content-Type": response.content_type, "Vary": "Accept-Encoding", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error quiet; the calls are in `SandboxServer.requests`."""


def _accepts_gzip(header: str) -> bool:
    for item in header.split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in {"gzip", "*"} and not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight):
            return True
    return False
