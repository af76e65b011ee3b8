"""Asks models what annotators want to know: what is answered already is not asked again, and every answer is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain

import duckdb

from cto.annotate.annotator import Annotator, Row
from cto.annotate.answers import Answer, Answers
from cto.annotate.budget import Budget
from cto.annotate.models import Model
from cto.annotate.questions import due, is_final, open_due
from cto.annotate.request import Engine, Json, ModelError, Reply, Request, Unanswered
from cto.progress import Progress, quiet


@dataclass
class Asked:
    """What became of one annotator's questions in one run.

    Attributes:
        questions: questions that were due.
        answered: questions whose answer stands, be it as an abstention.
        unanswered: how many got no answer, by reason.
        tokens: tokens read and written.
        is_budget_spent: whether the budget ended the run before its last question.
        failure: why the model could not be asked, or not to the end.
        no_model: why no model was asked at all.

    """

    questions: int = 0
    answered: int = 0
    unanswered: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    is_budget_spent: bool = False
    failure: str | None = None
    no_model: str | None = None

    @property
    def done(self) -> int:
        """Questions that are done with in this run."""
        return self.answered + sum(self.unanswered.values())

    @classmethod
    def merged(cls, parts: Iterable[Mapping[str, Json]]) -> dict[str, Asked]:
        """Return what several workers' parts, as plain values by annotator, came to together."""
        whole: dict[str, Asked] = {}
        for part in parts:
            for name, values in part.items():
                found, into = cls(**values), whole.setdefault(name, cls())
                into.questions += found.questions
                into.answered += found.answered
                into.tokens += found.tokens
                into.is_budget_spent |= found.is_budget_spent
                into.failure = into.failure or found.failure
                into.no_model = into.no_model or found.no_model
                for reason, n in found.unanswered.items():
                    into.unanswered[reason] = into.unanswered.get(reason, 0) + n
        return whole

    def lines(self, name: str) -> Iterator[str]:
        """Yield for a reader what became of the questions of the annotator of that name."""
        if self.no_model:
            yield f"{name} asked nothing: {self.no_model}"
        if self.questions:
            yield f"{name}: {self.answered:,} of {self.questions:,} questions answered, {self.tokens:,} tokens"
        yield from (f"  {n:,} got no answer and will be asked again: {why}" for why, n in self.unanswered.items())
        if self.is_budget_spent:
            left = self.questions - self.done
            yield f"  the budget (CTO_LLM_BUDGET_…) is spent; {left:,} questions are left for the next run"
        if self.failure:
            yield f"{name} failed, and what was answered before still counts: {self.failure}"

    def to_json(self) -> Json:
        """Return it as plain values."""
        return asdict(self)


def ask(
    con: duckdb.DuckDBPyConnection,
    annotator: Annotator,
    model: Model,
    answers: Answers,
    budget: Budget,
    progress: Progress = quiet,
    shard: int = 0,
    shards: int = 1,
) -> Asked:
    """Put the annotator's questions that have no usable answer yet, and keep each answer as it comes.

    Args:
        con: a database with the annotator's questions and answers (:mod:`cto.annotate.questions`).
        annotator: whose questions.
        model: which model to ask.
        answers: where answers are kept.
        budget: what may be spent; shared by the annotators of a run.
        progress: told how many questions are done, of how many.
        shard: which of the ``shards`` equal parts of the questions to put, from 0.
        shards: how many parts there are.

    """
    asked = Asked(open_due(con, shard, shards))
    run = _Run(annotator, answers, budget, asked, due(con, annotator, model.name))
    try:
        run.put_all(model, lambda: progress(annotator.name, asked.done, asked.questions))
    except ModelError as error:
        asked.failure = str(error)
    budget.release()
    asked.is_budget_spent = run.held is not None
    return asked


@dataclass
class _Run:
    """The questions of one run on their way: those to come, those held back, those to be put again."""

    annotator: Annotator
    answers: Answers
    budget: Budget
    asked: Asked
    to_come: Iterator[tuple[Row, Request]]
    again: deque[tuple[Row, Request]] = field(default_factory=deque)
    held: tuple[Row, Request] | None = None
    under_way: dict[str, Row] = field(default_factory=dict)

    def put_all(self, model: Model, told: Callable[[], None]) -> None:
        """Put all questions that the budget allows; the engine is opened for the first."""
        engine: Engine | None = None
        # A round ends when nothing is left or affordable; what was reserved and not used may allow another.
        while first := self._next():
            engine = engine or model.open()
            for request, outcome in engine.answer(chain([first], iter(self._next, None))):
                self._take(request, outcome)
                told()

    def _next(self) -> Request | None:
        """Return the next question; None when there is none, or none that the budget allows now."""
        found = self.held or (self.again.popleft() if self.again else next(self.to_come, None))
        self.held = None
        if found is None:
            return None
        row, request = found
        if not self.budget.take(request):
            self.held = found
            return None
        self.under_way[request.digest] = row
        return request

    def _take(self, request: Request, outcome: Reply | Unanswered) -> None:
        """Keep an answer; see that a question whose answer cannot be used is put again."""
        row = self.under_way.pop(request.digest)
        if isinstance(outcome, Unanswered):
            self.budget.settle(request, None)
            self.asked.unanswered[outcome.reason] = self.asked.unanswered.get(outcome.reason, 0) + 1
            return
        self.budget.settle(request, outcome)
        answer = Answer(outcome, request.attempt + 1)
        self.answers.put(request.digest, answer)
        self.asked.tokens += outcome.prompt_tokens + outcome.completion_tokens
        if is_final(self.annotator, row, answer):
            self.asked.answered += 1
        else:
            self.again.append((row, replace(request, attempt=answer.attempts)))
