"""How a command ends: a message for whoever typed it, and an exit code that a scheduler can tell apart."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

import click

from cto.annotate.request import ModelError
from cto.check import GateError
from cto.explain import UnknownTrialError
from cto.gold import GoldError
from cto.http import SourceError
from cto.lake import LakeError, LockedError, PointerMovedError
from cto.pipeline import UnknownSourceError
from cto.progress import CTRL_C
from cto.schema import ContractError
from cto.settings import SettingsError

P = ParamSpec("P")
R = TypeVar("R")

EXIT_FAILED, EXIT_BUSY, EXIT_SOURCE_FAILED, EXIT_GATE, EXIT_BUDGET = 1, 75, 3, 4, 5
EXPECTED = (
    SettingsError,
    LakeError,
    SourceError,
    ModelError,
    ContractError,
    GateError,
    GoldError,
    UnknownSourceError,
    UnknownTrialError,
    OSError,
)
"""Errors whose message is meant for the user; any other is a bug and shows its traceback."""


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Turn an expected error into one message and an exit code."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        _remember_ctrl_c()
        try:
            return function(*args, **kwargs)
        except BrokenPipeError:  # the reader (head, less) has enough: click ends quietly
            raise
        except EXPECTED as error:
            if _is_on_the_way_out(error):
                _interrupted()
            click.secho(f"cto: {error.args[0] if isinstance(error, KeyError) else error}", fg="red", err=True)
            sys.exit(_exit_code(error))
        except (KeyboardInterrupt, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "interrupted" not in str(error):  # as DuckDB words Ctrl-C
                raise
            _interrupted()

    return run


def _remember_ctrl_c() -> None:
    """See that a Ctrl-C which a library swallows is obeyed at the next step of progress."""
    CTRL_C.clear()
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored on purpose
        signal.signal(signal.SIGINT, _ctrl_c)


def _ctrl_c(number: int, frame: FrameType | None) -> NoReturn:
    CTRL_C.set()
    signal.default_int_handler(number, frame)


def _interrupted() -> NoReturn:
    click.secho("cto: interrupted; what is stored is kept, the same command goes on from there", err=True)
    sys.exit(128 + signal.SIGINT)


def _is_on_the_way_out(error: BaseException) -> bool:
    """Return whether the error came while Ctrl-C was being obeyed: what is closed then may be closed already."""
    before = error.__context__
    while before and not isinstance(before, KeyboardInterrupt):
        before = before.__context__
    return before is not None


def _exit_code(error: Exception) -> int:
    if isinstance(error, LockedError | PointerMovedError):
        return EXIT_BUSY
    if isinstance(error, SourceError):
        return EXIT_SOURCE_FAILED
    return EXIT_GATE if isinstance(error, GateError) else EXIT_FAILED
