"""What a run may spend on a model: tokens and requests, reserved before a question is sent, settled by its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from cto.annotate.request import Reply, Request

BYTES_A_TOKEN = 3
"""Fewer than any text in a Latin script has on average, so that a reservation is seldom too small."""


@dataclass
class Budget:
    """What may be used at most; None is without limit."""

    tokens: int | None = None
    requests: int | None = None
    used_tokens: int = 0
    used_requests: int = 0
    _reserved: dict[str, int] = field(default_factory=dict)

    def take(self, request: Request) -> bool:
        """Reserve what a question may cost; return whether the budget allows it."""
        cost = _most(request)
        if self.requests is not None and self.used_requests + len(self._reserved) >= self.requests:
            return False
        if self.tokens is not None and self.used_tokens + sum(self._reserved.values()) + cost > self.tokens:
            return False
        self._reserved[request.digest] = cost
        return True

    def settle(self, request: Request, reply: Reply | None) -> None:
        """Book what a question cost, and free its reservation; None: no answer came."""
        reserved = self._reserved.pop(request.digest)
        self.used_requests += 1
        self.used_tokens += reply.prompt_tokens + reply.completion_tokens if reply else 0
        # A server that gave no answer may have charged for one: the budget assumes it did when it can know nothing.
        self.used_tokens += 0 if reply else reserved

    def release(self) -> None:
        """Free what was reserved for questions that will not be answered, as their engine has stopped."""
        self._reserved.clear()


def _most(request: Request) -> int:
    return len((request.system + request.user).encode()) // BYTES_A_TOKEN + request.max_tokens * (1 + request.attempt)
