"""Classes with names: from a folder of images to a run, what it generates, figures, an export."""

import json
import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import COLOURS, DENSE, colours_of, write_colours
from PIL import Image

from genai_keras import evaluate, export, generate, train_gan, train_vae
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.datasets import DATASETS
from genai_keras.errors import UserError
from genai_keras.evaluation import self_supervised
from genai_keras.plots import classes as plots_of_classes
from genai_keras.runs import load_run
from genai_keras.tasks import images as images_task

pytestmark = pytest.mark.slow  # the first test trains its run
NAMES = ("deep blue", "green", "red", "白")
FOLDER = ["--dataset", "folder", "--conditional", "--image-size", "8", "--verbose", "0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a conditional VAE that has learnt plain colours, and that of its images."""
    folder = tmp_path_factory.mktemp("classes")
    images = folder / "images"
    write_colours(images, 60)
    (images / "白").mkdir()  # one image cannot be on both sides
    Image.new("RGB", (8, 8), "white").save(images / "白" / "1.png")
    argv = [
        # So large a beta leaves nothing to z, so that only the label can tell the colour.
        *(*FOLDER, "--data-dir", str(images), "--preset", "dense", "--beta", "100"),
        *("--learning-rate", "0.02", "--epochs", "4", "--batch-size", "8", "--latent-dim", "2"),
    ]
    assert train_vae.main([*argv, "--run-dir", str(folder / "run")]) == 0
    return folder / "run", images


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run."""
    return shutil.copytree(trained[0], tmp_path / "run")


def made(folder, path, *argv):
    assert generate.main([str(folder), "--out", str(path), *argv]) == 0
    return np.load(path)


def test_each_name_makes_its_colour(run, tmp_path):
    assert json.loads((run / "classes.json").read_text("utf-8")) == list(NAMES)
    assert load_run(run).class_names == NAMES
    for number, name in enumerate(NAMES[:3]):
        images = made(run, tmp_path / "a.npy", "--label", name, "--count", "20")
        assert colours_of(images) == [name] * 20
        by_number = made(run, tmp_path / "b.npy", "--label", str(number), "--count", "20")
        assert np.array_equal(images, by_number)
    images = made(run, tmp_path / "c.npy", "--label", "red", "deep blue", "--count", "5")
    assert colours_of(images) == ["red", "deep blue", "red", "deep blue", "red"]
    images = made(run, tmp_path / "d.npy", "--count", "8")  # of all classes in turn
    assert [colours_of(images)[place] for place in (0, 1, 2, 4, 5, 6)] == [*NAMES[:3]] * 2
    walks = made(run, tmp_path / "e.npy", "--interpolate", "--label", "green", "--count", "2")
    assert colours_of(walks) == ["green"] * 20


def test_columns_and_rows_have_the_colour_that_is_written_there(run, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    written = {}

    def labelled(grid, title, columns=(), rows=()):
        written.update(columns=list(columns), rows=list(rows))
        return grid

    monkeypatch.setattr(plots_of_classes, "labelled", labelled)
    monkeypatch.setattr(images_task, "labelled", labelled)
    assert generate.main([str(run), "--out", str(path), "--label", "red", "green"]) == 0
    columns = np.array_split(np.asarray(Image.open(path)), 10, axis=1)
    found = colours_of(np.stack([column[10:40, 10:40] for column in columns]))
    assert found == written["columns"] == ["red", "green"] * 5
    assert generate.main([str(run), "--out", str(path), "--interpolate", "--count", "3"]) == 0
    rows = np.array_split(np.asarray(Image.open(path)), 3)
    found = colours_of(np.stack([row[10:40, 10:40] for row in rows]))
    assert found == written["rows"] == list(NAMES[:3])
    callback = ImageGrid(tmp_path, class_names=NAMES)
    callback.set_model(load_run(run).model)
    columns = np.array_split(callback.draw({}), 8, axis=1)
    found = colours_of(np.stack([column[10:40, 10:40] for column in columns]))
    assert written["columns"] == [*NAMES] * 2
    assert found[:3] == found[4:7] == list(NAMES[:3])


def test_an_unknown_class_is_one_line_with_the_names(run, trained, tmp_path, capsys):
    for asked in ("blue", "4", "-1", "Red"):
        assert generate.main([str(run), "--label", "red", asked]) == 2
        assert capsys.readouterr().err == (
            f"error: --label {asked} is none of the classes, which are deep blue, green, red, 白\n"
        )
    (run / "classes.json").write_text('["a", "b"]')
    assert generate.main([str(run), "--label", "a"]) == 1
    said = capsys.readouterr().err
    assert "classes.json is damaged" in said and len(said.splitlines()) == 1


def test_figures_are_named_and_a_class_without_validation_has_none(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(self_supervised, "STEPS", 3)  # what the figures are does not matter
    monkeypatch.setattr(self_supervised, "_KNOWN", {})
    path = tmp_path / "a.json"
    assert evaluate.main([str(run), "--json", str(path), "--samples", "100"]) == 0
    (found,) = json.loads(path.read_text()).values()
    recalls = {name: row["meaning"] for name, row in found.items() if name.startswith("recall_")}
    assert recalls == {
        f"recall_of_{name.replace(' ', '_')}": f"recall within class {name}" for name in NAMES[:3]
    }
    assert "label_agreement" not in found and "class_coverage" not in found
    assert "recall within class deep blue" in capsys.readouterr().out


def test_an_export_has_the_names_of_its_labels(run, capsys):
    capsys.readouterr()
    assert export.main([str(run)]) == 0
    assert "labels    0 deep blue, 1 green, 2 red, 3 白" in capsys.readouterr().out
    names = json.loads((run / "export" / "classes.json").read_text("utf-8"))
    made = tf.saved_model.load(run / "export" / "1").signatures["generate"]
    for name in COLOURS:
        label = tf.constant(names.index(name))
        samples = made(count=tf.constant(9), seed=tf.constant(0, tf.int64), label=label)["samples"]
        assert colours_of(255 * samples.numpy()) == [name] * 9


def test_a_run_goes_on_with_the_same_labels_only(run, trained, tmp_path, capsys):
    images = shutil.copytree(trained[1], tmp_path / "moved")
    argv = ["--resume", "--run-dir", str(run), "--data-dir", str(images)]

    def refused(*words):
        assert train_vae.main(argv) == 1
        *warnings, said = capsys.readouterr().err.splitlines()
        assert all(line.startswith("warning: ") for line in warnings)
        assert said.startswith("error: cannot resume")
        assert all(word in said for word in words), said

    assert train_vae.main(argv) == 0
    for one, other in (("red", "green"), ("green", "red")):  # as many as before
        (images / one / "20.png").rename(images / other / "moved.png")
    refused("content or labels differ")
    for one, other in (("red", "green"), ("green", "red")):
        (images / other / "moved.png").rename(images / one / "20.png")
    (images / "red").rename(images / "rouge")  # still the third
    refused("a different classes.json")
    (images / "rouge").rename(images / "red")
    assert train_vae.main(argv) == 0


def test_a_gan_of_a_file_of_labels_and_its_data_that_have_moved(trained, tmp_path, capsys):
    images = shutil.copytree(trained[1], tmp_path / "images")
    lines = [f"{path.relative_to(images)};{path.parent.name}" for path in images.rglob("*.png")]
    (images / "labels.csv").write_text("\n".join(lines).replace(";red", ";1"), "utf-8-sig")
    argv = [*FOLDER, *DENSE, "--epochs", "1", "--batch-size", "64"]
    argv += ["--data-dir", str(images), "--labels", str(images / "labels.csv")]
    assert train_gan.main([*argv, "--run-dir", str(tmp_path / "run")]) == 0
    run = load_run(tmp_path / "run")
    assert run.class_names == ("1", "deep blue", "green", "白")
    found = made(tmp_path / "run", tmp_path / "a.npy", "--label", "1", "白", "--count", "4")
    expected = run.generate(4, labels=[0, 3, 0, 3])
    assert np.abs(found / 127.5 - 1 - expected).max() < 1 / 127
    capsys.readouterr()
    assert generate.main([str(tmp_path / "run"), "--label", "2"]) == 2  # a name is a number
    assert "--label 2 is none of the classes, which are 1, deep" in capsys.readouterr().err
    images.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="there is no folder"):
        load_run(tmp_path / "run").load()
    moved = load_run(tmp_path / "run", tmp_path / "elsewhere")
    assert moved.data.train.class_names == run.class_names


@pytest.mark.parametrize(
    "argv, code, words",
    [
        (["--labels", "a.csv"], 2, "--labels has no effect on a run without --dataset folder and"),
        (["--labels", "a.csv", "--conditional"], 2, "--labels has no effect on a run without"),
        (["--labels", "a.csv", "--dataset", "folder"], 2, "--labels has no effect"),
        ([*FOLDER, "--data-dir", "parts"], 1, "parts train, val, not classes: use --data-dir"),
        ([*FOLDER, "--data-dir", "flat"], 1, "has no subfolders with images, which --conditional"),
        ([*FOLDER, "--data-dir", "mixed"], 1, "mixed has images beside its subfolders, which"),
        ([*FOLDER, "--data-dir", "one"], 1, "are of one class, red: --conditional needs at least"),
        ([*FOLDER, "--data-dir", "flat", "--labels", "no.csv"], 1, "--labels must name a CSV file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("train", [train_gan, train_vae], ids=["gan", "vae"])
def test_what_has_no_classes_is_one_line(argv, code, words, train, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for place in ("parts/train/red", "parts/val/red", "flat", "mixed", "mixed/red", "one/red"):
        (tmp_path / place).mkdir(parents=True)
        for value in range(3):
            path = tmp_path / place / f"{value}.png"
            Image.new("L", (8, 8), (50 * value + len(place)) % 256).save(path)
    assert train.main([*argv, "--run-dir", "run", "--verbose", "0"]) == code
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_names_of_the_standard_sets_are_those_of_keras():
    for name in ("fashion_mnist", "cifar10"):
        table = getattr(keras.datasets, name).load_data.__doc__
        rows = re.findall(r"\| +(\d) +\| (.+?) +\|", table)
        names = [said.lower().removesuffix("/top") for _, said in rows]
        assert names == list(DATASETS[name].class_names)
    for name in ("mnist", "mnist5k"):
        assert DATASETS[name].class_names == tuple(map(str, range(10)))
