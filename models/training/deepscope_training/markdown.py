"""Pieces that a card is put together from: tables of dictionaries, bars, and the verdict in its first lines."""

import math


def cell(value, digits):
    """One value as text; what could not be measured is left empty."""
    if value is None or value != value:
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def table(rows, digits=3, heads=None):
    """A Markdown table of dictionaries that share their keys; heads: other names for the keys."""
    if not rows:
        return "Not measured: the data were absent."
    names = [(heads or {}).get(key, key.replace("_", " ")) for key in rows[0]]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(cell(v, digits) for v in row.values()) + " |" for row in rows])


def short(value):
    """A number as JavaScript writes it too: 351, not 351.0. Words stay as they are."""
    if isinstance(value, str):
        return value
    return int(value) if float(value).is_integer() else value


def bars(result):
    """The table of bars of what metrics.json holds; where another training was measured too (`results.beside`), its values in a column, and what it was."""

    def verdict_of(bar):
        return "yes" if bar["holds"] else "**no**"

    lines = [f"| `{b['name']}` | {short(b['value'])} | {b['must']} | {verdict_of(b)} |" for b in result["bars"]]
    heads = ["| bar | value | must be | holds |", "| --- | ---: | --- | --- |"]
    second = result.get("second")
    if not second:
        return "\n".join(heads + lines)
    training, of_second = second["training"], {b["name"]: b for b in second["bars"]}
    values = [f" {short(b['value'])} | {verdict_of(b)} |" if b else " | |" for b in (of_second.get(b["name"]) for b in result["bars"])]
    heads = [f"{heads[0]} seed {training['seed']} | holds |", f"{heads[1]} ---: | --- |"]
    told = (
        f"Seed {training['seed']}: another training of this network, {training['steps']:,} steps in {training['minutes']} minutes on the clock{'' if training['initial'] else ', begun with random weights'}{began(training)}, "
        "measured on the same specimens; it is not in the package. What differs is what chance and the length of a training make."
    )
    return "\n".join([*heads, *(line + value for line, value in zip(lines, values)), "", told])


def verdict(items):
    """Which bars are missed, or that none is."""
    missed = [b for b in items if not b["holds"]]
    if not missed:
        return f"All {len(items)} bars hold (table below)."
    listed = "\n".join(f"- `{b['name']}` is {short(b['value'])}; it must be {b['must']}." for b in missed)
    return f"**{len(missed)} of {len(items)} bars are missed:**\n\n{listed}"


def rounded(value):
    """The same structure with floats to five significant digits; what is no number becomes None."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def coverage(rows):
    """Shares inside intervals (specimens, photons, interval, inside) with the intervals as columns, and how far they may be off (low, high) where that was measured."""

    def share(row):
        return f"{row['inside']:.1%}" + (f" ({row['low']:.1%}–{row['high']:.1%})" if "low" in row else "")

    intervals = sorted({r["interval"] for r in rows})
    lines = ["| specimens | photons | " + " | ".join(f"{i:.0%} interval" for i in intervals) + " |", "| --- | ---: |" + " ---: |" * len(intervals)]
    for specimens, photons in dict.fromkeys((r["specimens"], r["photons"]) for r in rows):
        inside = [next(share(r) for r in rows if (r["specimens"], r["photons"], r["interval"]) == (specimens, photons, i)) for i in intervals]
        lines.append(f"| {specimens} | {photons} | " + " | ".join(inside) + " |")
    drawn = ["", "In brackets: the 95 % interval that follows from which specimens happened to be counted (bootstrap over them)."]
    return "\n".join(lines + (drawn if any("low" in r for r in rows) else []))


def began(training):
    """With whose weights a training began, if not with random ones, with whose it was averaged, how long its second head learned anew and what line was laid through what it gives, and in what precision, if not in the usual one."""
    initial, precision = training["initial"], training.get("precision", "float32")
    begun = f", begun with the weights of {initial['package']} (step {initial['step']:,})" if initial else ""
    averaged = training.get("averaged")
    begun += f", its weights then averaged with those of {averaged['package']} (step {averaged['step']:,})" if averaged else ""
    begun += f", its second head then taught anew for {training['judged']:,} steps" if training.get("judged") else ""
    line = training.get("widened")
    begun += f", its expected errors then fitted to whole pictures (the second head's last layer times {line['slope']:.3f}, {line['offset']:+.3f})" if line else ""
    return begun + (f", computed in {precision}" if precision != "float32" else "")
