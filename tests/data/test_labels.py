"""Labels of a folder: whose they are, how the folder is divided, and what is refused."""

import functools
import gzip
import itertools
import os
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from helpers import colours_of, refused, write_colours
from PIL import Image

from genai_keras.data import folder as folder_module
from genai_keras.data.classes import (
    classes_to_json,
    doubts_about_classes,
    find_classes,
    read_classes,
)
from genai_keras.data.folder_listing import find_images
from genai_keras.data.images import load_images, to_pixels
from genai_keras.data.labels import divided_by_class, labels_of_file, labels_of_folders
from genai_keras.errors import UsageError

ORDER = ("deep blue", "green", "red")  # of the colours, by name


@pytest.fixture
def colours(tmp_path):
    write_colours(tmp_path / "colours")
    return tmp_path / "colours"


def save_grey(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), value).save(path)


def load(folder, **options):
    return load_images("folder", folder, image_size=8, batch_size=7, conditional=True, **options)


def assert_colours_fit(batches, names=ORDER):
    for images, one_hot in batches.as_numpy_iterator():
        assert one_hot.shape == (len(images), len(names)) and (one_hot.sum(axis=1) == 1).all()
        assert colours_of(to_pixels(images)) == [names[label] for label in one_hot.argmax(axis=1)]


def test_threads_do_not_change_which_image_has_which_path_and_label(colours, monkeypatch):
    """The first of each four images is the last to be decoded."""
    decode, number = folder_module.decode, itertools.count()

    def decode_late(*arguments):
        time.sleep(0.003 * (3 - next(number) % 4))
        return decode(*arguments)

    monkeypatch.setattr(folder_module, "FOR_THREADS", 0)
    monkeypatch.setattr(folder_module, "decode", decode_late)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    parts, labels, names = folder_module.read_folder(colours, 8, labels_of=labels_of_folders)
    assert sum(len(each) for each in labels) == 60
    for part, own in zip(parts, labels, strict=True):
        assert colours_of(part.pixels) == [names[label] for label in own]
        decoded = [folder_module.decode_image(path, (8, 8, 3)) for path in part.paths]
        assert np.array_equal(part.pixels, decoded)


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
@pytest.mark.parametrize("limit", [None, 40])
def test_each_image_is_dealt_with_the_label_of_its_colour(colours, memory, limit, monkeypatch):
    monkeypatch.setattr(folder_module, "MEMORY", memory)
    train, validation = load(colours, limit=limit)
    assert train.classes == 3 and train.class_names == validation.class_names == ORDER
    assert train.count + validation.count == (limit or 60)
    assert_colours_fit(train.in_order())
    assert_colours_fit(validation.in_order())
    assert_colours_fit(train.shuffled().take(20))
    # What a resumed run sees are the later batches of the same order.
    later = [labels for _, labels in train.shuffled().skip(11).take(5).as_numpy_iterator()]
    resumed = train.shuffled(start_step=11).take(5)
    assert_colours_fit(resumed)
    assert np.array_equal(later, [labels for _, labels in resumed.as_numpy_iterator()])


def test_each_class_is_on_both_sides(colours):
    save_grey(colours / "grey" / "1.png", 100)
    save_grey(colours / "grey" / "deep" / "2.png", 150)  # of the class of its first folder
    save_grey(colours / "white" / "1.png", 255)  # cannot be on both
    train, validation = load(colours)
    names = ("deep blue", "green", "grey", "red", "white")
    assert train.class_names == names
    assert np.bincount(train.labels).tolist() == [18, 18, 1, 18, 1]
    assert np.bincount(validation.labels).tolist() == [2, 2, 1, 2]


