"""Every answer that a model gave, kept by the digest of the question: nothing is computed or paid for twice.

An answer is one small file, written as soon as it is there, so a killed run loses only what was under way, and any
number of workers may write at once. What a finished run used is packed into one Parquet file besides, since half a
million small files are slow to read every night.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cto.annotate.request import Reply
from cto.lake import Lake, MissingError, to_json

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's reply, and how often it was asked for it: a reply that cannot be used is asked for a second time."""

    reply: Reply
    attempts: int

    def to_text(self) -> str:
        """Return the answer as one line of JSON."""
        return json.dumps({"reply": asdict(self.reply), "attempts": self.attempts}, ensure_ascii=False, sort_keys=True)

    @classmethod
    def of_text(cls, text: str) -> Answer:
        """Return the answer that :meth:`to_text` wrote."""
        found = json.loads(text)
        return cls(Reply(**found["reply"]), found["attempts"])


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to one annotator's questions."""

    lake: Lake
    annotator: str

    def get(self, digest: str) -> Answer | None:
        """Return the answer to a question, or None when it was never answered."""
        try:
            return Answer.of_text(self.lake.read(self._key(digest)).decode())
        except MissingError:
            return None

    def put(self, digest: str, answer: Answer) -> None:
        """Keep an answer; a second try's takes the place of the first's."""
        self.lake.put_quickly(self._key(digest), answer.to_text().encode())

    def packed(self) -> str | None:
        """Return the address of the Parquet file (``digest``, ``answer``) of what the last run used, or None."""
        pack = self.head().get("pack")
        return self.lake.url(pack) if pack and self.lake.exists(pack) else None

    def pack(self, file: Path) -> str:
        """Move a Parquet file of answers (``digest``, ``answer``) into the lake and return its key."""
        with file.open("rb") as opened:
            key = f"{self._folder}/packs/{hashlib.file_digest(opened, 'sha256').hexdigest()[:16]}.parquet"
        self.lake.adopt(key, file)
        return key

    def head(self) -> Json:
        """Return what the pointer says: ``model``, ``revision``, ``pack`` and the last ``run``; empty before any."""
        pointer = self.lake.pointer(f"{self._folder}/HEAD.json")
        return json.loads(pointer.text) if pointer else {}

    def move_head(self, **values: Any) -> None:
        """Replace some of what the pointer says.

        Raises:
            PointerMovedError: other runs kept moving it.

        """
        self.lake.change_pointer(
            f"{self._folder}/HEAD.json", lambda text: to_json((json.loads(text) if text else {}) | values).decode()
        )

    @property
    def _folder(self) -> str:
        return f"answers/{self.annotator}"

    def _key(self, digest: str) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}.json"
