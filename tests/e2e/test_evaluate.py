"""`evaluate`: what it says of samples of known quality, of each kind of run, and of several."""

import json
import math
import shutil
import urllib.request

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import history
from PIL import Image
from scipy import ndimage
from tensorboard import program

from genai_keras.data.batches import Batches
from genai_keras.data.images import load_images
from genai_keras.data.toy import GaussianMixture
from genai_keras.evaluate import main
from genai_keras.evaluation import inception, self_supervised
from genai_keras.evaluation.features import load_feature_extractor
from genai_keras.evaluation.images import score_images
from genai_keras.evaluation.scores import score_numbers, score_pixels, score_text
from genai_keras.runs import load_run


@pytest.fixture(scope="module")
def digits():
    """Three times 1,400 real digits that share none, in [0, 1]."""
    train, _ = load_images("mnist5k", value_range=(0, 1))
    return np.split(train.first(4_200), 3)


def figures(ours, reference, training, extractor, **arguments):
    rows, places = score_images(ours, reference, training, extractor, **arguments)
    return {row.name: row for row in rows}, places


@pytest.mark.slow
def test_samples_of_known_quality_are_told_apart(digits):
    """Real digits at the baseline; one copied digit, blurred digits and noise each below it."""
    real, reference, training = digits
    rng = np.random.default_rng(0)
    samples = {
        "real": real,
        "collapsed": np.clip(real[:1] + rng.normal(0, 0.02, real.shape), 0, 1),
        "blurred": ndimage.gaussian_filter(real, (0, 3, 3, 0)),
        "noise": rng.uniform(0, 1, real.shape),
    }
    extractor = load_feature_extractor("mnist")
    found = {
        name: figures(each.astype("float32"), reference, training, extractor)[0]
        for name, each in samples.items()
    }
    value = {
        name: {key: row.figure.value for key, row in rows.items()} for name, rows in found.items()
    }
    for row in found["real"].values():  # real data against real data
        if row.name == "recognized":  # all of them: the bootstrap of a fraction of 1 has no width
            assert min(row.figure.value, row.real_data) > 0.99
        else:
            assert abs(row.figure.value - row.real_data) <= 2 * (row.figure.high - row.figure.low)
        assert row.figure.low <= row.figure.value <= row.figure.high
    distance = {name: each["frechet_distance"] for name, each in value.items()}
    assert distance["real"] < distance["blurred"] < min(distance["collapsed"], distance["noise"])
    kernel = {name: each["kernel_distance"] for name, each in value.items()}
    assert kernel["real"] < min(kernel["blurred"], kernel["collapsed"], kernel["noise"])
    assert value["collapsed"]["recall"] < 0.05 < 0.6 < value["real"]["recall"]
    assert value["collapsed"]["precision"] > 0.9  # a good digit, if always the same
    assert value["blurred"]["precision"] < 0.6 < 0.9 < value["real"]["precision"]
    assert distance["noise"] > 40 > 100 * distance["real"]
    assert value["noise"]["precision"] == 0 and value["noise"]["recognized"] < 0.05
    assert "these are no digits" in found["noise"]["recognized"].remark
    assert "too much alike" in found["collapsed"]["recall"].remark
    assert not any(row.remark for row in found["real"].values())
    assert value["collapsed"]["class_coverage"] < 0.2 < 0.9 < value["real"]["class_coverage"]


@pytest.mark.slow
def test_images_without_a_classifier_are_judged_by_what_is_learnt_from_them():
    rng = np.random.default_rng(0)
    colours = rng.uniform(0, 1, (450, 1, 1, 3))
    real, reference, training = np.split(
        np.clip(colours + rng.normal(0, 0.05, (450, 16, 16, 3)), 0, 1).astype("float32"), 3
    )
    pixels = tf.constant(training)
    data = Batches(lambda indices: tf.gather(pixels, indices), 150, (16, 16, 3), 50)
    extractor = self_supervised.train_features(data, steps=100)
    same, _ = figures(real, reference, training, extractor)
    grey, _ = figures(
        real.mean(axis=-1, keepdims=True).repeat(3, -1), reference, training, extractor
    )
    assert same["frechet_distance"].figure.value < 0.1 * grey["frechet_distance"].figure.value
    assert grey["recall"].figure.value < 0.5 < same["recall"].figure.value
    assert (
        "class_coverage" not in same
        and "self-supervised" in same["precision"].meaning + same["kernel_distance"].meaning
    )


