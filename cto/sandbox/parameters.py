"""The query parameters of the registry: which are allowed where, and which studies they choose in which order."""

import re
from collections.abc import Callable, Iterable, Mapping

from cto.sandbox.essie import BadRequestError, listed, parse_expression
from cto.sandbox.studies import DATE_PIECES, Study

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 10, 1000
PAGING_PARAMETERS = {"countTotal", "pageSize", "pageToken"}
STUDY_PARAMETERS = {"format", "markupFormat", "fields"}
LIST_PARAMETERS = {
    *STUDY_PARAMETERS,
    *PAGING_PARAMETERS,
    *("filter.ids", "filter.overallStatus", "filter.advanced", "query.term", "sort"),
}
UNSUPPORTED_PARAMETERS = {
    *("query.cond", "query.locn", "query.titles", "query.intr", "query.outc", "query.spons", "query.lead", "query.id"),
    *("query.patient", "filter.geo", "filter.synonyms", "postFilter.overallStatus", "postFilter.geo", "postFilter.ids"),
    *("postFilter.advanced", "postFilter.synonyms", "aggFilters", "geoDecay"),
}
STATUSES = {
    *("ACTIVE_NOT_RECRUITING", "COMPLETED", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING", "RECRUITING", "SUSPENDED"),
    *("TERMINATED", "WITHDRAWN", "AVAILABLE", "NO_LONGER_AVAILABLE", "TEMPORARILY_NOT_AVAILABLE"),
    *("APPROVED_FOR_MARKETING", "WITHHELD", "UNKNOWN"),
}


def check_parameters(query: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise BadRequestError for the first parameter that is not known here or has a value that never works."""
    for name in query:
        if name in UNSUPPORTED_PARAMETERS:
            raise BadRequestError(f"`{name}` is not supported by this stand-in")
        if name not in known:
            raise BadRequestError(f"`{name}` is unknown parameter")
    _one_of(query.get("format", "json"), {"json"}, "format")
    _one_of(query.get("markupFormat", "markdown"), {"markdown", "legacy"}, "markupFormat")
    _one_of(query.get("countTotal", "false").lower(), {"true", "false"}, "countTotal")


def choice(query: Mapping[str, str]) -> Callable[[Iterable[Study]], list[Study]]:
    """Return what filters and sorts studies as the parameters ask; raises BadRequestError when they are wrong."""
    tests = [parse_expression(query[name]) for name in ("query.term", "filter.advanced") if name in query]
    if "filter.ids" in query:
        ids = {parse_nct_id(text) for text in listed(query["filter.ids"])}
        tests.append(lambda study: study.is_any_of(ids))
    if "filter.overallStatus" in query:
        texts = listed(query["filter.overallStatus"])
        statuses = {_one_of(text, STATUSES, "filter.overallStatus") for text in texts}
        tests.append(lambda study: not statuses.isdisjoint(study.words("OverallStatus")))
    orders = [_order(text) for text in listed(query["sort"])] if query.get("sort") else []

    def choose(studies: Iterable[Study]) -> list[Study]:
        chosen = [study for study in studies if all(test(study) for test in tests)]
        for piece, is_descending in reversed(orders):
            dated = [study for study in chosen if study.date(piece)]
            undated = [study for study in chosen if not study.date(piece)]
            chosen = sorted(dated, key=lambda study: study.date(piece), reverse=is_descending) + undated
        return chosen

    return choose


def parse_nct_id(text: str) -> str:
    """Return the id in its usual form, NCT and eight digits; raises BadRequestError when it is not an id."""
    found = re.fullmatch(r"[Nn][Cc][Tt]0*([1-9]\d{0,7})", text, re.ASCII)
    if found is None:
        raise BadRequestError(f"Not an NCT number: '{text}'")
    return f"NCT{int(found[1]):08d}"


def _one_of(text: str, allowed: set[str], parameter: str) -> str:
    if text not in allowed:
        raise BadRequestError(f"Parameter '{parameter}' has an invalid value: '{text}'")
    return text


def _order(text: str) -> tuple[str, bool]:
    piece, _, direction = text.partition(":")
    if piece not in DATE_PIECES or direction not in {"", "asc", "desc"}:
        raise BadRequestError(f"Parameter 'sort' has an unsupported value: '{text}'")
    return piece, direction != "asc"


def page_size(query: Mapping[str, str]) -> int:
    """Return the number of studies to a page; raises BadRequestError when it is not a whole number from 0."""
    text = query.get("pageSize", "0")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadRequestError(f"Parameter 'pageSize' has an invalid value: '{text}'")
    return min(int(text), MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE
