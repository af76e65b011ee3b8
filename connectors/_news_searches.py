"""Which news to search for: names of trials' sponsors and drugs, around the days of what may come to be known."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

WORDS = "trial OR phase OR endpoint"
FULL = 100
"""Items that an answer holds at most; there are no further pages."""
WEEK = 7
DAY = timedelta(days=1)
_QUERY = re.compile(r'"(.*)" \(.*\) after:(\S+) before:(\S+)')

WANTS = r"""
-- Whom and what to search for, and when: around each day on which something of a trial may have come to be known. The
-- press is told of the primary outcome within months of its last data, as a rule, and of a stop at once.
with trial as (
    select
        nct_id,
        sponsor_name,
        coalesce(primary_completion_date, completion_date) as completed,
        results_first_post_date as posted,
        case when overall_status in ('TERMINATED', 'WITHDRAWN', 'SUSPENDED') then stop_known_since end as stopped
    from core_study join core_sponsor using (nct_id)
    where is_lead and sponsor_class = 'INDUSTRY' and study_type = 'INTERVENTIONAL' and not is_removed
        and list_has_any(phases, ['PHASE2', 'PHASE3'])
),
drug as (
    select nct_id, intervention_name
    from core_intervention
    where role = 'experimental' and intervention_type in ('DRUG', 'BIOLOGICAL', 'GENETIC', 'COMBINATION_PRODUCT')
),
readout as (
    select nct_id, completed as day, 180 as days_after from trial
    union all select nct_id, posted, 60 from trial
    union all select nct_id, stopped, 60 from trial
),
called as (
    select nct_id, regexp_replace(regexp_replace(sponsor_name, '\s*\(.*$', ''),
        '(,?\s+(&|and|inc|llc|lp|ltd|limited|corp|corporation|co|company|pty|gmbh|ag|kg|plc|s\.?a|n\.?v|b\.?v|a/s|s\.?p\.?a)\.?)+$',
        '', 'i') as name
    from trial where nct_id in (select nct_id from drug)
    union all
    select nct_id, drug_name(intervention_name)
    from drug where nct_id in (select nct_id from trial)
),
-- A name of very many trials makes news all the time, which cannot be told to be of any one of them.
told as (
    select lower(plain) as folded, min(plain) as name, list(nct_id) as ids
    from (select nct_id, trim(regexp_replace(name, '["\s]+', ' ', 'g')) as plain from called)
    group by folded
    having length(folded) between 4 and 60 and count(distinct nct_id) <= 50
        and not regexp_matches(folded,
            '^(arm|group|cohort|part|intervention|treatment|study|standard|vaccine|chemotherapy|drug|dose)\b')
)
select distinct told.name, day - 30, day + days_after
from told, unnest(told.ids) as of_trial(nct_id) join readout using (nct_id)
where day - 30 < (select as_of from run) and day >= date '2002-09-01'  -- there is no Google News before
"""

Span = tuple[date, date]


class Window(NamedTuple):
    """A search: for a name, among what was published from one day to another, both included."""

    name: str
    first: date
    last: date

    @property
    def query(self) -> str:
        """The search as it is sent; its bounds are read as days that are not included themselves."""
        return f'"{self.name}" ({WORDS}) after:{self.first - DAY} before:{self.last + DAY}'

    @property
    def halves(self) -> tuple[Window, ...]:
        """The two halves, none of a single day."""
        middle = self.first + (self.last - self.first) // 2
        whole = self.first == self.last
        return () if whole else (Window(self.name, self.first, middle), Window(self.name, middle + DAY, self.last))

    @classmethod
    def of(cls, query: str) -> Window:
        """Return the window of a query.

        >>> Window.of(Window("Fictium", date(2020, 2, 1), date(2020, 2, 29)).query).last
        datetime.date(2020, 2, 29)
        """
        found = _QUERY.fullmatch(query)
        if not found:
            raise ValueError(f"not a search: {query!r}")
        return cls(found[1], date.fromisoformat(found[2]) + DAY, date.fromisoformat(found[3]) - DAY)


def left(window: Window, found: Mapping[str, int]) -> list[Window]:
    """Return what is left to ask of a window, given how many items the answers hold: one that is full is halved."""
    if window.query not in found:
        return [window]
    halves = window.halves if found[window.query] >= FULL else ()
    return [part for half in halves for part in left(half, found)]


def due(wants: Iterable[tuple[Any, ...]], answered: Iterable[str], today: date) -> list[Window]:
    """Return the searches to make, most urgent first: of the days wanted up to yesterday those not yet searched.

    First come names that have waited for a week, then the past, newest first, then what became due since. As items are
    found late at times, each search reaches a day further back than it must.

    Args:
        wants: a name, the first and the last day of a span in which it is wanted.
        answered: the searches that were answered in whole.
        today: which day it is.

    """
    yesterday = today - DAY
    wanted: dict[str, list[Span]] = defaultdict(list)
    for name, first, last in wants:
        if first <= yesterday:
            wanted[name].append((first, min(last, yesterday)))
    searched: dict[str, list[Span]] = defaultdict(list)
    for window in map(Window.of, answered):
        searched[window.name].append((window.first, window.last))
    found = [
        Window(name, first - DAY, last)
        for name, spans in wanted.items()
        for span in merged(spans)
        for first, last in without(span, merged(searched[name]))
    ]

    def urgency(window: Window) -> tuple[int, int, str]:
        waiting = (window.last - window.first).days
        if window.last < yesterday:
            return 1, -window.last.toordinal(), window.name
        return (0 if waiting >= WEEK else 2), -waiting, window.name

    return sorted(found, key=urgency)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that touch as one.

    >>> merged([(date(2020, 1, 5), date(2020, 1, 9)), (date(2020, 1, 1), date(2020, 1, 4))])
    [(datetime.date(2020, 1, 1), datetime.date(2020, 1, 9))]
    """
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + DAY:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def without(span: Span, holes: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of a span when the holes, which are in order, are taken out.

    >>> list(without((date(2020, 1, 1), date(2020, 1, 9)), [(date(2019, 1, 1), date(2020, 1, 6))]))
    [(datetime.date(2020, 1, 7), datetime.date(2020, 1, 9))]
    """
    start, end = span
    for first, last in holes:
        if last >= start and first <= end:
            if first > start:
                yield start, first - DAY
            start = last + DAY
    if start <= end:
        yield start, end