@pytest.mark.slow
def test_a_model_that_copies_its_training_images_is_seen(digits):
    _, reference, training = digits
    order = np.random.default_rng(0).permutation(len(training))
    rows, places = figures(training[order], reference, training, load_feature_extractor("mnist"))
    row = rows["nearest_training"]
    assert row.figure.value == pytest.approx(0, abs=1e-3) and row.real_data > 0.5
    assert np.array_equal(places, order)


@pytest.mark.slow
def test_agreement_and_recall_are_within_the_class_that_was_asked_for():
    train, _ = load_images("mnist5k", value_range=(0, 1))
    images, labels = train.first(3_000), train.labels[:3_000]
    parts = [slice(0, 1_000), slice(1_000, 2_000), slice(2_000, 3_000)]
    ours, reference, training = (images[part] for part in parts)
    asked, truth = labels[parts[0]].copy(), labels[parts[1]]
    ours = ours.copy()
    ours[asked == 7] = ours[asked == 7][:1]  # one seven only
    wrong = np.flatnonzero(asked == 3)
    asked[wrong] = 5  # every three was asked for as a five
    rows, _ = figures(
        ours,
        reference,
        training,
        load_feature_extractor("mnist"),
        asked=asked,
        reference_labels=truth,
    )
    share = len(wrong) / len(asked)
    assert rows["label_agreement"].figure.value == pytest.approx(1 - share, abs=0.02)
    assert rows["label_agreement"].real_data > 0.97
    assert rows["recall_of_7"].figure.value < 0.1 < 0.5 < rows["recall_of_8"].figure.value
    assert "recall_of_3" not in rows  # nobody asked for one


def run_figures(folder, path, *argv):
    """The figures in the JSON that `evaluate` writes."""
    small = ["--samples", "100", "--likelihoods", "40"]
    assert main([str(folder), "--json", str(path), *small, *argv]) == 0
    return json.loads(path.read_text())[str(folder)]


PICTURES = {"frechet_distance", "kernel_distance", "precision", "recall", "nearest_training"}
PICTURES |= {"class_coverage", "recognized"}
BOUNDS = {"elbo", "iw_bound_10", "iw_bound_100", "active_units"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, names",
    [
        ("gan", PICTURES),
        ("vae", PICTURES | BOUNDS),
        ("conditional-vae", PICTURES | BOUNDS | {"label_agreement"}),
        ("pixels", PICTURES | {"log_likelihood", "bits_per_pixel"}),
        ("numbers", {"wasserstein"}),
        ("text", {"nats_per_character", "bits_per_character"}),
        ("pairs", {"exact_match", "token_accuracy", "chrf"}),
    ],
)
def test_every_kind_of_run_has_its_figures(finished, tmp_path, kind, names, capsys):
    folder = shutil.copytree(finished(kind), tmp_path / "run")
    found = run_figures(folder, tmp_path / "a.json")
    assert {name for name in found if not name.startswith("recall_of")} == names
    said = capsys.readouterr().out
    for name, figure in found.items():
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert name in said and figure["meaning"] in said
    if names > PICTURES:
        assert "LeNet features" in said and "nearest.png" in said
        with Image.open(folder / "nearest.png") as grid:
            assert grid.width > 500
    if kind not in ("text", "pairs"):  # which draw nothing
        assert run_figures(folder, tmp_path / "b.json") == found
        assert run_figures(folder, tmp_path / "c.json", "--seed", "1") != found
    last = history(folder)[-1]
    if kind == "text":
        assert found["nats_per_character"]["value"] == pytest.approx(float(last["val_loss"]))
        nats, bits = (found[f"{name}_per_character"]["value"] for name in ("nats", "bits"))
        assert bits == pytest.approx(nats / math.log(2))
    if kind == "pairs":
        for name in ("exact_match", "token_accuracy"):
            assert found[name]["value"] == pytest.approx(float(last[f"val_{name}"]), abs=1e-6)
    if kind == "vae":
        assert found["elbo"]["value"] == pytest.approx(float(last["val_elbo"]), rel=0.05)
        assert found["active_units"]["value"] == float(last["val_active_units"])


