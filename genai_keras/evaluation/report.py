"""Results about a model: rows of figures, as tables and as JSON."""

from dataclasses import dataclass

from genai_keras.evaluation.bootstrap import Figure


@dataclass(frozen=True)
class Row:
    """One figure.

    Args:
        name: a short name, which is also the key in JSON.
        figure: the estimate and its interval.
        real_data: the real-data baseline, which is the score of real data, or None.
        meaning: explanation, with the unit and whether higher or lower is better.
        count: number of samples, if the meaning does not contain it.
        ladder: for likelihoods: the data set, the side of the images, " | label" or "", and the
            number of values of a pixel. Only figures with equal ladders are comparable.
        rung: for likelihoods: the kind of figure.
        remark: what this value means beside the other figures, if that is not obvious.
    """

    name: str
    figure: Figure
    real_data: float | None
    meaning: str
    count: int | None = None
    ladder: tuple | None = None
    rung: str = ""
    remark: str = ""


def table(rows):
    """A table of the rows of one model, as text, with the remarks below it."""
    lines = [("", "value", "95 % interval", "real data", "")]
    for row in rows:
        figure, interval = row.figure, ""
        if figure.low is not None:
            interval = f"{shown(figure.low)} to {shown(figure.high)}"
        real = "" if row.real_data is None else shown(row.real_data)
        lines.append((row.name, shown(figure.value), interval, real, row.meaning))
    remarks = [f"{row.name}: {row.remark}" for row in rows if row.remark]
    return "\n".join([_aligned(lines, left=(0, 4)), *remarks])


def comparison(reports):
    """A table of several models, one per column, as text.

    Args:
        reports: lists of rows by the names of the models; missing rows stay empty.
    """
    names = list(dict.fromkeys(row.name for rows in reports.values() for row in rows))
    lines = [("", *reports)]
    for name in names:
        found = [next((r for r in rows if r.name == name), None) for rows in reports.values()]
        lines.append((name, *("" if r is None else _with_error(r.figure) for r in found)))
    return _aligned(lines)


def ladders(reports):
    """Likelihoods of the same images, lowest first; one text per kind of image.

    Args:
        reports: lists of rows by the names of the models.
    """
    rungs = {}
    for name, rows in reports.items():
        for row in rows:
            if row.ladder:
                line = f"{shown(row.figure.value)}  {name}: {row.rung}"
                rungs.setdefault((row.count, *row.ladder), []).append((row.figure.value, line))
    for (count, dataset, side, given, values), found in rungs.items():
        kind = "binary " if values == 2 else ""
        images = f"{count} {kind}{side}x{side} images of {dataset}"
        if values != 2:
            images += f", of {values} values per pixel"
        lines = [f"log p(x{given}) of the same {images}, in nats:"]
        yield "\n".join([*lines, *(f"  {line}" for _, line in sorted(found))])


def as_json(rows):
    """The rows as a dictionary that `json` can write."""
    return {
        row.name: {
            "value": row.figure.value,
            "low": row.figure.low,
            "high": row.figure.high,
            "real_data": row.real_data,
            "meaning": row.meaning,
            "count": row.count,
            "remark": row.remark,
        }
        for row in rows
    }


def shown(number):
    """A number with a useful number of digits."""
    digits = 5 if abs(number) < 0.1 else 4 if abs(number) < 10 else 2
    return f"{number:.{digits}f}"


def _with_error(figure):
    if figure.low is None:
        return shown(figure.value)
    return f"{shown(figure.value)} ±{shown((figure.high - figure.low) / 2)}"


def _aligned(lines, left=(0,)):
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            each.ljust(width) if index in left else each.rjust(width)
            for index, (each, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
