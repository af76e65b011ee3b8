"""What was fetched from a source: stored pages, and the one pointer that says which of them count."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any

from cto.lake import Lake, LakeError, MissingError, Pointer, to_json
from cto.schema import digest

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One stored body: what was asked, when, and the digest under which the bytes lie.

    ``subject`` is what the page is all about, where a newer page about the same replaces it.
    """

    kind: str
    request: str
    sha256: str
    n_bytes: int
    fetched_at: str
    subject: str = ""

    @property
    def key(self) -> str:
        """16 hexadecimal digits for kind and content: under them lie the page's rows."""
        return digest(f"{self.kind} {self.sha256}")

    @property
    def number(self) -> int:
        """The key as a number: how rows name their page."""
        return int(self.key, 16)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All pages of a source that count as of one finished crawl, oldest first; a later page overrules an earlier.

    ``first_page`` is where this crawl's own pages begin; those before it came with earlier snapshots.
    """

    source: str
    id: str
    parent: str | None
    started_at: str
    finished_at: str
    watermark: Json
    notes: tuple[str, ...]
    first_page: int
    pages: tuple[Page, ...] = field(repr=False)

    @property
    def public_by(self) -> date:
        """The day by which all that the snapshot holds was public: the source's own data date, else the last fetch."""
        return date.fromisoformat(str(self.watermark.get("data_timestamp", self.finished_at))[:10])

    @property
    def state(self) -> str:
        """Digest of the pages that count: equal for equal content, however it was fetched."""
        listed = "".join(f"{page.kind} {page.sha256}\n" for page in self.pages)
        return hashlib.sha256(listed.encode()).hexdigest()[:16]


def head_name(source: str) -> str:
    """Return the name of the source's pointer: ``{"head": finished snapshot, "open": crawl under way}``."""
    return f"sources/{source}/HEAD.json"


def head(lake: Lake, source: str) -> tuple[Json, Pointer | None]:
    """Return what the source's pointer says (both parts None before the first crawl), and the pointer."""
    pointer = lake.pointer(head_name(source))
    return (_parse(pointer.text, source) if pointer else {"head": None, "open": None}), pointer


def checked_at(lake: Lake, snapshot: Snapshot) -> str:
    """Return when the source was last asked with success: a night without news leaves no new snapshot."""
    value, _ = head(lake, snapshot.source)
    return str(value.get("checked_at", "")) or snapshot.finished_at


def _parse(text: str, source: str) -> Json:
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except json.JSONDecodeError as error:
        raise LakeError(f"{head_name(source)} is damaged: {error}; restore it, or start in an empty folder") from error


def move_head(lake: Lake, source: str, value: Json, seen: Pointer | None) -> Pointer:
    """Replace what the source's pointer says, if it still says what ``seen`` did."""
    return lake.move_pointer(head_name(source), to_json(value).decode(), seen)


def load(lake: Lake, source: str) -> Snapshot | None:
    """Return the source's last finished snapshot, or None before the first."""
    value, _ = head(lake, source)
    return read(lake, source, value["head"]) if value["head"] else None


def on(lake: Lake, source: str, day: date) -> Snapshot | None:
    """Return the snapshot to build from as of a day: the newest that was all public by then, else the last of all.

    Where every snapshot is of a later day, the last one holds the most versions that may prove what was known by then.
    """
    last = load(lake, source)
    found = last
    while found and found.public_by > day:
        found = read(lake, source, found.parent) if found.parent else None
    return found or last


def read(lake: Lake, source: str, snapshot_id: str) -> Snapshot:
    """Return one snapshot by its id."""
    found = lake.read_json(f"sources/{source}/snapshots/{snapshot_id}.json")
    pages = tuple(Page(*row) for row in found.pop("pages"))
    return Snapshot(**found | {"pages": pages, "notes": tuple(found["notes"])})


def write(lake: Lake, snapshot: Snapshot) -> None:
    """Store a finished snapshot; it counts once the source's pointer names it."""
    value = asdict(snapshot) | {"pages": [[getattr(p, f.name) for f in fields(Page)] for p in snapshot.pages]}
    lake.put_json(f"sources/{snapshot.source}/snapshots/{snapshot.id}.json", value)


def store_page(lake: Lake, source: str, body: bytes) -> str:
    """Keep a body under its sha256, gzipped; return the digest."""
    sha256 = hashlib.sha256(body).hexdigest()
    lake.put(_page_key(source, sha256), gzip.compress(body, compresslevel=1, mtime=0))
    return sha256


def read_page(lake: Lake, source: str, page: Page) -> bytes:
    """Return a stored body, checked against its digest.

    Raises:
        LakeError: the file is missing, cut or not what was stored.

    """
    key = _page_key(source, page.sha256)
    try:
        body = zlib.decompress(lake.read(key), wbits=31, bufsize=page.n_bytes + 1)  # gzip, without a second copy
    except (zlib.error, MissingError) as error:
        raise LakeError(f"{lake.url(key)} is damaged ({error}); fetch everything again: cto ingest --full") from error
    if hashlib.sha256(body).hexdigest() != page.sha256:
        raise LakeError(f"{lake.url(key)} does not match its sha256; fetch everything again: cto ingest --full")
    return body


def _page_key(source: str, sha256: str) -> str:
    return f"sources/{source}/pages/{sha256[:2]}/{sha256}.gz"