def test_nats_of_text_and_pixels_are_those_of_a_model_that_is_known():
    """A model of coin tosses: log 2 a token, whatever the text."""

    class Coin:
        def log_likelihood(self, windows):
            return np.full(len(windows), -math.log(2) * PREDICTED)

    PREDICTED = 10
    text = {r.name: r.figure for r in score_text(Coin(), np.zeros((6, PREDICTED + 1)), 0.5)}
    assert text["nats_per_character"].value == pytest.approx(math.log(2) / 2)
    assert text["bits_per_character"].value == pytest.approx(0.5)
    assert text["bits_per_character"].low == pytest.approx(0.5)
    pixels = {r.name: r.figure for r in score_pixels(Coin(), np.zeros((6, PREDICTED)))}
    assert pixels["log_likelihood"].value == pytest.approx(-PREDICTED * math.log(2))
    assert pixels["bits_per_pixel"].value == pytest.approx(1.0)


def test_numbers_of_the_truth_are_at_the_baseline_and_shifted_ones_by_the_shift():
    mixture = GaussianMixture()
    true = mixture.sample(4_000, seed=9)
    (row,) = score_numbers(true)
    assert row.figure.value < 0.08 and row.real_data < 0.08
    (row,) = score_numbers(true + 1.0)
    assert row.figure.low < 1.0 < row.figure.high and row.figure.high - row.figure.low < 0.3


@pytest.mark.slow
def test_several_runs_are_in_one_table_with_one_ladder(finished, tmp_path, capsys):
    names = ("gan", "vae", "small-vae", "pixels")
    folders = [str(shutil.copytree(finished(name), tmp_path / name)) for name in names]
    argv = ["--samples", "100", "--likelihoods", "30", "--importance-samples", "200"]
    path = tmp_path / "all.png"
    json_path = tmp_path / "all.json"
    argv += ["--image", str(path), "--json", str(json_path)]
    capsys.readouterr()
    assert main(["--compare", *folders, *argv]) == 0
    said, warned = capsys.readouterr()
    assert "the runs differ in size, so" in warned
    found = json.loads(json_path.read_text())
    table = next(line for line in said.splitlines() if line.split() == list(names))
    *_, row = [line for line in said.splitlines() if line.startswith("frechet_distance")]
    assert table and row.count("±") == 4
    # The VAE of 28x28 pixels has a ladder of its own.
    ladders = [part for part in said.split("\n\n") if part.startswith("log p(x)")]
    (small,) = [part for part in ladders if "the same 30 binary 8x8" in part]
    rungs = [line.split(maxsplit=1) for line in small.splitlines()[1:]]
    values = [float(value) for value, _ in rungs]
    assert values == sorted(values) and len(rungs) == 5
    of_vae = [float(value) for value, text in rungs if text.startswith("small-vae: lower bound")]
    bounds = [found[folders[2]][name]["value"] for name in ("elbo", "iw_bound_10", "iw_bound_100")]
    bounds.append(found[folders[2]]["iw_bound_200"]["value"])
    assert bounds == sorted(bounds) and of_vae == pytest.approx(bounds, abs=0.01)
    exact = found[folders[3]]["log_likelihood"]["value"]
    assert any(f"{exact:.2f}  pixels: exact" in line for line in small.splitlines())
    with Image.open(path) as image:
        assert image.width > 3 * 240 and image.height > 2 * 240  # three a row


@pytest.mark.slow
def test_each_kind_of_image_has_a_ladder_of_its_own(finished, tmp_path, capsys):
    names = ("flow", "conditional-flow", "conditional-vae")  # 256 values, 2, and 256
    folders = [str(shutil.copytree(finished(name), tmp_path / name)) for name in names]
    argv = ["--samples", "100", "--likelihoods", "20", "--image", str(tmp_path / "all.png")]
    path = tmp_path / "all.json"
    capsys.readouterr()
    assert main(["--compare", *folders, *argv, "--json", str(path)]) == 0
    ladders = [p for p in capsys.readouterr().out.split("\n\n") if p.startswith("log p(x")]
    first, *_ = zip(*(ladder.splitlines() for ladder in ladders), strict=False)
    images = "28x28 images of mnist5k"
    assert sorted(first) == [
        f"log p(x | label) of the same 20 {images}, of 256 values per pixel, in nats:",
        f"log p(x | label) of the same 20 binary {images}, in nats:",
        f"log p(x) of the same 20 {images}, of 256 values per pixel, in nats:",
    ]
    found = json.loads(path.read_text())
    for folder, values in zip(folders[:2], (256, 2), strict=True):
        bound = found[folder]["dequantized_bound"]["value"]
        assert bound < 0  # a probability, not a density
        bits = found[folder]["bits_per_pixel"]["value"]
        assert bits == pytest.approx(-bound / 784 / math.log(2), rel=1e-4)
        assert bits < 3 * math.log2(values)  # untrained as it is


@pytest.mark.slow
def test_the_density_of_numbers_is_beside_the_true_one(finished, tmp_path):
    folder = shutil.copytree(finished("flow-of-numbers"), tmp_path / "run")
    found = run_figures(folder, tmp_path / "x.json")["log_likelihood"]
    model, truth = load_run(folder).model, GaussianMixture()
    numbers = load_run(folder).data.validation.first(40)
    assert found["value"] == pytest.approx(model.log_likelihood(numbers).mean(), rel=1e-4)
    assert found["real_data"] == pytest.approx(np.log(truth.density(numbers)).mean(), rel=1e-4)
    assert found["value"] < found["real_data"]  # the most that a density can reach, in the mean


@pytest.mark.slow
def test_the_ladder_of_a_model_is_of_the_same_images_as_the_others(finished):
    """Bit for bit: a VAE's validation images are those of the language model of pixels."""
    from genai_keras.data.pixels import to_images

    ours = load_run(finished("small-vae")).data.validation
    theirs = load_run(finished("pixels")).data.validation
    assert np.array_equal(ours.first(50), to_images(theirs.first(50)))


