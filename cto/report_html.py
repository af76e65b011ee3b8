"""The label function report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from cto.labels import KINDS
from cto.report import GOLD_STRATA, MIN_ROWS
from cto.svg import NONE, STYLE, Cell, Mark, Markup, Row, bars, el, forest, heat, join, number, percent, table

Json = dict[str, Any]

YEARS = 15
"""Years that have a column of their own; earlier ones share one."""
ECHO, ECHO_ROWS = 0.99, 50
"""An accuracy above it, on so many trials, rather tells that one rule made both the function and gold."""
AXES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def render(report: Json) -> str:
    """Return the page of a report of :func:`cto.report.function_report`; the same report gives the same page."""
    title = f"Label functions of release {report['release']}"
    head = el(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        el("title", title),
        el("style", Markup(STYLE)),
    )
    definitions = report["definitions"].items()
    links = [el("a", name, href=f"#{name}") for name, _ in definitions]
    header = el("header", el("h1", title), _facts(report), el("nav", *links, aria_label="Definitions"))
    sections = (_definition(name, found, report["gold"]) for name, found in definitions)
    body = el("body", header, el("main", _how_to_read(report), *sections))
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def findings(functions: Sequence[Json], pairs: Sequence[Json]) -> Iterator[str]:
    """Yield, as sentences, what of a definition's functions and pairs somebody should look at."""
    group = {f["function"]: f["group"] for f in functions}
    for f in functions:
        if not f["all"]["votes"]:
            yield f"{f['function']} is silent: it votes on no ended trial."
        elif f["gold"]:
            kappa, accuracy = f["gold"]["all"]["kappa"], f["gold"]["all"]["accuracy"]
            if kappa["high"] is not None and kappa["high"] < 0:
                yield f"{f['function']} is worse than chance: kappa {_interval(kappa)} on {kappa['n']:,} trials."
            if accuracy["n"] >= ECHO_ROWS and accuracy["value"] > ECHO:
                yield f"{f['function']} says what gold says on over {percent(ECHO)}: did one rule make both?"
    for pair in pairs:
        a, b, given = pair["a"], pair["b"], pair["dependence"] or {"finding": None}
        if given["finding"] == "undeclared":
            yield (
                f"{a} and {b} depend on each other beyond gold (residual phi {given['phi']:.2f}, z {given['z']:.1f}, "
                f"{given['n']:,} trials), yet are two voices: {group[a]} and {group[b]}."
            )
        if given["finding"] == "declared but not seen":
            yield (
                f"{a} and {b} share the group {group[a]}, yet do not depend on each other beyond gold (residual phi "
                f"{given['phi']:.2f}, {given['n']:,} trials)."
            )


def _facts(report: Json) -> Markup:
    gold = report["gold"]
    known = f"gold on {gold['all']['n']:,} ({gold['completed']['n']:,} completed)" if gold else "without gold"
    facts = (f"evidence public by {report['as_of']}", f"{report['n_ended_trials']:,} ended trials", known)
    sample = [el("li", "Sample: to try the tools, not to use", class_="sample")] if report["is_sample"] else []
    return el("ul", *sample, *(el("li", fact) for fact in facts), class_="facts")


def _how_to_read(report: Json) -> Markup:
    said = {
        "Vote": "A function votes 1 or 0 on a trial, or not at all, which is no 0. Only ended trials count here.",
        "Coverage": "Share of the ended trials that it votes on; unique: that it alone votes on.",
        "Overlap": "Share of its votes beside which another function votes; conflict: votes otherwise.",
        "Phi, kappa": "How two functions' votes go together where both vote: 1 alike, 0 unrelated, -1 opposed.",
        "Group": "Functions of one group are one voice in a label; functions of some kinds are in none (not fused).",
        "Dependence": report["dependence_note"],
    } | (_WITH_GOLD if report["gold"] else {})
    terms = (join(el("dt", term), el("dd", meaning)) for term, meaning in said.items())
    return el("section", el("h2", "How to read this"), el("dl", *terms))


_WITH_GOLD = {
    "Accuracy": "Share of its votes that gold shares, beside what the commoner answer alone would score on the same "
    f"trials; 95\u00a0% intervals from {MIN_ROWS} trials on, as if trials were independent of each other (those of "
    "one sponsor are not: cto evaluate resamples sponsors). Where a rule on status or p-values made gold, a function "
    "of that rule measures its echo.",
    "Lift": "How far its 1-votes (0-votes) are more often right than the share of 1 (0) in all gold, in points.",
}


