"""Markup that escapes what it is given; tables and three pictures in it: bars, intervals and a heat map.

Bars and intervals place things by per cent of the width, so that they fit a phone with text of full size; a heat map
and a table have a size of their own and scroll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

ROW, TRACK = 48, 19
"""Heights of a line of a picture and of the strip in it, in pixels."""
NONE = "–"


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(tag: str, *children: str, **attributes: object) -> Markup:
    """Return an element; text is escaped, markup is not. An attribute's _ becomes -, its None leaves it out.

    >>> el("b", "1 < 2", class_="x", data_n=3)
    '<b class="x" data-n="3">1 &lt; 2</b>'
    """
    named = (f' {k.rstrip("_").replace("_", "-")}="{escape(str(v))}"' for k, v in attributes.items() if v is not None)
    return Markup(f"<{tag}{''.join(named)}>{join(*children)}</{tag}>")


def join(*children: str) -> Markup:
    """Return the children one after the other, text escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


@dataclass(frozen=True, slots=True)
class Mark:
    """A value on a row: a bar from where the last one ended, or a dot with its interval.

    Attributes:
        value: share of the full width, 0 to 1.
        style: CSS class.
        tip: what a reader who points at it is told.
        low, high: the interval, if there is one.

    """

    value: float
    style: str
    tip: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a picture: name on the left, note on the right, marks below; ``tick`` is a value to compare with."""

    name: str
    note: str
    marks: Sequence[Mark]
    tick: float | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a heat map: a value from -1 to 1 or none, what is written in it, and whether it is marked."""

    value: float | None
    text: str
    tip: str
    is_marked: bool = False


def bars(title: str, rows: Sequence[Row], ticks: Sequence[tuple[float, str]]) -> Markup:
    """Return stacked horizontal bars above an axis."""
    drawn: list[str] = []
    for i, row in enumerate(rows):
        start, y = 0.0, ROW * i + 22
        drawn += _frame(row, y)
        for mark in row.marks:
            box = {"x": _x(start), "y": y, "width": _x(mark.value), "height": TRACK}
            drawn.append(el("rect", el("title", mark.tip), class_=mark.style, **box))
            start += mark.value
    return _fluid(title, drawn, ROW * len(rows), ticks)


def forest(title: str, rows: Sequence[Row], ticks: Sequence[tuple[float, str]]) -> Markup:
    """Return values with their intervals, one line a mark, above an axis."""
    drawn: list[str] = []
    for i, row in enumerate(rows):
        top = ROW * i + 22
        drawn += _frame(row, top)
        if row.tick is not None:
            drawn.append(el("line", class_="tick", x1=_x(row.tick), x2=_x(row.tick), y1=top, y2=top + TRACK))
        for j, mark in enumerate(row.marks):
            y = top + 5 + 9 * j
            parts = [el("title", mark.tip), el("circle", cx=_x(mark.value), cy=y, r=3.5)]
            if mark.low is not None and mark.high is not None:
                parts.insert(1, el("line", x1=_x(mark.low), x2=_x(mark.high), y1=y, y2=y))
            drawn.append(el("g", *parts, class_=mark.style))
    return _fluid(title, drawn, ROW * len(rows), ticks)