@pytest.mark.slow
def test_tensorboard_compares_runs_by_settings_and_figures(finished, tmp_path):
    """The page of hyperparameters of a real server."""
    for name in ("gan", "numbers"):
        run_figures(shutil.copytree(finished(name), tmp_path / "runs" / name), tmp_path / "x.json")
    shutil.copytree(finished("small-vae"), tmp_path / "runs" / "vae")
    server = program.TensorBoard()
    argv = ["--logdir", str(tmp_path / "runs"), "--port", "0", "--load_fast=false"]
    server.configure(argv=[None, *argv, "--host", "127.0.0.1"])
    url = server.launch() + "data/plugin/hparams/"

    def ask(what, **body):
        request = urllib.request.Request(
            url + what,
            json.dumps({"experimentName": "", **body}).encode(),
            {"Content-Type": "application/json"},
        )
        return json.loads(urllib.request.urlopen(request).read())

    def columns():
        try:
            return ask("experiment")
        except urllib.error.HTTPError:  # nothing has been read yet
            return {}

    import time

    end = time.monotonic() + 60

    def rows(**column):
        """The rows, sorted by a column if one is given."""
        found = columns()
        sort = [{"order": "ORDER_ASC", **column}] if column else []
        return ask(
            "session_groups",
            allowedStatuses=["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"],
            colParams=sort + [{"metric": each["name"]} for each in found.get("metricInfos", [])],
            startIndex=0,
            sliceSize=10,
        ).get("sessionGroups", [])

    def values(row):
        return {
            (each["name"].get("group", ""), each["name"]["tag"]): each["value"]
            for each in row.get("metricValues", [])
        }

    expected = {
        ("", "scores/frechet_distance"), ("", "scores/wasserstein"),
        ("train", "curves/generator_loss"), ("validation", "curves/elbo"),
    }  # fmt: skip
    while not expected <= set().union(*map(values, rows())) and time.monotonic() < end:
        time.sleep(0.2)
    found = columns()
    options = [each.get("displayName") or each["name"] for each in found["hparamInfos"]]
    assert options[:5] == ["command", "preset", "dataset", "epochs", "seed"]
    shown = [each["displayName"] for each in found["metricInfos"]]
    assert shown[:5] == [
        "val_elbo", "val_loss", "generator_loss", "discriminator_loss", "frechet_distance",
    ]  # fmt: skip
    runs = {each["name"]: each for each in rows()}
    assert set(runs) == {"gan", "numbers", "vae"}, "a row has not the name of its run"
    settings = runs["gan"]["hparams"]
    assert (settings["1 command"], settings["2 preset"]) == ("train_gan", "mlp")
    assert (settings["generator_widths"], settings["batch_size"]) == ("16", 16)
    assert settings["learning_rate"] == 0.001 and settings["5 seed"] == "0"
    assert settings["conditional"] is False and "discriminator_learning_rate" not in settings
    kinds = {each["name"]: each for each in found["hparamInfos"]}
    assert kinds["batch_size"]["type"] == "DATA_TYPE_FLOAT64"
    assert "domainDiscrete" not in kinds["batch_size"], "one could not filter by an interval"
    assert kinds["generator_widths"]["type"] == "DATA_TYPE_UNSET"
    # Texts would come in the other order, and could not be compared with a number.
    limits = [each["hparams"]["limit"] for each in rows(hparam="limit")]
    assert limits == [64, 64, 2048] and limits != sorted(limits, key=str)
    below = rows(hparam="limit", filterInterval={"minValue": 1, "maxValue": 100})
    assert {each["name"] for each in below} == {"gan", "vae"}
    ascending = [each["name"] for each in rows(hparam="generator_widths")]
    assert ascending[-1] == "vae", "a run without the option is not the last"
    gan, numbers, vae = (values(runs[name]) for name in ("gan", "numbers", "vae"))
    assert gan["", "scores/frechet_distance"] > 0 and numbers["", "scores/wasserstein"] > 0
    last = history(tmp_path / "runs" / "gan")[-1]
    expected = float(last["generator_loss"])
    assert gan["train", "curves/generator_loss"] == pytest.approx(expected, rel=1e-5)
    last = history(tmp_path / "runs" / "vae")[-1]
    assert vae["validation", "curves/elbo"] == pytest.approx(float(last["val_elbo"]), rel=1e-5)


@pytest.mark.slow
def test_runs_of_other_data_are_compared_with_a_warning(finished, tmp_path, capsys):
    folders = [
        str(shutil.copytree(finished(name), tmp_path / name)) for name in ("numbers", "text")
    ]
    assert main(["--compare", *folders, "--samples", "100"]) == 0
    said, warned = capsys.readouterr()
    assert "the runs differ in data set" in warned
    assert "log p(x)" not in said and "comparison.png" not in said  # nothing to draw


def test_what_cannot_be_evaluated_is_one_clear_line(tmp_path, capsys):
    for code, argv, words in (
        (2, [], "give the folder of one run, or of two or more after --compare"),
        (2, ["a", "--compare", "b", "c"], "give the folder of one run"),
        (2, ["--compare", "a"], "needs two or more different runs"),
        (2, ["--compare", "a", "a"], "two or more different runs"),
        (2, ["a", "--importance-samples", "150"], "a multiple of 100"),
        (2, ["a", "--image", "x.png"], "--image has no effect on a single run"),
        (1, ["a", "--json", str(tmp_path / "no" / "x.json")], "no is not a folder"),
        (1, ["--compare", "a", "b", "--image", str(tmp_path / "no" / "x.png")], "no is not a fol"),
        (2, ["--compare", "a", "b", "--image", "x.txt"], "give a .png or .jpg file"),
        (1, [str(tmp_path / "none")], "the folder does not exist"),
        (1, [str(tmp_path)], "is not a run"),
    ):
        assert main(argv) == code
        said = capsys.readouterr().err
        assert words in said and len(said.splitlines()) == 1


