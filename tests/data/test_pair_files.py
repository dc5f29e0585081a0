"""Tables of pairs as people have them: what is read is what they meant, or nothing is."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from genai_keras.data.pair_files import read_pairs
from genai_keras.errors import UsageError, UserError

ENGLISH = [f"I have {n} red {things}." for n in ("one", "two") for things in ("cats", "dogs", "ox")]
FRENCH = [f"J'ai {n} {things}, rouges." for n in ("un", "deux") for things in ("chats", "ox", "as")]
PAIRS = list(zip(ENGLISH, FRENCH, strict=True))


def read(text, columns=None, name="pairs.tsv"):
    return read_pairs(text, Path(name), columns)


def refusal(text, columns=None, name="pairs.tsv", error=UserError):
    with pytest.raises(error) as failure:
        read(text, columns, name)
    message = str(failure.value)
    assert "\n" not in message and message.isprintable() and len(message) < 250
    assert name in message or "`columns=" in message
    return message


def table(rows, **style):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", **style).writerows(rows)
    return file.getvalue()


def tabs(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", "\x85", "\u2028"])
def test_rows_of_every_line_end(end):
    pairs, form, skipped = read(tabs(PAIRS).replace("\n", end))
    assert pairs == PAIRS and form == "separated by tabs, columns 1 and 2"
    assert not any(skipped.values())


@pytest.mark.parametrize(
    "style",
    [
        {},
        {"quoting": csv.QUOTE_ALL},
        {"delimiter": ";"},
        {"delimiter": ";", "quoting": csv.QUOTE_ALL},
    ],
)
@pytest.mark.parametrize("header", [(), [("english", "french")], [("Source", "TARGET")]])
def test_csv_with_sentences_that_contain_its_signs(style, header):
    rows = [*PAIRS, ('He said, "Yes; no"', 'Il dit\nnon, "oui"'), ("a;b", "c,d"), ("x, y", "z")]
    text = table([*header, *rows], **style)
    for each in (text, text.replace("\n", "\r\n"), "\n" + text + "\n\n"):
        pairs, form, skipped = read(each, name="pairs.csv")
        assert pairs == [(source, " ".join(target.split())) for source, target in rows]
        assert f'separated by "{style.get("delimiter", ",")}"' in form
        assert skipped["header"] == len(header)


def test_csv_may_have_spaces_after_its_commas_and_a_line_for_excel():
    text = '"one", "un, une"\n"two", "deux"\n'
    assert read(text)[0] == [("one", "un, une"), ("two", "deux")]
    for line in ("sep=;\n", '"sep=;"\n'):
        assert read(line + "a, b;c\nd, e;f\n")[0] == [("a, b", "c"), ("d, e", "f")]
    # The fewest columns are right.
    assert read("one, two;un, deux\na, b;c, d\n")[0][0] == ("one, two", "un, deux")
    assert read("one; two,un; deux\na; b,c; d\n")[0][0] == ("one; two", "un; deux")
    assert read("sep=|\na|b\nc|d\n")[0] == [("a", "b"), ("c", "d")]


def test_quotes_in_a_table_of_tabs_are_signs_of_the_sentence():
    """Tatoeba writes them so, and many are without a partner."""
    text = '"Stop!"\tArrête !\n"Go," he said.\t"Va"\nIt\'s 5"\t12 cm\n'
    assert read(text)[0][0] == ('"Stop!"', "Arrête !") and len(read(text)[0]) == 3


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world\nNo comma here\nOne, two, three\n",
        "One sentence.\nAnother one.\n",
        "a" * 200_000 + "\nb\n",  # too long for a field of CSV
        'He said "yes, no"\n"never", he said\n"no"thing\n',
        "# Title\n\nfirst\tsecond\n",
    ],
)
def test_sentences_without_a_table(text):
    assert "line 1 of pairs.tsv has no tab between source and target" in refusal(text)


def test_csv_that_is_broken_is_named_by_its_line():
    assert "line 3 of my.csv has 3 columns, but line 1 has 2" in refusal(
        "a,b\nc,d\ne,f,g\n", name="my.csv"
    )
    assert "line 2 of my.csv is no CSV" in refusal('a,b\n"c"d,e\n', name="my.csv")
    for before in ("sep=,\n", '\n"sep=,"\n'):  # a line for Excel is a line
        line = before.count("\n") + 2
        assert f"line {line} of my.csv has an empty" in refusal(before + "a,b\n,d\n", name="my.csv")
        assert f"line {line} of my.csv is no" in refusal(before + 'a,b\n"c"d,e\n', name="my.csv")
        assert f"line {line} of my.csv has 3" in refusal(before + "a,b\nc,d,e\n", name="my.csv")


JSON = [{"en": source, "fr": target} for source, target in PAIRS]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, JSON)),
        "\n\n".join(json.dumps(each, ensure_ascii=False) for each in JSON) + "\n",
        json.dumps(JSON),
        json.dumps(JSON, indent=2),
        "\n".join(json.dumps({"translation": each}) for each in JSON),
        "\n".join(json.dumps(list(each.values())) for each in JSON),
        "\n".join(json.dumps([*each.values(), ["tag"], {}]) for each in JSON),
        json.dumps([list(each.values()) for each in JSON], indent=1),
        "\n".join(json.dumps(dict(reversed(each.items())) if i else each)
                  for i, each in enumerate(JSON)),
    ],
    ids=["lines", "blank", "list", "pretty", "translation", "rows", "tags", "list of rows",
         "any order"],
)  # fmt: skip
def test_json(text):
    pairs, form, _ = read(text)
    assert pairs == PAIRS and form.startswith("JSON")


def test_names_choose_in_json():
    rows = [{"id": i, "en": e, "note": None, "fr": f} for i, (e, f) in enumerate(PAIRS)]
    text = "\n".join(map(json.dumps, rows))
    assert "`columns=2,4`" in refusal(text)
    assert read(text, "en,fr")[0] == read(text, "2,4")[0] == PAIRS
    assert read(text, "fr, en")[0] == [(target, source) for source, target in PAIRS]
    assert "are id, en, note, fr" in refusal(text, "en,de", error=UsageError)
    assert "line 1 of pairs.tsv has an empty target" in refusal(text, "en,note")
    wide = json.dumps({f"name {n}": "x" for n in range(11)})
    said = "are name 0, name 1, name 2, name 3, name 4, name 5, name 6, name 7 and 3 more"
    assert said in refusal(wide, "en,de", error=UsageError)


def test_json_numbers_stay_as_they_are_written():
    text = '{"sum": "1+1", "is": 2}\n{"sum": "0.5+0.5", "is": 1.0}\n{"sum": "x", "is": 1e99999}\n'
    assert read(text)[0] == [("1+1", "2"), ("0.5+0.5", "1.0"), ("x", "1e99999")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "x", "b": "y"}\n{"a": "x", "b": \n', "line 2 of pairs.tsv is no JSON"),
        ('{"a": "x", "b": "y"}\n{"a": "z"}\n', "line 2 of pairs.tsv has an empty target"),
        ('{"a": "x", "b": "y"}\n[1]\n', "line 2 of pairs.tsv has an empty source"),
        ('{"a": "x", "b": ["y"]}\n', "line 1 of pairs.tsv has an empty target"),
        ('{"a": "x", "b": "\\ud83d"}\n', "line 1 of pairs.tsv has half of a character"),
        ('{"only": "x"}\n', "has 1 columns"),
        ("\n".join(map(json.dumps, [JSON[:3], JSON[3:]])), "line 1 of pairs.tsv is a list of"),
        ((json.dumps(JSON[:2]) + "\n") * 50, "line 1 of pairs.tsv is a list of pairs: give each"),
        ('[\n"a",\n"b"\n]', "line 1 of pairs.tsv has no tab"),
        ('["a", "b"]\n' + json.dumps(JSON), "line 2 of pairs.tsv is a list of pairs"),
        ("[]\n", "has 0 columns"),
        ("{}\n", "has 0 columns"),
        ('{\n"a": 1\n}\n', "no tab"),
        ("[" * 100_000, "no tab"),
        ('{"a": "x", "b": "y"}\n' + "[" * 100_000, "line 2 of pairs.tsv is no JSON"),
    ],
)
def test_json_that_cannot_be_used(text, said):
    assert said in refusal(text)


def test_brackets_at_the_beginning_are_no_json():
    for text in ("[laughs]\t[rit]\n[1]\tun\n", "{x}\ty\n{z}\tw\n"):
        assert len(read(text)[0]) == 2


EXPORT = [(1000 + i, e, 90000 + i, f) for i, (e, f) in enumerate(PAIRS)]


def test_an_export_of_tatoeba_is_refused_with_the_columns_that_are_meant():
    message = refusal("\ufeff" + tabs(EXPORT))
    assert 'the sources, such as "1000", are all numbers' in message
    assert f'`columns=2,4` ("{ENGLISH[0]}" -> "{FRENCH[0]}")' in message
    assert read(tabs(EXPORT), "2,4")[0] == PAIRS
    # It is said for CSV, too.
    assert "`columns=2,4`" in refusal(table(EXPORT, delimiter=","))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (lambda i, e, f: (i, "eng", e), "and only column 3 has sentences"),
        (lambda i, e, f: ("eng", e, "fra", f), "the sources, such as \"eng\", are all the same: "
         "choose two columns, such as `columns=2,4`"),
        (lambda i, e, f: (e, "fra", f), "the targets, such as \"fra\", are all the same: choose "
         "two columns, such as `columns=1,3`"),
        (lambda i, e, f: (e, i, f), "the targets, such as \"0\", are all numbers: choose two "
         "columns, such as `columns=1,3`"),
        (lambda i, e, f: (i, ("eng", "fra")[i % 2], e, f), "`columns=3,4`"),
        (lambda i, e, f: (i, i / 10, 7), "and no column has sentences"),
        (lambda i, e, f: (f"-{i}.5", "n/a", e, "", f), "`columns=3,5`"),
    ],
)  # fmt: skip
def test_columns_that_are_no_sentences(row, said):
    pairs = [(f"{e} {n}", f"{f} {n}") for n in range(5) for e, f in PAIRS]
    rows = [row(i, e, f) for i, (e, f) in enumerate(pairs)]
    assert said in refusal(tabs(rows))


def test_what_is_meant_is_not_refused():
    """Numbers without another column to choose, or by choice; attributions as a third column."""
    assert len(read("1\tone\n2\ttwo\n")[0]) == 2
    assert len(read("312\t123\n21\t12\n")[0]) == 2
    assert len(read(tabs(EXPORT), "1,2")[0]) == 6
    assert read(tabs([(*pair, "CC-BY 2.0") for pair in PAIRS]))[0] == PAIRS
    assert len(read("yes\tja\tx\n")[0]) == 1  # one pair is not "all the same"
    assert read("a\tb\tc\nd\te\n")[0] == [("a", "b"), ("d", "e")]


def test_columns_by_number_and_by_name():
    text = table([("id", "english", "french", "id"), *EXPORT_WITH_ID])
    for columns in ("english,french", "2,3", " english , french "):
        pairs, _, skipped = read(text, columns)
        assert pairs == PAIRS and skipped["header"] == 1
    assert read(text, "french,english")[0] == [(f, e) for e, f in PAIRS]
    # Without names in the first row, it is a pair.
    assert len(read(tabs(EXPORT), "4,2")[0]) == 6


EXPORT_WITH_ID = [(i, e, f, i) for i, (e, f) in enumerate(PAIRS)]


@pytest.mark.parametrize("columns", ["", "2", "2,2", "1,2,3", ",", "2;4", "0,1", "-1,2", "1,x",
                                     "1.0,2", "99999,1", "\u0662,1"])  # fmt: skip
def test_columns_that_there_are_not(columns):
    assert f"`columns={columns}`" in refusal(tabs(EXPORT), columns, error=UsageError)


def test_a_row_without_the_column_is_named():
    assert "line 2 of pairs.tsv has 2 columns: it needs 3" in refusal("a\tb\tc\nd\te\n", "1,3")


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("english\tfrench", True), ("en\tzh", True), ("SOURCE\tTARGET", True),
        ("Question\tAnswer", True), ("中文\t英文", True),
        ("I\tje", False), ("english\tanglais", False), ("text\ttext", False), ("a\tb", False),
    ],
)  # fmt: skip
def test_a_header_is_known_by_its_words_and_counted(first, is_header):
    pairs, _, skipped = read(f"{first}\n{tabs(PAIRS)}")
    assert len(pairs) == 7 - is_header and skipped["header"] == is_header


def test_what_is_skipped_is_counted():
    pairs, _, skipped = read("a\tb\n\n \t \na\tb\n a\xa0\tb\nc\td")
    assert pairs == [("a", "b"), ("c", "d")]
    assert skipped == {"header": 0, "repeated": 2}


def test_sentences_are_read_like_prompts():
    """In one form of Unicode, with one kind of space."""
    text = "e\u0301te\u0301\u2009!\tsum\x00mer\u2028time\n\u3000a  b\t\ufeffc\n"
    assert read(text)[0] == [("été !", "summer time"), ("a b", "c")]


def test_random_tables_come_back():
    """Whatever the sentences are, in whatever a program writes them with."""
    random = np.random.default_rng(0)
    signs = list("ab ,;\"'|{}[]:\\字é")
    for _ in range(300):
        rows = [
            tuple("x" + "".join(random.choice(signs, random.integers(0, 8))) + "x" for _ in "st")
            for _ in range(random.integers(2, 6))
        ]
        expected = list(
            dict.fromkeys((re.sub(" +", " ", s), re.sub(" +", " ", t)) for s, t in rows)
        )
        assert read(tabs(rows))[0] == expected
        names = [{"a": source, "b": target} for source, target in rows]
        assert read("\n".join(map(json.dumps, names)))[0] == expected
        for style in ({}, {"delimiter": ";"}):
            text = table(rows, quoting=csv.QUOTE_ALL, **style)
            assert read(text)[0] == expected, text