def _definition(name: str, found: Json, gold: Json | None) -> Markup:
    functions = sorted(found["functions"], key=lambda f: (KINDS.index(f["kind"]), f["group"], f["function"]))
    meaning = found["meaning"] or "something that this version of the code does not know"
    head = [el("h2", name, id=name), el("p", f"1 means: {meaning}.")]
    if not functions:
        return el("section", *head, el("p", "No label function informs it.", class_="soft"))
    said = [el("li", sentence) for sentence in findings(functions, found["pairs"])]
    return el(
        "section",
        *head,
        el("ul", *said, class_="findings") if said else "",
        el("div", _coverage(functions), _accuracy(functions) if gold else "", class_="pictures"),
        _dependence(functions, found["pairs"], bool(gold)),
        _shares("Coverage and polarity by phase", functions, "by_phase"),
        _shares("Coverage and polarity by completion year", functions, "by_year"),
        _function_table(functions),
        *(_gold_table(functions, stratum, gold[stratum]) for stratum in GOLD_STRATA if gold),
        _pair_table(found["pairs"], bool(gold)),
    )


def _figure(title: str, caption: Sequence[str], picture: Markup) -> Markup:
    return el("figure", el("figcaption", el("h3", title), *caption), picture)


def _key(style: str, text: str) -> Markup:
    return join(" ", el("span", el("i", class_=style), text, class_="key"))


def _coverage(functions: Sequence[Json]) -> Markup:
    most = max(f["all"]["coverage"] or 0 for f in functions)
    axis = next(limit for limit in AXES if most <= limit)
    rows = []
    for f in functions:
        every = f["all"]
        marks = [
            Mark(every[key] / every["trials"] / axis, style, f"{every[key]:,} votes of {vote}")
            for key, style, vote in (("ones", "one", 1), ("zeros", "zero", 0))
            if every[key]
        ]
        note = f"{every['votes']:,} votes, {percent(every['coverage'])}" if every["votes"] else "silent"
        rows.append(Row(f["function"] + (" (not fused)" if f["is_fused"] is False else ""), note, marks))
    title = "Coverage and polarity"
    caption = ("Share of ended trials it votes on:", _key("one", "votes 1"), _key("zero", "votes 0"))
    return _figure(title, caption, bars(title, rows, [(i / 2, f"{50 * i * axis:g} %") for i in range(3)]))


def _accuracy(functions: Sequence[Json]) -> Markup:
    rows = []
    for f in functions:
        marks = []
        for stratum, style in zip(GOLD_STRATA, ("whole", "part"), strict=True):
            figure = f["gold"][stratum]["accuracy"]
            if figure["value"] is not None:
                tip = f"{stratum}: {_interval(figure, '%')}, {figure['n']:,} trials"
                marks.append(Mark(figure["value"], style, tip, figure["low"], figure["high"]))
        every, base = f["gold"]["all"]["accuracy"], f["gold"]["all"]["base_rate"]
        note = f"{_interval(every, '%')}, n {every['n']:,}" if every["n"] else "no gold"
        rows.append(Row(f["function"], note, marks, None if base is None else max(base, 1 - base)))
    title = "Accuracy by gold"
    caption = "Dot: all trials; ring: completed; upright: the commoner answer."
    return _figure(title, [caption], forest(title, rows, [(i / 4, f"{25 * i} %") for i in range(5)]))


def _dependence(functions: Sequence[Json], pairs: Sequence[Json], has_gold: bool) -> Markup:
    functions = sorted(functions, key=lambda f: (f["group"], f["function"]))
    names = [f["function"] for f in functions]
    by_pair = {frozenset((pair["a"], pair["b"])): pair for pair in pairs}
    cells = [
        [
            Cell(None, "", a) if i == j else _cell(by_pair[frozenset((a, b))], i < j, has_gold)
            for j, b in enumerate(names)
        ]
        for i, a in enumerate(names)
    ]
    blocks, start = [], 0
    for _, members in groupby(f["group"] for f in functions):
        n = len(list(members))
        blocks += [(start, n)] if n > 1 else []
        start += n
    upper = "residual phi given gold (!: dependence)" if has_gold else "kappa"
    title = "How functions go together"
    caption = [f"Below the diagonal: phi. Above it: {upper}. Outlined: a group. Empty: unknown."]
    caption += [_key("positive", "together"), _key("negative", "against each other")]
    return _figure(title, caption, heat(f"{title}, pair by pair", names, cells, blocks))


def _cell(pair: Json, is_upper: bool, has_gold: bool) -> Cell:
    what, value, n, mark = "phi", pair["phi"], pair["n_both"], ""
    if is_upper and has_gold:
        given = pair["dependence"]
        what, value, n = "residual phi", given["phi"], given["n"]
        mark = "!" if given["finding"] in ("undeclared", "declared") else ""
    elif is_upper:
        what, value = "kappa", pair["kappa"]
    text = "" if value is None else number(value).replace("0.", ".") + mark
    return Cell(value, text, f"{pair['a']}, {pair['b']}: {what} {number(value)}, {n:,} trials", bool(mark))


