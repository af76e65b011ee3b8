"""A stand-in for the FDA's Orange Book: one zip of the three text files in ``orange_book/``."""

import hashlib
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from cto.sandbox.faults import FaultBoard
from cto.sandbox.site import Request, Response, WorldSite, text_response

HEADERS = {
    "products": "Ingredient~DF;Route~Trade_Name~Applicant~Strength~Appl_Type~Appl_No~Product_No~TE_Code~Approval_Date"
    "~RLD~RS~Type~Applicant_Full_Name",
    "patent": "Appl_Type~Appl_No~Product_No~Patent_No~Patent_Expire_Date_Text~Drug_Substance_Flag~Drug_Product_Flag"
    "~Patent_Use_Code~Delist_Flag~Submission_Date",
    "exclusivity": "Appl_Type~Appl_No~Product_No~Exclusivity_Code~Exclusivity_Date",
}
BOMB_BYTES = 80 << 20


class OrangeBookSite(WorldSite):
    """Answers at its own address with the book, or with 304 when the client has it already."""

    source = "orange_book"
    prefix = "/orange_book"
    faults: Mapping[str, str] = {
        "zip_truncated": "The Orange Book's zip is cut in the middle.",
        "zip_bomb": "A file of the Orange Book's zip unpacks to 80 MB.",
        "book_without_rs": "The Orange Book's products lack column RS, as old files do.",
        "book_unzipped": "The Orange Book's products come as a bare text file.",
    }

    def __init__(self, world: Path | None, board: FaultBoard) -> None:
        super().__init__(world, board)
        self.files: dict[str, bytes] = {}
        for name, header in HEADERS.items():
            file = self.file(f"orange_book/{name}.txt")
            self.files[f"{name}.txt"] = file.read_bytes() if file else f"{header}\r\n".encode()

    def handle(self, request: Request) -> Response:
        """Answer a call of the address."""
        if request.method != "GET" or request.path.strip("/") or request.query:
            return text_response(404, "Not found")
        products = self.files["products.txt"]
        if self.take("book_unzipped"):
            return Response(200, products, "text/plain")
        if self.take("zip_bomb"):
            products = b"~" * BOMB_BYTES
        if self.take("book_without_rs"):
            products = _without_rs(products)
        body = packed(self.files | {"products.txt": products})
        if self.take("zip_truncated"):
            body = body[: len(body) // 2]
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(304, headers={"ETag": etag})
        return Response(200, body, "application/zip", {"ETag": etag}, n_records=1)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files, the same for the same content."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in files.items():
            book.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _without_rs(products: bytes) -> bytes:
    lines = products.split(b"\r\n")
    position = lines[0].split(b"~").index(b"RS")
    cut = [[value for i, value in enumerate(line.split(b"~")) if i != position] for line in lines]
    return b"\r\n".join(b"~".join(values) for values in cut)


SITE = OrangeBookSite
