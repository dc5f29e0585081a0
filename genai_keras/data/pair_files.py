"""Files of pairs: tables separated by tabs, commas or semicolons, and JSON."""

import csv
import functools
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from genai_keras.data.decoding import SURROGATES
from genai_keras.data.reading import normalize_sentence, rows_of
from genai_keras.data.summaries import are_numbers, shorten
from genai_keras.errors import UsageError, UserError, listed

# A first row names the columns if both of its cells are among these words.
HEADERS = """
    source target src tgt trg input output question answer prompt completion response text label
    sentence sentence1 sentence2 translation original english german french spanish italian
    portuguese dutch russian chinese japanese korean arabic hindi turkish polish ukrainian czech
    swedish danish finnish greek hebrew deutsch français español italiano português 中文 英文 日本語
    eng deu fra spa ita por nld rus cmn jpn kor ara hin tur pol ukr ces swe dan fin
    en de fr es pt nl zh ja ko ru
"""
HEADERS = frozenset(HEADERS.split())


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Args:
        form: how its columns are separated, in words.
        rows: `(place, cells)` of each row that is not blank; a place is such as "line 3".
        names: the names of its columns, for JSON; else None.
    """

    form: str
    rows: list[tuple[str, list[str]]]
    names: list[str] | None = None

    def name(self, column):
        """The name of a column, or its number from 1."""
        return self.names[column] if self.names else str(column + 1)


def read_pairs(text, path, columns=None):
    """The distinct pairs in a file, in order.

    Args:
        text: what is in the file.
        path: of the file, for messages.
        columns: the numbers or names of two columns, such as "2,4"; None for the first two.

    Returns:
        A list of `(source, target)`; the form of the file in words; and how many rows were
        skipped, by reason.

    Raises:
        UserError: the file is no table of pairs, or its first two columns are no sentences.
        UsageError: there are no such columns.
    """
    table = _read_table(text, path)
    nothing = f"{path} has no pairs: each line needs a source, a tab and a target"
    if not table.rows:
        raise UserError(nothing)
    chosen, has_header = _choose(table, path, columns)
    rows = table.rows[has_header:]
    if columns is None:
        _check_columns(table, rows, chosen, path)
    pairs = {}  # a dictionary keeps the order
    for place, cells in rows:
        if len(cells) <= max(chosen):
            raise UserError(
                f"{place} of {path} has {len(cells)} columns: it needs {max(chosen) + 1}"
            )
        source, target = (cells[column] for column in chosen)
        if not source or not target:
            missing = "target" if source else "source"
            raise UserError(f"{place} of {path} has an empty {missing}: fill it or delete it")
        pairs[source, target] = None
    if not pairs:
        raise UserError(nothing)
    skipped = {"header": has_header, "repeated": len(rows) - len(pairs)}
    names = " and ".join(map(table.name, chosen))
    return list(pairs), f"{table.form}, columns {names}", skipped


def _read_table(text, path):
    lines = rows_of(text)
    filled = [(f"line {n}", line) for n, line in enumerate(lines, 1) if line.strip()]
    first = filled[0][1] if filled else ""
    if first.lstrip().startswith(("{", "[")) and (table := _read_json(filled, path)):
        return table
    if "\t" not in first and (table := _read_csv("\n".join(lines), path)):
        return table
    for place, line in filled:
        if "\t" not in line:
            raise UserError(f"{place} of {path} has no tab between source and target")
    rows = [(place, list(map(normalize_sentence, line.split("\t")))) for place, line in filled]
    return Table("separated by tabs", rows)


def _read_csv(text, path):
    """A `Table` of text in which every row has as many columns; None if it is no CSV."""
    excel = re.match(r'\s*"?sep=(.)"?\n', text)  # a line that only Excel reads
    text = "\n" * excel[0].count("\n") + text[excel.end() :] if excel else text  # as many lines
    tables, problem = [], None
    for separator in excel[1] if excel else ",;":
        reader = csv.reader(
            io.StringIO(text), delimiter=separator, strict=True, skipinitialspace=True
        )
        rows = []
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    rows.append((f"line {reader.line_num}", list(map(normalize_sentence, cells))))
        except csv.Error as error:
            problem = problem or f"line {reader.line_num} of {path} is no CSV: {error}"
            continue
        width = len(rows[0][1]) if rows else 1
        other = next(((place, cells) for place, cells in rows if len(cells) != width), None)
        if other:
            problem = problem or (
                f"{other[0]} of {path} has {len(other[1])} columns, but {rows[0][0]} has {width}: "
                f'put sentences with a "{separator}" in quotes'
            )
        elif width > 1:
            tables.append(Table(f'separated by "{separator}"', rows))
    if problem and not tables and Path(path).suffix.lower() == ".csv":
        raise UserError(problem)
    # A sentence may contain the other sign, so the fewest columns are right.
    return min(tables, key=lambda table: len(table.rows[0][1]), default=None)


def _read_json(filled, path):
    """A `Table` of objects or lists, one per line or all in one list; None if it is no JSON."""
    load = functools.partial(json.loads, parse_int=str, parse_float=str)
    errors = (ValueError, RecursionError)
    try:
        whole = load("\n".join(line for _, line in filled))
    except errors:
        whole = None  # perhaps each line is JSON
    if any(_are_entries(whole)):
        values = [(f"entry {number}", each) for number, each in enumerate(whole, 1)]
    else:
        values = []
        for place, line in filled:
            try:
                values.append((place, load(line)))
            except errors:
                if not values:
                    return None
                raise UserError(f"{place} of {path} is no JSON, but the first line is") from None
            if (entries := _are_entries(values[-1][1])) and all(entries):
                raise UserError(f"{place} of {path} is a list of pairs: give each its own line")
    rows = [(place, _fields(value)) for place, value in values]
    names = list(rows[0][1])
    return Table(
        "JSON",
        [(place, [_cell(fields.get(n), place, path) for n in names]) for place, fields in rows],
        names,
    )


def _are_entries(value):
    """Whether each value of a list is a list or an object; nothing for what is no list."""
    return [isinstance(each, list | dict) for each in value] if isinstance(value, list) else []


def _fields(value):
    """The fields of an entry by name, also of `{"translation": {"en": ..., "fr": ...}}`."""
    while isinstance(value, dict) and len(value) == 1 and isinstance(*value.values(), dict):
        (value,) = value.values()
    if isinstance(value, list):
        return {str(number): each for number, each in enumerate(value, 1)}
    return value if isinstance(value, dict) else {}


def _cell(value, place, path):
    """A field as a sentence; what is no text counts as empty."""
    if not isinstance(value, str):
        return ""
    if SURROGATES.search(value):
        raise UserError(f"{place} of {path} has half of a character, such as \\ud83d")
    return normalize_sentence(value)


def _choose(table, path, columns):
    """The places of the two columns from 0, and whether the first row is a header."""
    first = table.rows[0][1]
    names = table.names or first
    if columns is None:
        chosen = [0, 1]
    else:
        wanted = [each.strip() for each in columns.split(",")]
        if len(wanted) != 2 or wanted[0] == wanted[1]:
            raise UsageError(
                f"`columns={columns}`: give two columns, such as 2,4 or english,french"
            )
        chosen = [_place(each, names, path, columns) for each in wanted]
        if any(each in names and not each.isdecimal() for each in wanted):
            return chosen, table.names is None
    cells = {first[place].casefold() for place in chosen if place < len(first)}
    return chosen, table.names is None and len(cells) == 2 and cells <= HEADERS


def _place(wanted, names, path, columns):
    if wanted in names and not wanted.isdecimal():
        return names.index(wanted)
    if re.fullmatch("[1-9][0-9]{0,3}", wanted):
        return int(wanted) - 1
    known = listed([shorten(each, 15) for each in names])
    raise UsageError(f"`columns={columns}`: the columns of {path} are {known}")


def _check_columns(table, rows, chosen, path):
    """Raises a `UserError` if the first two columns are no sentences, but others may be."""
    width = min((len(cells) for _, cells in rows), default=0)
    if width < 3:
        return
    sides = [[cells[column] for _, cells in rows] for column in range(width)]
    wrong = next((column for column in chosen if _are_no_sentences(sides[column])), None)
    if wrong is None:
        return
    good = [
        column
        for column, side in enumerate(sides)
        if not _are_no_sentences(side) and 10 * len(set(side)) > len(side)
    ]
    what = "all numbers" if are_numbers(sides[wrong]) else "all the same"
    name = "targets" if wrong == chosen[1] else "sources"
    problem = f'in {path} the {name}, such as "{shorten(sides[wrong][0])}", are {what}'
    if len(good) < 2:
        where = f"only column {table.name(good[0])} has" if good else "no column has"
        raise UserError(f"{problem}, and {where} sentences: pairs need two such columns")
    one, other = good[:2]
    raise UserError(
        f"{problem}: choose two columns, such as `columns={one + 1},{other + 1}` "
        f'("{shorten(sides[one][0])}" -> "{shorten(sides[other][0])}")'
    )


def _are_no_sentences(side):
    return are_numbers(side) or (len(side) > 1 and len(set(side)) == 1)
