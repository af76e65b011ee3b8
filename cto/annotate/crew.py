"""Threads that work on questions beside each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Crew(Generic[Q, A]):
    """At most ``size`` threads that call ``work``; they never keep a process from ending.

    >>> crew = Crew(lambda number: number * number, size=2)
    >>> for number in (1, 2, 3):
    ...     crew.give(number)
    >>> sorted(crew.take() for _ in range(3))
    [1, 4, 9]
    >>> crew.dismiss()
    """

    def __init__(self, work: Callable[[Q], A], size: int, name: str = "crew") -> None:
        self._work = work
        self._size = size
        self._name = name
        self._todo: SimpleQueue[tuple[Q] | None] = SimpleQueue()
        self._done: SimpleQueue[A | Exception] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def give(self, question: Q) -> None:
        """Have a question worked on, by another thread while there are fewer than the size."""
        if len(self._threads) < self._size:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._todo.put((question,))

    def take(self) -> A:
        """Wait for the next answer; raises what ``work`` raised in its place."""
        answer = self._done.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dismiss(self) -> None:
        """Let every thread end with what it is at, and wait until all have."""
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while given := self._todo.get():
            try:
                self._done.put(self._work(*given))
            except Exception as error:  # it is raised where the answer is taken
                self._done.put(error)
