"""Reads a complete response letter: the sentence that names the product, and the sections that state deficiencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

MAX_WORDS = 400
"""Characters of the opening sentence that are kept."""

APPLICATION = re.compile(r"(?<![A-Za-z])(ANDA|NDA|BLA?)[\s#:.-]*(\d{2,3}-\d{3}|\d{3,7})(?!\d)")
SALUTATION = re.compile(r"\bDear\b[^\n:,]{0,80}[:,]?")
SIGNATURE = re.compile(r"\bSincerely\b")
OPENING = re.compile(r"\b(?:Please refer to|We refer to|Reference is made to|This (?:letter )?is in re(?:ply|gard)) ")
NEXT_SENTENCE = re.compile(r"(?<=[.:]) (?=(?:We|This|Your|These|The|Please|Reference|It|In|You|On) )")

CAPITALS = r"[A-Z][A-Z ,/&()-]*[A-Z)]"
HEADING = re.compile(
    rf"(?:^|(?<=[.:;)]))[ \t]*(?:(?:[IVX]+|[A-Z]|\d{{1,2}})\.[ \t]+|\(\d{{1,2}}\)[ \t]+)?({CAPITALS})"
    r"(?:[ \t]*[:,/]?[ \t]*$|:?(?=\s+(?:\(?\d{1,2}[.)]\s|[A-Z][a-z]|A ))|:(?=\s))",
    re.MULTILINE,
)
"""Capitals on a line of their own, or at the end of a sentence and before the start of one, as scans run them on."""

LAST_HEADING = re.compile(r"ADDITIONAL (?:COMMENTS|RECOMMENDATIONS|INFORMATION)")
"""What follows is no reason for the refusal."""
NO_GROUND = r"SAFETY UPDATE|PROPRIETARY NAME|ADDITIONAL [A-Z /]*COMMENTS|COMPLETE RESPONSE|OTHER ACTION"
GROUNDS = {
    "other": r"CLINICAL (?:SITES?|INVESTIGATORS?)(?: INSPECTIONS?)?|BIORESEARCH MONITORING(?: INSPECTIONS?)?"
    r"|SCIENTIFIC INVESTIGATIONS|DATA INTEGRITY|REGULATORY(?! AFFAIRS)|VIROLOGY|IMMUNOGENICITY|PEDIATRIC",
    "nonclinical": r"NON-? ?CLINICAL(?: PHARMACOLOGY)?(?: ?/ ?TOXICOLOGY)?|PRE-?CLINICAL"
    r"|PHARMACOLOGY(?: ?/ ?| AND )TOXICOLOGY|TOXICOLOGY",
    "clinical_pharmacology": r"CLINICAL PHARMACOLOGY(?:(?:,? AND |/)BIOPHARMACEUTICS)?|PHARMACOKINETICS|BIOEQUIVALENCE",
    "rems": r"RISK EVALUATION AND MITIGATION|\bREMS\b",
    "device": r"\bDEVICES?\b|HUMAN FACTORS|COMBINATION PRODUCT|USER INTERFACE",
    "facility": r"(?:MANUFACTURING )?FACILIT(?:Y|IES)(?: INSPECTIONS?)?|INSPECTIONS?",
    "product_quality": r"(?:PRODUCT )?QUALITY(?: MICROBIOLOGY)?|CHEMISTRY(?:,? MANUFACTURING,?(?: AND|&)? CONTROLS?)?"
    r"|\bCMC\b|MANUFACTURING|MICROBIOLOGY|BIOPHARMACEUTICS|DRUG (?:SUBSTANCE|PRODUCT)|STERILITY",
    "labeling": r"LABELING|LABELS?\b|PRESCRIBING INFORMATION|PACKAGE INSERT|MEDICATION GUIDE|PATIENT INFORMATION"
    r"|INSTRUCTIONS FOR USE|CARTON",
    "statistical": r"(?:BIO)?STATISTIC(?:S|AL)|BIOMETRICS",
    "clinical": r"CLINICAL|EFFICACY|EFFECTIVENESS",
    "safety": r"SAFETY",
}
"""Words of a heading, the more particular first: words that tell one ground are not looked at for the next."""
NOTHING_YET = re.compile(r"reserves? (?:further )?comments?", re.IGNORECASE)


def applications(text: str) -> list[str]:
    """Return the applications for new drugs and biologics that a text names, generics left out.

    >>> applications("BLA 761303/Original 1"), applications("BL 125827"), applications("NDA 21-164; ANDA 212345")
    (['BLA761303'], ['BLA125827'], ['NDA021164'])
    """
    found = [(kind, int(number.replace("-", ""))) for kind, number in APPLICATION.findall(text)]
    return [f"{'BLA' if kind == 'BL' else kind}{number:06d}" for kind, number in found if kind != "ANDA"]


def product_words(text: str) -> str | None:
    """Return the opening sentence, which names the product at its end; of a long one the start and the end."""
    body = _body(text)
    opening = OPENING.search(body)
    if not opening:
        return None
    rest = " ".join(body[opening.start() :].split())
    sentence = NEXT_SENTENCE.split(rest[: 10 * MAX_WORDS], maxsplit=1)[0].strip()
    if len(sentence) <= MAX_WORDS:
        return sentence
    return f"{sentence[:97]} … {sentence[100 - MAX_WORDS :]}"


def grounds(text: str) -> list[str]:
    """Return what the letter refuses for, in the order of its headings.

    A section on labeling counts only when it says more than that comment is reserved; a safety update is asked for in
    every letter and is no ground.
    """
    body = _body(text)
    found: dict[str, None] = {}
    headings = list(_headings(body))
    for (heading, _, begin), (_, end, _) in pairwise([*headings, ("", len(body), 0)]):
        if LAST_HEADING.match(heading):
            break
        for ground in _grounds_of(heading):
            if ground != "labeling" or not NOTHING_YET.search(body[begin:end]):
                found[ground] = None
    return list(found)


def _body(text: str) -> str:
    """Return what stands between the salutation and the signature, with plain dashes."""
    start, end = SALUTATION.search(text), SIGNATURE.search(text)
    begin = start.end() if start else 0
    return text[begin : end.start() if end and end.start() > begin else len(text)].replace("–", "-").replace("—", "-")


def _headings(body: str) -> Iterator[tuple[str, int, int]]:
    """Yield headings of sections with where each begins and ends; other words in capitals are none."""
    for match in HEADING.finditer(body):
        heading = " ".join(match[1].split())
        if heading == "OTHER" or re.search(NO_GROUND, heading) or _grounds_of(heading) or LAST_HEADING.match(heading):
            yield heading, match.start(), match.end()


def _grounds_of(heading: str) -> list[str]:
    """Return the grounds that a heading names, in the order of its words."""
    left, found = re.sub(NO_GROUND, _blank, heading), {}
    for ground, words in GROUNDS.items():
        match = re.search(words, left)
        if match:
            found[ground] = match.start()
            left = re.sub(words, _blank, left)
    return sorted(found, key=lambda ground: found[ground])


def _blank(match: re.Match[str]) -> str:
    return "." * len(match[0])