def _shares(title: str, functions: Sequence[Json], by: str) -> Markup:
    """Return a table of coverage by stratum, shaded, each cell underlined by its shares of 1 and 0."""
    strata = [_pooled(f[by]) for f in functions]
    most = max((s["coverage"] for of in strata for s in of.values() if s["trials"] >= MIN_ROWS), default=0) or 1
    rows = []
    for f, of in zip(functions, strata, strict=True):
        cells: list[str] = [f["function"]]
        for s in of.values():
            text, strip = "·", None
            if s["votes"]:
                text, ones = percent(s["coverage"]).removesuffix(" %"), f"{100 * s['ones'] / s['votes']:.0f}%"
                strip = f"background: linear-gradient(90deg, var(--one) {ones}, var(--zero) {ones})"
            is_few = s["trials"] < MIN_ROWS
            shade = None if is_few else f"background: rgb(128 144 170 / {0.6 * s['coverage'] / most:.2f})"
            tip = f"{s['ones']:,} × 1 and {s['zeros']:,} × 0 on {s['trials']:,} trials"
            cells.append(
                el("td", text, el("i", style=strip), class_="share few" if is_few else "share", style=shade, title=tip)
            )
        rows.append(cells)
    values = {value: s["trials"] for value, s in strata[0].items()}
    head = [join(value.replace("PHASE", "").replace("_", " "), el("small", f"{n:,}")) for value, n in values.items()]
    caption = f"Coverage in per cent of the ended trials, counted at the top; slanted: of fewer than {MIN_ROWS}."
    key = (caption, _key("one", "votes 1"), _key("zero", "votes 0"))
    return _figure(title, key, table(title, [join("function", el("small", "trials")), *head], rows))


def _pooled(strata: Mapping[str, Json]) -> dict[str, Json]:
    """Return the strata, the first of many years as one."""
    early = [value for value in strata if value.isdigit()][:-YEARS]
    if not early:
        return dict(strata)
    pooled = {key: sum(strata[year][key] for year in early) for key in ("trials", "votes", "ones", "zeros")}
    first = {f"to {early[-1]}": pooled | {"coverage": pooled["votes"] / pooled["trials"]}}
    return first | {value: s for value, s in strata.items() if value not in early}


def _function_table(functions: Sequence[Json]) -> Markup:
    head = ("function", "kind", "group", "votes", "1", "0", "coverage", "unique", "overlap", "conflict")
    shares = ("coverage", "unique_coverage", "overlap", "conflict")
    rows = [
        [
            f"{f['function']} v{f['version']}",
            f["kind"] + (", not fused" if f["is_fused"] is False else ""),
            f["group"],
            *(f"{f['all'][key]:,}" for key in ("votes", "ones", "zeros")),
            *(percent(f["all"][key]) for key in shares),
        ]
        for f in functions
    ]
    meanings = (join(el("dt", f["function"]), el("dd", f["meaning"])) for f in functions)
    return join(
        el("h3", "The functions"),
        el("dl", *meanings, class_="names"),
        table("Figures on ended trials", head, rows, is_text=(1, 2)),
    )


def _gold_table(functions: Sequence[Json], stratum: str, prior: Json) -> Markup:
    head = ("function", "base rate", "n", "accuracy", "kappa", "1-votes", "right", "lift", "0-votes", "right", "lift")
    rows = []
    for f in functions:
        g = f["gold"][stratum]
        figures = [f"{g['accuracy']['n']:,}", _interval(g["accuracy"], "%"), _interval(g["kappa"])]
        for lift in (g["lift"]["1"], g["lift"]["0"]):
            figures += [f"{lift['n']:,}", percent(lift["right"]), _interval(lift, "points")]
        rows.append([f["function"], percent(g["base_rate"]), *figures])
    share = percent(prior["base_rate"])
    caption = f"By gold, {stratum} trials: {prior['n']:,} with gold, {share} of them 1. In brackets 95 % intervals."
    return table(caption, head, rows)


def _pair_table(pairs: Sequence[Json], has_gold: bool) -> Markup:
    met = [pair for pair in pairs if pair["n_both"]]
    if not met:
        return el("p", "No two functions vote on one trial.", class_="soft")
    head = ("function", "and", "both vote", "agreement", "kappa", "phi")
    given = ("with gold", "residual phi", "z", "dependence") if has_gold else ()
    rows = []
    for pair in met:
        d = pair["dependence"]
        figures = [f"{pair['n_both']:,}", percent(pair["agreement"]), number(pair["kappa"]), number(pair["phi"])]
        if d:
            figures += [f"{d['n']:,}", number(d["phi"]), number(d["z"]), d["finding"] or f"({d['why']})"]
        rows.append([pair["a"], pair["b"], *figures])
    more = f"; {len(pairs) - len(met):,} never meet" if len(met) < len(pairs) else ""
    shown = table("Pairs of functions where both vote", [*head, *given], rows, is_text=(1, 9))
    return el("details", el("summary", f"{len(met):,} pairs of functions{more}"), shown)


def _interval(figure: Json, unit: str = "") -> str:
    """Return a figure with its interval: as it is, in ``%`` or in ``points``."""
    scale, digits = (100, 0) if unit else (1, 2)
    value, low, high = (None if figure[k] is None else scale * figure[k] for k in ("value", "low", "high"))
    if value is None:
        return NONE
    limits = "" if low is None else f" ({number(low, digits)} to {number(high, digits)})"
    return number(value, digits) + (" %" if unit == "%" else "") + limits
