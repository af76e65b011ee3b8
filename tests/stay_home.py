"""Keeps Python's own sockets on loopback, by an audit hook that no code in the process can get around."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from typing import Any


def stay_home() -> None:
    """From now on raise where this process connects to, or asks for the address of, another machine."""
    sys.addaudithook(_watch)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        _refuse_far(args[1][0])
    elif event == "socket.getaddrinfo":
        _refuse_far(args[0])


def _refuse_far(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0", "::"):
        return
    try:
        is_near = ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        is_near = False
    assert is_near, f"left loopback: {name}"
