"""Pairs as tokens: of dates and sorting, and of files of one's own."""

import dataclasses
import json
import unicodedata
from itertools import islice

import numpy as np
import pytest

from genai_keras.data.pairs import END, PADDING, encode_sources, load_pairs
from genai_keras.data.procedural import make_dates
from genai_keras.data.tokenizers import CharacterTokenizer, load_tokenizer
from genai_keras.errors import UserError


def texts_of(pairs, batch):
    """A batch of tokens back to texts, after a look at their ends."""
    sides = []
    for rows, tokenizer in zip(
        batch, (pairs.source_tokenizer, pairs.target_tokenizer), strict=True
    ):
        rows = np.asarray(rows)
        assert rows.dtype == np.int32
        for row in rows:  # tokens, one END, PADDING to the end
            (end,) = np.flatnonzero(row == END)
            assert np.all(row[:end] > END) and np.all(row[end + 1 :] == PADDING)
        sides.append([tokenizer.decode(row) for row in rows])
    return list(zip(*sides, strict=True))


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_dates_are_encoded_on_the_fly(tokenizer):
    pairs = load_pairs("dates", source_tokenizer=tokenizer, vocabulary_size=300)
    assert pairs.train.element_shape == pairs.validation.element_shape == ((37,), (11,))
    batches = pairs.train.shuffled().take(5)
    indices = dataclasses.replace(
        pairs.train, fetch=lambda indices: indices, element_shape=()
    ).shuffled()
    train_pair = make_dates().train_pair
    for batch, places in zip(batches, indices, strict=False):
        assert texts_of(pairs, batch) == [train_pair(place) for place in places.numpy().tolist()]
    assert texts_of(pairs, pairs.validation.first(5_000)) == pairs.validation_texts
    assert pairs.summary.skipped == {}


def test_the_seed_changes_the_order_and_not_the_split():
    parts = [load_pairs("sort", seed=seed, steps_per_epoch=7) for seed in (0, 0, 1)]
    orders = [texts_of(part, next(iter(part.train.shuffled()))) for part in parts]
    assert orders[0] == orders[1] and orders[0] != orders[2]
    assert parts[0].validation_texts == parts[2].validation_texts
    assert parts[0].train.steps_per_epoch == 7


def test_few_pairs_of_a_world_are_of_every_kind():
    pairs = load_pairs("dates", limit=240, batch_size=24)
    seen = [pair for batch in pairs.train.in_order() for pair in texts_of(pairs, batch)]
    assert len(set(seen)) == 240 and sum("." in source for source, _ in seen) == 20
    assert load_pairs("dates", limit=1, batch_size=1).train.count == 1


@pytest.fixture
def own(tmp_path):
    """Loads lines or bytes from a file of pairs."""

    def load(content, **options):
        path = tmp_path / "own.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_pairs("pairs", path, **{"batch_size": 2, **options})

    return load


def in_order(pairs):
    return [pair for batch in pairs.train.in_order() for pair in texts_of(pairs, batch)]


SENTENCES = [(f"sentence {n}", f"Satz {n}") for n in range(40)]
LINES = "".join(f"{source}\t{target}\n" for source, target in SENTENCES)


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_each_pair_of_a_file_is_in_one_part(own, kind):
    pairs = own(LINES, source_tokenizer=kind, target_tokenizer=kind, vocabulary_size=280)
    train = in_order(pairs)
    assert sorted(train + pairs.validation_texts) == sorted(SENTENCES)
    assert len(pairs.validation_texts) == 4 == pairs.validation.count
    assert texts_of(pairs, pairs.validation.first(9)) == pairs.validation_texts
    again = own(LINES, seed=5)
    assert again.validation_texts == pairs.validation_texts and in_order(again) == train
    # Characters: just as long as the longest, "sentence 39" and "Satz 39", and their ends.
    assert again.train.element_shape == ((12,), (8,))


def test_a_source_is_in_one_part_with_all_its_targets(own):
    lines = [f"word {n % 30}\tWort {n}" for n in range(90)]
    pairs = own("\n".join(lines + lines[:50]))
    train = in_order(pairs)
    assert len(train) == len(set(train)) == 81 and len(set(pairs.validation_texts)) == 9
    sources = [{source for source, _ in part} for part in (train, pairs.validation_texts)]
    assert len(sources[1]) == 3 and not sources[0] & sources[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda source: source.replace(" ", "\xa0"),
        lambda source: source.replace(" ", "  ") + " ",
        lambda source: source.replace(" ", "\u3000"),
        lambda source: unicodedata.normalize("NFD", source),
        lambda source: source.replace("s", "s\u200b"),
        lambda source: source.replace("v", "\u00adv"),
        lambda source: "\ufeff" + source,
        lambda source: source.replace("v", "\x1bv"),
        lambda source: source.replace("I", "\uff29"),
        lambda source: source.replace(".", "\u2024"),
    ],
    ids=["no-break", "two", "wide", "NFD", "zero width", "soft hyphen", "mark", "control",
         "full width", "dot"],
)  # fmt: skip
def test_sources_that_look_the_same_are_in_one_part(own, change):
    sources = [f"It is so, naïve {n}." for n in range(30)]
    lines = "".join(f"{source}\ta{n}\n" for n, source in enumerate(sources))
    lines += "".join(f"{change(source)}\tb{n}\n" for n, source in enumerate(sources))
    pairs = own(lines)
    targets = {target for _, target in pairs.validation_texts}
    assert len(targets) == 6 and pairs.train.count == 54
    assert {target[1:] for target in targets if target[0] == "a"} == {
        target[1:] for target in targets if target[0] == "b"
    }