def heat(
    title: str, names: Sequence[str], cells: Sequence[Sequence[Cell]], blocks: Sequence[tuple[int, int]]
) -> Markup:
    """Return a square heat map with numbered columns; ``blocks`` are runs of names, start and length, to outline."""
    size, left, top = 32, 30 + 8 * max(map(len, names), default=0), 20
    drawn: list[str] = []
    for i, name in enumerate(names):
        middle = size * i + size / 2
        drawn.append(el("text", f"{i + 1}", class_="note", x=left + middle, y=top - 6, text_anchor="middle"))
        drawn.append(el("text", name, class_="name", x=0, y=top + middle + 4))
        drawn.append(el("text", f"{i + 1}", class_="note", x=left - 8, y=top + middle + 4, text_anchor="end"))
        for j, cell in enumerate(cells[i]):
            box = {"x": left + size * j, "y": top + size * i, "width": size - 1, "height": size - 1}
            style, opacity = ("none", None) if cell.value is None else _shade(cell.value)
            drawn.append(el("rect", el("title", cell.tip), class_=style, fill_opacity=opacity, **box))
            mark = "cell marked" if cell.is_marked else "cell"
            at = {"x": left + size * j + size / 2 - 0.5, "y": top + middle + 3.5}
            drawn.append(el("text", cell.text, class_=mark, text_anchor="middle", **at))
    for start, length in blocks:
        corner = {"x": left + size * start - 0.5, "y": top + size * start - 0.5}
        drawn.append(el("rect", class_="block", **corner, width=size * length, height=size * length, rx=2))
    width, height = left + size * len(names) + 2, top + size * len(names) + 2
    picture = el("svg", el("title", title), *drawn, role="img", aria_label=title, width=width, height=height)
    return el("div", picture, class_="scroll", tabindex=0, role="region", aria_label=title)


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], is_text: Sequence[int] = ()) -> Markup:
    """Return a table that scrolls sideways; a row's first cell is its heading, columns ``is_text`` are no figures.

    A cell that is markup is a whole ``td``.
    """
    body = [
        el("tr", el("th", row[0], scope="row"), *(_cell(cell, i in is_text) for i, cell in enumerate(row) if i))
        for row in rows
    ]
    top = el(
        "tr", *(el("th", name, scope="col", class_="text" if i in is_text else None) for i, name in enumerate(head))
    )
    made = el("table", el("caption", caption), el("thead", top), el("tbody", *body))
    return el("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _cell(cell: str, is_text: bool) -> Markup:
    return cell if isinstance(cell, Markup) else el("td", cell, class_="text" if is_text else None)


def _fluid(title: str, drawn: Sequence[str], height: int, ticks: Sequence[tuple[float, str]]) -> Markup:
    axis: list[str] = []
    for at, text in ticks:
        anchor = "start" if at == 0 else "end" if at == 1 else "middle"
        axis.append(el("line", class_="grid", x1=_x(at), x2=_x(at), y1=height - 4, y2=height + 2))
        axis.append(el("text", text, class_="note", x=_x(at), y=height + 16, text_anchor=anchor))
    return el("svg", el("title", title), *drawn, *axis, role="img", aria_label=title, width="100%", height=height + 22)


def _frame(row: Row, y: int) -> list[Markup]:
    note = el("text", row.note, class_="note", x="100%", y=y - 7, text_anchor="end")
    track = el("rect", class_="track", x=0, y=y, width="100%", height=TRACK, rx=2)
    return [el("text", row.name, class_="name", x=0, y=y - 7), note, track]


def _shade(value: float) -> tuple[str, str]:
    return "positive" if value >= 0 else "negative", f"{0.06 + 0.74 * min(abs(value), 1):.2f}"


def _x(share: float) -> str:
    return f"{100 * share:.2f}%"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text."""
    return NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def percent(share: float | None) -> str:
    """Return a share as text, in per cent.

    >>> percent(0.25), percent(0.034), percent(None)
    ('25 %', '3.4 %', '–')
    """
    return NONE if share is None else f"{100 * share:.{0 if share in (0, 1) or share >= 0.0995 else 1}f} %"


STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --page: #fff; --card: #f6f7f9; --line: #dde1e7;
  --one: #2f6fb3; --zero: #d9822b; --positive: #7652c4; --negative: #1b9382; --mark: #c2255c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --page: #14181e; --card: #1d232b;
  --line: #333c47; --one: #5b9ee0; --zero: #e6a15a; --positive: #9d7df0; --negative: #35b8a5; --mark: #ff7aa8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .6rem; } h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; }
h3 { font-size: 1rem; margin: 0 0 .2rem; } section > h3 { margin-top: 2rem; }
p { margin: .2rem 0 .8rem; max-width: 46rem; }
a { color: var(--one); } nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem; list-style: none; margin: 0 0 .8rem; padding: 0;
  font-size: .85rem; }
.facts li { padding: .1rem .6rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--soft); }
.facts .sample { border-color: var(--mark); color: var(--mark); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; max-width: 58rem; font-size: .9rem; }
.names dt { font: .8rem/1.7 ui-monospace, monospace; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); } .soft, figcaption, caption { color: var(--soft); }
.findings { padding: .7rem 1rem .7rem 2rem; margin: .8rem 0; border-left: 3px solid var(--mark);
  background: var(--card); }
.findings li { margin: .15rem 0; font-size: .9rem; overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 1rem 0 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; min-width: 0; }
figcaption { font-size: .85rem; margin-bottom: .8rem; max-width: 58rem; } figcaption h3 { color: var(--ink); }
figure caption { display: none; }
.key { white-space: nowrap; margin-left: .7em; } .key i { display: inline-block; width: .8em; height: .8em;
  border-radius: 2px; margin-right: .3em; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; } svg { display: block; overflow: visible; }
svg text { fill: var(--ink); font: 12px/1 system-ui, sans-serif; } svg .name { font: 12px ui-monospace, monospace; }
svg .note { fill: var(--soft); } svg .cell { font-size: 10.5px; } svg .marked { font-weight: 700; fill: var(--mark); }
.track, .none { fill: var(--card); } .grid { stroke: var(--soft); } .tick { stroke: var(--ink); stroke-width: 2; }
.one { fill: var(--one); background: var(--one); } .zero { fill: var(--zero); background: var(--zero); }
.positive { fill: var(--positive); background: var(--positive); }
.negative { fill: var(--negative); background: var(--negative); }
.block { fill: none; stroke: var(--ink); stroke-width: 2; } .whole line { stroke: var(--one); stroke-width: 2.5; }
.whole circle { fill: var(--one); } .part line { stroke: var(--soft); stroke-width: 2; }
.part circle { fill: var(--page); stroke: var(--soft); stroke-width: 2; }
table { border-collapse: separate; border-spacing: 0; font-size: .82rem; font-variant-numeric: tabular-nums;
  margin: 1rem 0; } caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
th:first-child { position: sticky; left: 0; background: var(--page); }
tbody th { font: .78rem ui-monospace, monospace; } th:first-child, th.text, td.text { text-align: left; }
figure table { margin: 0; } figure th, figure td { padding: .25rem .3rem; border: 0; }
figure thead th { text-align: center; } figure thead th:first-child { text-align: left; }
td.share { text-align: center; border: 2px solid var(--page); }
td.few { color: var(--soft); font-style: italic; }
td.share i { display: block; height: 4px; margin-top: 2px; min-width: 1.7rem; }
small { display: block; font: .75rem system-ui, sans-serif; color: var(--soft); }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--one); }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dt { margin-top: .3rem; } figure { padding: .8rem; } }
"""