@pytest.mark.slow
def test_data_that_are_gone_are_named(finished, tmp_path, capsys, data_dir):
    """A run of MNIST whose data have moved: --data-dir says where they are."""
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    config.update(dataset="mnist", data_dir=str(tmp_path / "gone"), limit=300)
    (folder / "config.json").write_text(json.dumps(config))
    samples = {"training": 300, "validation": 10_000}
    (folder / "versions.json").write_text(json.dumps({"samples": samples}))
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "mnist.npz").write_bytes(b"")
    assert main([str(folder)]) == 1
    assert "mnist.npz does not contain" in capsys.readouterr().err
    assert main([str(folder), "--data-dir", str(data_dir), "--samples", "200"]) == 0


@pytest.mark.slow
def test_a_run_is_not_measured_on_other_data_than_it_learnt(finished, tmp_path, capsys):
    """Other texts have other tokens: what a model says of them would mean nothing."""
    folder = shutil.copytree(finished("text"), tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "other.txt").write_text("another text altogether\n" * 50)
    config.update(dataset="text", data_dir=str(tmp_path / "other.txt"))
    (folder / "config.json").write_text(json.dumps(config))
    capsys.readouterr()
    assert main([str(folder)]) == 1
    said = capsys.readouterr().err
    assert f"cannot use {folder} with other data" in said and len(said.splitlines()) == 1
    gan = shutil.copytree(finished("gan"), tmp_path / "gan")
    shutil.copy(finished("vae") / "model.keras", gan / "model.keras")
    assert main([str(gan)]) == 1
    assert "model.keras does not belong to this run" in capsys.readouterr().err
    config = json.loads((gan / "config.json").read_text())
    (gan / "config.json").write_text(json.dumps({**config, "dataset": "foo"}))
    assert main([str(gan)]) == 1
    assert "dataset: 'foo' is not one of mnist5k" in capsys.readouterr().err
    (folder / "versions.json").write_text("{")
    assert main([str(folder)]) == 1
    assert "versions.json is damaged" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_left_in_the_run_is_a_warning(finished, tmp_path, capsys):
    folder = shutil.copytree(finished("numbers"), tmp_path / "run")
    (folder / "events.out.tfevents.1.scores").mkdir()  # cannot be removed like a file
    assert "wasserstein" in run_figures(folder, tmp_path / "a.json")
    said, warned = capsys.readouterr()
    assert "wasserstein" in said and "warning: " in warned and "cannot be written" in warned


@pytest.mark.slow
def test_a_comparison_keeps_what_it_found_before_a_run_that_fails(finished, tmp_path, capsys):
    good, bad = (shutil.copytree(finished("numbers"), tmp_path / name) for name in ("good", "bad"))
    config = json.loads((bad / "config.json").read_text())
    config.update(dataset="folder", data_dir=str(tmp_path / "gone"))
    (bad / "config.json").write_text(json.dumps(config))
    argv = ["--samples", "100", "--json", str(tmp_path / "a.json")]
    assert main(["--compare", str(good), str(bad), *argv]) == 1
    assert list(json.loads((tmp_path / "a.json").read_text())) == [str(good)]
    assert "wasserstein" in capsys.readouterr().out


def test_fewer_training_images_than_samples_are_no_baseline(digits):
    real, reference, training = (part[:60] for part in digits)
    extractor = load_feature_extractor("mnist")
    rows, _ = figures(real, reference, training[:40], extractor)
    assert rows["frechet_distance"].real_data is None and rows["recall"].real_data is None
    rows, _ = figures(real, reference, training, extractor)
    assert rows["frechet_distance"].real_data > 0
    assert rows["frechet_distance"].figure.low >= 0


@pytest.fixture
def photographs(tmp_path):
    """A folder of 80 small colour images; of 72 of them a run may learn."""
    (tmp_path / "images").mkdir()
    for index in range(80):
        pixels = np.random.default_rng(index).integers(0, 255, (2, 2, 3), "uint8")
        image = Image.fromarray(pixels).resize((8, 8))
        image.save(tmp_path / "images" / f"{index}.png")
    return tmp_path / "images"