def test_case_and_punctuation_tell_sources_apart(own):
    with_case = "".join(f"{word}\t{n}\n" for n, word in enumerate(("Go.", "go.", "Go!") * 30))
    pairs = own(with_case, batch_size=1)
    assert {source for source, _ in pairs.validation_texts} < {"Go.", "go.", "Go!"}
    assert "but for case and punctuation" in " ".join(pairs.summary.warnings)


@pytest.mark.parametrize("space", ["\t", "\xa0", "\u202f", "\n", "\u3000", "  "])
def test_a_prompt_is_read_like_a_sentence(own, space, capsys):
    pairs = own(LINES)
    plain = encode_sources(["sentence 7"], pairs.source_tokenizer, 12)
    other = encode_sources([f"\ufeff sentence{space}7 "], pairs.source_tokenizer, 12)
    assert np.array_equal(plain, other) and capsys.readouterr().err == ""
    encode_sources([f"sentence{space}ß"], pairs.source_tokenizer, 12)
    assert "does not contain 'ß', so" in capsys.readouterr().err


def test_other_tables_and_encodings_are_the_same_pairs(own):
    plain = own(LINES)
    for content, options in (
        (LINES.replace("\n", "\r"), {}),
        (LINES.encode("utf-16"), {}),
        (LINES.encode("cp037"), {"encoding": "cp037"}),  # a mainframe, where a line ends in NEL
        (LINES.replace("\t", ","), {}),
        ("source;target\n" + LINES.replace("\t", ";"), {}),
        ("".join(f"{n}\t{line}" for n, line in enumerate(LINES.splitlines(True))),
         {"columns": "2,3"}),
        ("".join(json.dumps([s, t]) + "\n" for s, t in SENTENCES), {}),
    ):  # fmt: skip
        found = own(content, **options)
        assert found.fingerprint == plain.fingerprint
        assert found.validation_texts == plain.validation_texts


def test_the_summary_tells_what_was_read(own):
    pairs = own("\ufeffenglish\tgerman\n\n" + LINES + LINES + "s" * 70 + "\tzu lang\u200b\n")
    assert pairs.summary.lines() == [
        "own.tsv (utf-8), separated by tabs, columns 1 and 2: "
        f"{pairs.train.count} pairs for training and {pairs.validation.count} for validation",
        'the first pair: "sentence 0" -> "Satz 0"',
        "skipped: 1 header, 40 repeated, 1 longer than 64 tokens",
        "left out: U+FEFF once",
        "unusual: U+200B once",
    ]
    assert pairs.summary.warnings == () and pairs.train.count + pairs.validation.count == 40
    world = load_pairs("sort", limit=100)
    rest = f"for training and {world.validation.count:,} for validation"
    assert world.summary.lines()[0] == f"sort, made by rules: 100 pairs {rest}"


def test_an_export_has_to_be_told_its_columns(own):
    export = "".join(f"{1000 + n}\t{s}\t{n}\t{t}\n" for n, (s, t) in enumerate(SENTENCES))
    with pytest.raises(UserError, match="`columns=2,4`"):
        own(export)
    assert own(export, columns="2,4").fingerprint == own(LINES).fingerprint
    (warning,) = own(export, columns="1,2").summary.warnings
    assert "all sources are numbers" in warning


def test_files_of_windows_and_columns_of_thanks(own):
    """A mark at the beginning, lines that end in two characters, blank ones, a third column."""
    lines = "".join(
        f" {s} \t{t}\tCC-BY 2.0 (France) #{i}\r\n\r\n" for i, (s, t) in enumerate(SENTENCES)
    )
    pairs = own(b"\xef\xbb\xbf" + lines.encode())
    assert sorted(in_order(pairs) + pairs.validation_texts) == sorted(SENTENCES)


