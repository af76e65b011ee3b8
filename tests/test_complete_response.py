"""A complete response letter says for which product and for what it refuses, however it was scanned."""

from __future__ import annotations

import pytest

from connectors._complete_response import applications, grounds, product_words


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("NDA213082", ["NDA213082"]),
        ("BL 125827", ["BLA125827"]),
        ("BLA 761303/Original 1", ["BLA761303"]),
        ("NDA 21-164", ["NDA021164"]),
        ("NDA #22345/S-004", ["NDA022345"]),
        ("NDA 204957, NDA 204958", ["NDA204957", "NDA204958"]),
        ("ANDA 204957", []),
        ("IND 123456", []),
        ("204957", []),
    ],
)
def test_the_number_of_an_application_is_written_in_one_way(text: str, numbers: list[str]) -> None:
    assert applications(text) == numbers


OPENING = (
    "Please refer to your New Drug Application (NDA) dated May 1, 2020, received May 1, 2020, submitted under section\n"
)
OPENING += "505(b) of the Federal Food, Drug, and Cosmetic Act for alphol tablets, 5 mg.\n\n"
REASONS = "We have described our reasons for this action below.\n\n"
RESERVED = "We reserve comment on the proposed labeling until the application is otherwise adequate.\n\n"
CLOSING = """SAFETY UPDATE

Include a safety update. The safety update should include data from clinical studies.

OTHER

Within one year after the date of this letter, you are required to resubmit.

"""
HEAD = """FICTIONAL.
NDA 990001
COMPLETE RESPONSE

ALPHA CLINICAL RESEARCH INC
QUALITY AND REGULATORY AFFAIRS

Dear Dr. X:

"""
FOOT = """Sincerely,

A. B.
DIVISION OF CLINICAL SAFETY
"""


def written(*sections: str) -> str:
    return HEAD + OPENING + REASONS + "".join(sections) + CLOSING + FOOT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written("CLINICAL\n\n1. The trial failed.\n\n"), ["clinical"]),
        (written("CLINICAL/STATISTICAL\n\nThe trial failed.\n\n"), ["clinical", "statistical"]),
        (written("STATISTICAL\n\n1. No.\n\nCLINICAL\n\n2. No.\n\n"), ["statistical", "clinical"]),
        (
            written("PRODUCT QUALITY\n1. No.\n\nFACILITY INSPECTIONS\n2. No.\n\nPRESCRIBING INFORMATION\n", RESERVED),
            ["product_quality", "facility"],
        ),
        (
            written("PRODUCT QUALITY/FACILITY INSPECTION DEFICIENCIES\n\nNo clinical deficiency.\n\n"),
            ["product_quality", "facility"],
        ),
        (written("PRESCRIBING INFORMATION\n\nSubmit revised labeling.\n\n"), ["labeling"]),
        (written("CHEMISTRY, MANUFACTURING,\nAND CONTROLS\n\n1. Stability.\n\n"), ["product_quality"]),
        (written("NONCLINICAL PHARMACOLOGY/TOXICOLOGY\n\n1. No.\n\nNon-clinical data.\n\n"), ["nonclinical"]),
        (written("CLINICAL PHARMACOLOGY AND BIOPHARMACEUTICS\n\n1. No.\n\n"), ["clinical_pharmacology"]),
        (written("I. SAFETY:\n\nToo few.\n\nII. HUMAN FACTORS:\n\nErrors.\n\n"), ["safety", "device"]),
        (
            written("RISK EVALUATION AND MITIGATION STRATEGY (REMS)\nREQUIREMENTS\n\nA REMS is needed.\n\n"),
            ["rems"],
        ),
        (written("CLINICAL SITE INSPECTIONS\n\nData are not reliable.\n\n"), ["other"]),
        (
            written("FACILITY INSPECTIONS\n\nNo.\n\nADDITIONAL COMMENTS\n\nCLINICAL\n\nHm.\n\n"),
            ["facility"],
        ),
        (
            written("ADDITIONAL CLINICAL COMMENTS\n\nThink.\n\nPRODUCT QUALITY\n\n1. Stability.\n\n"),
            ["product_quality"],
        ),
        (" ".join(written("CLINICAL\n\n1. The trial failed.\n\nPRODUCT QUALITY\n\nThe assay.\n\n").split()),
         ["clinical", "product_quality"]),
        (" ".join(written("CLINICAL A single trial failed. FACILITY INSPECTIONS: During an inspection.").split()),
         ["clinical", "facility"]),
        (written("NDA 990001\nPage 2\nCLINICAL\n\nNo (b) (4).\n\nReference ID: 99\n\nDEVICE – PART\nNo.\n\n"),
         ["clinical", "device"]),
        (written("The CLINICAL data and the FDA. We ask the IRB and CMC staff for it.\n\n"), []),
        (written(), []),
        ("CLINICAL\n\nNo salutation and no signature.", ["clinical"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_letter_refuses_for_what_its_headings_name(text: str, expected: list[str]) -> None:
    assert grounds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (written(), " ".join(OPENING.split())),
        (" ".join(written().split()), " ".join(OPENING.split())),
        (
            "Dear Sir: This is in regard to your application for\n\nAlpha (alphol) injection. You said so.",
            "This is in regard to your application for Alpha (alphol) injection.",
        ),
        ("We cannot read this scan.", None),
    ],
)
def test_the_opening_sentence_names_the_product(text: str, expected: str | None) -> None:
    assert product_words(text) == expected


def test_a_long_opening_keeps_its_end_where_the_product_is_named() -> None:
    dates = ", ".join(f"January {day}" for day in range(1, 60))
    found = product_words(
        f"Dear X: Please refer to your NDA and amendments dated {dates}, for alphol tablets. We have."
    )
    assert found
    assert len(found) == 400
    assert found.startswith("Please refer to your NDA")
    assert found.endswith("January 59, for alphol tablets.")