@pytest.mark.slow
def test_runs_on_the_same_images_share_features_that_are_trained_once(
    photographs, tmp_path, monkeypatch, capsys
):
    from genai_keras.train_gan import main as train

    monkeypatch.setattr(self_supervised, "STEPS", 3)
    monkeypatch.setattr(self_supervised, "_KNOWN", {})
    argv = ["--dataset", "folder", "--data-dir", str(photographs), "--preset", "dense"]
    argv += ["--image-size", "8", "--batch-size", "8", "--epochs", "1", "--verbose", "0"]
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for seed, folder in enumerate(folders):
        limit = ["--limit", "70"] if folder.name == "c" else []
        assert train([*argv, *limit, "--seed", str(seed), "--run-dir", str(folder)]) == 0
    capsys.readouterr()
    first = run_figures(folders[0], tmp_path / "a.json")
    said = capsys.readouterr().out
    assert said.count("training a feature extractor on the 72 training images") == 1
    assert "on self-supervised features, trained on this data set" in said
    self_supervised._KNOWN.clear()  # as in a new process
    assert run_figures(folders[0], tmp_path / "a.json") == first
    assert "training a feature extractor" not in capsys.readouterr().out
    self_supervised._KNOWN.clear()
    small = ["--samples", "100", "--image", str(tmp_path / "both.png")]
    assert main(["--compare", *map(str, folders[:2]), *small]) == 0
    said, warned = capsys.readouterr()
    assert "training a feature extractor" not in said and "differ" not in warned
    kept = [(folder / "features.npz").read_bytes() for folder in folders[:2]]
    assert kept[0] == kept[1]
    # Others are trained on other images, and then the figures do not compare.
    assert main(["--compare", str(folders[0]), str(folders[2]), *small]) == 0
    said, warned = capsys.readouterr()
    assert "on the 63 training images" in said and "differ in training images" in warned


@pytest.mark.slow
def test_the_frechet_inception_distance_is_one_more_figure(finished, tmp_path, monkeypatch, capsys):
    image = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3, 7)(image))
    small = keras.Model(image, pooled)
    read = []
    monkeypatch.setattr(inception, "load_inception", lambda path: read.append(path) or small)
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    without = run_figures(folder, tmp_path / "a.json")
    path = tmp_path / "inception.h5"
    found = run_figures(folder, tmp_path / "b.json", "--inception", str(path))
    one = found.pop("frechet_inception_distance")
    assert one["value"] > 0 and one["low"] is None and found == without
    assert set(read) == {path}
    said = capsys.readouterr().out
    assert "InceptionV3" in said
    numbers = shutil.copytree(finished("numbers"), tmp_path / "numbers")
    assert main([str(numbers), "--inception", str(path)]) == 2
    said = capsys.readouterr().err
    assert "--inception has no effect on" in said and len(said.splitlines()) == 1


@pytest.mark.slow
def test_a_missing_file_of_inception_is_told_before_the_work(finished, tmp_path, capsys):
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    assert main([str(folder), "--inception", str(tmp_path / "none.h5")]) == 1
    said, told = capsys.readouterr()
    assert "there is no file" in told and len(told.splitlines()) == 1 and not said


@pytest.mark.slow
def test_too_few_images_to_say_anything(tmp_path, capsys):
    from genai_keras.train_gan import main as train

    (tmp_path / "images").mkdir()
    for index in range(20):
        noise = np.random.default_rng(index).integers(0, 255, (8, 8), "uint8")
        Image.fromarray(noise).save(tmp_path / "images" / f"{index}.png")
    argv = ["--dataset", "folder", "--data-dir", str(tmp_path / "images"), "--preset", "dense"]
    argv += ["--image-size", "8", "--batch-size", "8", "--epochs", "1", "--verbose", "0"]
    assert train([*argv, "--run-dir", str(tmp_path / "run")]) == 0
    assert main([str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "needs more than 5 of each" in said and len(said.splitlines()) == 1