def test_tokenizers_are_learnt_from_training_alone(own):
    held_out = own(LINES).validation_texts
    marked = [(s + "@", t + "@") if (s, t) in held_out else (s, t) for s, t in SENTENCES]
    pairs = own("".join(f"{source}\t{target}\n" for source, target in marked))
    assert all(source.endswith("@") for source, _ in pairs.validation_texts)
    for tokenizer in (pairs.source_tokenizer, pairs.target_tokenizer):
        assert "@" not in tokenizer.characters and "\n" not in tokenizer.characters


def test_long_pairs_are_left_out_and_counted(own):
    """A length counts the end: of 9 letters and an end 10 are allowed, of 10 letters not."""
    lines = "".join(f"{'s' * n}\t{'t' * (22 - n)}\n" for n in range(1, 22))
    pairs = own(lines, max_length=13)
    kept = in_order(pairs) + pairs.validation_texts
    assert sorted(len(source) for source, _ in kept) == [10, 11, 12]
    assert pairs.summary.skipped["longer than 13 tokens"] == 18
    assert texts_of(pairs, pairs.validation.first(9)) == pairs.validation_texts
    with pytest.raises(UserError, match=r"`max_length=5` leaves no pairs .* 21 of 21 are longer"):
        own(lines, max_length=5)


def test_limit_spares_validation(own):
    pairs = own(LINES, limit=6)
    assert in_order(pairs) == in_order(own(LINES))[:6]
    assert pairs.validation_texts == own(LINES).validation_texts
    with pytest.raises(UserError, match="1 training samples do not fill one batch of 2"):
        own(LINES, limit=1).train.shuffled()


@pytest.mark.slow
def test_real_sentences(data_dir):
    pairs = load_pairs(
        "pairs", data_dir / "cmn-eng.tsv", target_tokenizer="bpe", vocabulary_size=400
    )
    lines = (data_dir / "cmn-eng.tsv").read_text(encoding="utf-8").splitlines()
    expected = {tuple(each.strip() for each in line.split("\t")[:2]) for line in lines}
    left_out = pairs.summary.skipped["longer than 64 tokens"]
    assert pairs.train.count + pairs.validation.count + left_out == len(expected)
    seen = [each for batch in islice(pairs.train.shuffled(), 20) for each in texts_of(pairs, batch)]
    assert set(seen) <= expected and set(pairs.validation_texts) <= expected
    assert not {source for source, _ in seen} & {source for source, _ in pairs.validation_texts}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"own\.tsv is empty"),
        ("\n \n\t\n", r"own\.tsv has no pairs: each line needs"),
        ("a\tb\n\nno tab\n", r"line 3 of .*own\.tsv has no tab"),
        ("a\tb\nc\t \n", r"line 2 of .*own\.tsv has an empty target"),
        ("a\tb\n\td\n", r"line 2 of .*own\.tsv has an empty source"),
        ("a\tb\na\tc\n", r"own\.tsv has only one source"),
        ("ä\tb\n".encode("latin-1"), r'not in UTF-8 \(see byte 0\).*`encoding=cp1252` "ä b"'),
        ("a\tb\n\xa0a\u200b\tc\n", r"own\.tsv has only one source"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(own, content, message):
    with pytest.raises(UserError, match=message) as error:
        own(content)
    assert "\n" not in str(error.value)


def test_a_file_has_to_be_named_and_to_be_there(tmp_path):
    with pytest.raises(UserError, match=r"pairs` needs `data_dir` to name your file of pairs$"):
        load_pairs("pairs")
    with pytest.raises(UserError, match=r"cannot read .*none\.tsv: No such file"):
        load_pairs("pairs", tmp_path / "none.tsv")


def test_sentences_of_ones_own_are_encoded_like_the_data(tmp_path):
    pairs = load_pairs("dates", limit=1000)
    texts = [source for source, _ in pairs.validation_texts[:50]]
    path = tmp_path / "source-tokenizer.json"
    path.write_text(pairs.source_tokenizer.to_json(), encoding="utf-8")
    tokens = encode_sources(texts, load_tokenizer(path), 37)
    assert np.array_equal(tokens, pairs.validation.first(50)[0])


def test_a_sentence_that_is_too_long_is_named():
    tokenizer = CharacterTokenizer.learn("abc", ("<padding>", "<end>"))
    assert encode_sources(["ab", "c"], tokenizer, 3).tolist() == [[3, 4, 1], [5, 1, 0]]
    with pytest.raises(UserError, match=r'"abc" is too long: it has 4 tokens .* at most 3'):
        encode_sources(["ab", "abc"], tokenizer, 3)
    with pytest.raises(UserError, match=f'"{"a" * 40}..." is too long: it has 91 tokens'):
        encode_sources(["a" * 90], tokenizer, 3)
    with pytest.raises(UserError, match="\"a 'limit=3' b\" is too long"):  # it is no argument
        encode_sources(["a `limit=3` b"], tokenizer, 3)