def test_copies_in_other_classes_do_not_cross_the_border():
    rng = np.random.default_rng(0)
    for _ in range(200):
        keys = [bytes([key]) for key in rng.integers(0, 30, 60)]
        labels = rng.integers(0, 4, 60)
        chosen = np.array(divided_by_class(keys, labels))
        sides = {key: chosen[[each == key for each in keys]] for key in keys}
        assert all(side.all() or not side.any() for side in sides.values())
        assert 0 < chosen.sum() < 60
        for label in range(4):  # a tenth of the distinct images, or more because of the copies
            distinct = {key for key, each in zip(keys, labels, strict=True) if each == label}
            first = sorted(distinct)[: max(1, len(distinct) // 10)]
            assert len(distinct) < 2 or all(sides[key].all() for key in first)
    one_class = divided_by_class([b"d", b"a", b"c", b"b"], np.zeros(4, int))
    assert one_class == [False, True, False, False]
    refused(lambda: divided_by_class([b"a", b"a", b"b"], [0, 0, 1]), "needs the second one")


def test_without_labels_the_division_ignores_subfolders(colours):
    def validation():
        train, part = load_images("folder", colours, image_size=8)
        assert train.labels is None and train.classes is None and train.class_names == ()
        assert (train.count, part.count) == (54, 6)
        return {image.tobytes() for image in part.first(6)}

    before = validation()
    for path in list(colours.rglob("*.png")):
        path.rename(colours / f"{path.parent.name} {path.name}")
    assert validation() == before


def test_classes_are_in_natural_order_and_composed():
    names = ["10", "9", "cat 2", "cat 10", "Cat 1", "b", "0", "00", "a1b2", "a1b10", "图片 2", "é"]
    paths = [Path("x") / unicodedata.normalize("NFD", name) / "1.png" for name in names]
    labels, found = labels_of_folders(paths, "x")
    expected = (
        "0", "00", "9", "10", "a1b2", "a1b10", "b", "Cat 1", "cat 2", "cat 10", "é", "图片 2",
    )  # fmt: skip
    assert found == expected
    assert [found[label] for label in labels] == names
    digits = "9" * 5000, "1" + "0" * 5000
    assert labels_of_folders([Path("x") / name / "1.png" for name in digits], "x")[1] == digits


@pytest.mark.parametrize(
    "places, words",
    [
        (["train/a/1.png", "val/a/2.png"], ["the parts train, val, not", "data_dir=x/train`"]),
        (["Training/1.png", "Test/2.png", "3.png"], ["parts Test, Training", "x/Training"]),
        (["train/1.png", "valid/2.png", "test/3.png"], ["parts test, train, valid"]),
        (["train/a/1.png", "train/b/1.png"], ["the parts train, not", "`data_dir=x/train`"]),
        (["train\n/1.png", "z\n.png"], [r"first z\n.png"]),
        (["1.png", "2.png"], ["x has no subfolders with images", "`labels`, a CSV file"]),
        (["a/1.png", "b/1.png", "z.png", "y.png"], ["x has images beside", "2 of 4, first z.png"]),
        (["a/1.png", "1.png"], ["(1 of 2, first 1.png)"]),
        (["a/1.png", "a/b/2.png"], ["of one class, a:", "at least two"]),
        (["a\n/1.png", "b/1.png"], [r"the class 'a\n' in x cannot be printed"]),
        (["a/1.png", "b\udce9/1.png"], [r"the class 'b\udce9'"]),
        (["a\x1b[31m/1.png", "b/1.png"], [r"the class 'a\x1b[31m'"]),
    ],
)
def test_what_is_no_folder_of_classes(places, words):
    refused(lambda: labels_of_folders([Path("x", place) for place in places], "x"), *words)


def test_vehicles_may_be_trains():
    _, names = labels_of_folders([Path("x/train/1.png"), Path("x/plane/1.png")], "x")
    assert names == ("plane", "train")


PLACES = ["a.png", "b/a.png", "b/naïve, really.png", "图 1.png", "c d.png"]
TRUTH = ["cat", "dog", "cat", "Hund, groß", "dog"]
QUOTED = '"b/naïve, really.png"'


@pytest.mark.parametrize(
    "text",
    [
        f'a.png,cat\nb/a.png,dog\n{QUOTED},cat\n图 1.png,"Hund, groß"\nc d.png,dog\n',
        f'file,label\nc d.png,dog\n图 1.png,"Hund, groß"\n{QUOTED},cat\nb/a.png,dog\na.png,cat',
        f'\n\na.png , cat\n\n ./b/a.png,dog \n{QUOTED}, cat\n图 1.png,  "Hund, groß"\n'
        "c d.png,dog\n,\n\n",
        "Name;Class\r\na.png;cat\r\nb/a.png;dog\r\nb/naïve, really.png;cat\r\n"
        '图 1.png;"Hund, groß"\r\n"c d.png";dog\r\n',
        "a.png\tcat\nb\\a.png\tdog\nb\\naïve, really.png\tcat\n图 1.png\tHund, groß\nc d.png\tdog",
        f'a.png,cat\rb/../b/a.png,dog\r{QUOTED},cat\r图 1.png,"Hund, groß"\rc d.png,dog\r',
        f'{{root}}/a.png,cat\nb/a.png,dog\n{QUOTED},cat\n图 1.png,"Hund, groß"\nc d.png,dog\n',
    ],
    ids=["plain", "header", "spaces", "semicolons", "tabs", "old line ends", "absolute"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_of_labels_in_every_form(tmp_path, text, encoding, form):
    root = tmp_path / "my images"
    paths = [root / unicodedata.normalize(form, place) for place in PLACES]
    text = unicodedata.normalize(form, text.replace("{root}", str(root)))
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    labels, names = labels_of_file(tmp_path / "labels.csv", paths, root)
    assert names == ("cat", "dog", "Hund, groß")
    assert [names[label] for label in labels] == TRUTH


GOOD = "a.png,cat\nb/a.png,dog\n"
SAVE = ": save it again in UTF-8"


@pytest.mark.parametrize(
    "content, words",
    [
        (GOOD + "no.png,x\nnor.png,x\n", ["line 3 of", "names no.png", "nor those of 1 more"]),
        (GOOD + '"no\npe\x1b.png",cat\n', [r"names no\npe\x1b.png, but"]),
        (GOOD + "a.txt,cat\n", ["line 3 of", "names a.txt, but", "no such image: names"]),
        (GOOD + "../a.png,cat\n", ["line 3 of", "names ../a.png"]),
        ("b/a.png,dog\n", ["no label for 1 of 2 images in", "first a.png"]),
        ("file,label\n", ["no label for 2 of 2 images"]),
        ("a,cat\nb/a.png,dog\n", ["no label for 1 of 2 images in"]),  # a header
        (GOOD + "a.png,dog\n", ["line 3 of", "labels a.png again, after line 1"]),
        (GOOD + "\n./a.png,cat\n", ["line 4 of", "labels ./a.png again, after line 1"]),
        (GOOD + "b\\a.png,cat\n", ["line 3 of", "again, after line 2"]),
        ("a.png,\nb/a.png,dog\n", ["line 1 of", "a file and its label"]),
        ("a.png\nb/a.png\n", ["line 1 of", "must have two values"]),
        ("a.png,cat,3\nb/a.png,dog\n", ["line 1 of", "must have two values"]),
        ("a.png,cat\n,dog\n", ["line 2 of", "must have two values"]),
        ('a.png,"cat\nb/a.png,dog\n', ["is not CSV"]),
        ('a.png,"cat" or not\nb/a.png,dog\n', ["line 1 of", "is not CSV"]),
        ("a.png," + "c" * 200_000 + "\nb/a.png,dog\n", ["line 1 of", "is not CSV"]),
        ("a.png,cat\nb/a.png,cat\n", ["of one class, cat:"]),
        ('a.png,"c\nat"\nb/a.png,dog\n', [r"the class 'c\nat'", "cannot be printed"]),
        ("", ["no label for 2 of 2 images"]),
        (GOOD.encode("utf-16")[:-1], ["is not in utf-16 (see byte", SAVE]),
        (b"a.png,c\0at\nb/a.png,dog\n", ["has a NUL (see byte 7)", SAVE]),
        (b"a.png,\x1b$B\nb/a.png,dog\n", ["not in UTF-8 (see byte 6)", SAVE]),
        (gzip.compress(GOOD.encode()), ["is a gzip file", "gzip -dc"]),
        (
            b"PK\x03\x04" + b"xl/workbook.xml",
            ["is an Excel sheet", "save it as CSV in UTF-8"],
        ),
        ("n" * 300 + ".png,cat\n", ["line 1 of", "has no such image"]),
        ("a.png,Bär\nb/a.png,dog\n".encode("latin-1"), ["not in UTF-8 (see byte 7)", SAVE]),
    ],
)
def test_what_is_wrong_in_a_file_of_labels_is_one_line(tmp_path, content, words):
    file = tmp_path / "labels.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    paths = [tmp_path / "a.png", tmp_path / "b" / "a.png"]
    message = refused(lambda: labels_of_file(file, paths, tmp_path), *words)
    assert "`encoding" not in message  # there is no such option


def test_what_is_no_file_of_labels(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path, Path("/dev/null")):
        refused(lambda path=path: labels_of_file(path, [], tmp_path), f"there is no file {path}")


@pytest.mark.parametrize("limit", [None, 40])
def test_images_get_the_labels_of_a_file(colours, limit, tmp_path):
    """The names in the file are not those of the folders."""
    translated = {"red": "rouge", "green": "vert", "deep blue": "bleu"}
    lines = [
        f"{path.relative_to(colours)},{translated[path.parent.name]}"
        for path in sorted(colours.rglob("*.png"))
    ]
    np.random.default_rng(0).shuffle(lines)
    (colours / "notes.txt").touch()  # no image
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines, "notes.txt,note"]))
    train, validation = load(colours, labels=tmp_path / "labels.csv", limit=limit)
    assert train.count + validation.count == (limit or 60)
    assert train.class_names == ("bleu", "rouge", "vert")
    names = ("deep blue", "red", "green")
    assert_colours_fit(train.shuffled().take(9), names)
    assert_colours_fit(validation.in_order(), names)


def test_other_labels_of_the_same_images_have_another_fingerprint(colours, tmp_path):
    lines = [f"{path.relative_to(colours)},{path.parent.name}" for path in colours.rglob("*.png")]
    prints = set()
    for swap in (False, True):
        text = "\n".join(lines)
        text = text.replace(",red", ",x").replace(",green", ",red").replace(",x", ",green")
        (tmp_path / "labels.csv").write_text(text if swap else "\n".join(lines))
        plain, _ = load(colours, labels=tmp_path / "labels.csv")
        prints.add(plain.fingerprint())
    assert len(prints) == 2
    assert load(colours)[0].fingerprint() in prints


def test_names_of_classes_are_found_and_unknown_ones_listed():
    names = ("cats", "café", "ankle boot")
    decomposed = unicodedata.normalize("NFD", "café")
    assert find_classes(["ankle boot", "0", decomposed], names) == [2, 0, 1]
    assert find_classes([], names) == []
    # Names win over numbers, and one name that is a number leaves no other meaning of numbers.
    assert find_classes(["7", "2"], ("2", "3", "5", "7")) == [3, 0]
    for asked, among, words in (
        ("1", ("2", "7"), "2, 7"),
        ("0", ("cats", "7"), "cats, 7"),
        ("3", names, "cats, café, ankle boot"),
        ("-1", names, "cats, café, ankle boot"),
        ("Cats", names, "cats, café, ankle boot"),
        ("x", [str(n) for n in range(40)], "0, 1, 2, 3, 4, 5, 6, 7 and 32 more"),
    ):
        with pytest.raises(UsageError) as failure:
            find_classes([asked], among)
        said = f"`label={asked}` is none of the classes, which are {words}"
        assert str(failure.value) == said


def test_few_images_of_a_class_are_told():
    labels = np.repeat([0, 1], [20, 19])
    doubts = functools.partial(doubts_about_classes, labels)
    assert doubts(("cats", "dogs", "owls")) == (
        "fewer than 20 images to learn dogs (19), owls (0) from"
    )
    assert doubts(("cats", "dogs"), ["fish"]).endswith("; no images in fish, so no such class")
    assert doubts_about_classes(np.repeat([0, 1], 20), ("cats", "dogs")) is None


def test_folders_are_empty_classes_only_if_they_were_read_and_had_no_images(tmp_path):
    for name in ("cats", "dogs", "owls"):
        save_grey(tmp_path / name / "1.png", len(name))
    for place in ("fish/.DS_Store", "films/clip.mov", "@eaDir/a", "lost+found/a", "__MACOSX/a"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(b"")
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "config.json").write_text('{"command": "train_gan", "format": 1}')
    (tmp_path / "more cats").symlink_to(tmp_path / "cats")
    assert find_images(tmp_path).empty_folders() == ["films", "fish"]
    left_out = find_images(tmp_path, 2)
    assert left_out.unseen
    # What `limit` left out is unknown, but there is nothing in `fish`.
    assert set(left_out.empty_folders()) - {"films"} == {"fish"}


def test_names_come_back_from_a_file_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "classes.json"
    assert read_classes(path, 3) == ("0", "1", "2") and read_classes(path, 0) == ()
    names = ('7 "small" cats', "图片", "ankle boot")
    path.write_text(classes_to_json(names), encoding="utf-8")
    assert read_classes(path, 3) == names
    for damaged in (
        b"", b"{", b"3", b'{"a": 1}', b'["a", "b"]', b'["a", "b", "b"]', b'["a", "b", 3]',
        b"\xff\xfe", b"[" * 100_000,
    ):  # fmt: skip
        path.write_bytes(damaged)
        refused(lambda: read_classes(path, 3), "classes.json is damaged")


def test_arrays_have_any_number_of_classes(tmp_path):
    """Each image is its label in binary digits."""
    path = tmp_path / "mine.npz"
    for classes, dtype in ((2, "uint8"), (26, "float32"), (300, "int16")):
        labels = np.random.default_rng(0).permutation(np.arange(600) % classes)
        bits = (labels[:, None] >> np.arange(16)) & 1
        images = 255 * bits.reshape(-1, 4, 4).astype("uint8")
        given = labels.astype(dtype)
        np.savez(path, x_train=images, y_train=given, x_test=images[:9], y_test=given[:9, None])
        train, validation = load_images("npz", path, batch_size=50, conditional=True)
        assert train.class_names == tuple(map(str, range(classes))) and train.classes == classes
        for part in (train.shuffled().take(12), validation.in_order()):
            for pixels, one_hot in part.as_numpy_iterator():
                found = (pixels.reshape(-1, 16) > 0) @ (1 << np.arange(16))
                assert np.array_equal(found, one_hot.argmax(axis=1))


def test_what_is_wrong_in_the_labels_of_arrays(tmp_path):
    path, images = tmp_path / "mine.npz", np.zeros((4, 5, 5), "uint8")
    right = {"y_train": [0, 1, 2, 2], "y_test": [0, 1, 1, 0]}
    for changes, words in (
        ({"y_train": [0, 1, 3, 3]}, "y_train has the label 3, but not 2: number"),
        ({"y_train": [1, 2, 3, 4]}, "y_train has the label 4, but not 0"),
        ({"y_train": [0, 1, 2, 10**9]}, "y_train[3] contains 1000000000, not an integer from 0"),
        ({"y_train": [0, 1, -1, 2]}, "y_train[2] contains -1"),
        ({"y_train": [0.0, 1.0, 1.5, 2.0]}, "y_train[2] contains 1.5"),
        ({"y_test": [0, 1, 3, 0]}, "y_test[2] contains 3, not an integer from 0 to 2"),
        ({"y_train": [0, 0, 0, 0], "y_test": [0, 0, 0, 0]}, "needs labels of two classes"),
        ({"y_train": None}, "needs labels of two classes, but npz has none here"),
        ({"y_test": None}, "needs labels"),
    ):
        labels = {name: each for name, each in {**right, **changes}.items() if each is not None}
        np.savez(path, x_train=images, x_test=images, **labels)
        refused(lambda: load_images("npz", path, conditional=True), words)
    for place in (tmp_path, tmp_path / "none.npz"):
        refused(lambda place=place: load_images("npz", place), str(place), "does not contain")
    with pytest.raises(UsageError, match="`dataset=npz` needs `data_dir`"):
        load_images("npz")
