"""What a run leaves for TensorBoard, read from its event files."""

import dataclasses
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import make_gan, random_images
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from genai_keras.callbacks.epochs import is_kept
from genai_keras.callbacks.images import EpochImage
from genai_keras.cli.gan_options import GANConfig
from genai_keras.runs import TRAINED
from genai_keras.training import tensorboard
from genai_keras.training.guides import GUIDES, guide_to
from genai_keras.training.tensorboard import EVENTS, EpochTensorBoard, write_figures, write_start


def read(folder):
    """Every value in the event files of a folder, by tag: pairs of a step and an array."""
    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {
        tag: [(event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


class Counter(EpochImage):
    """Shows an image whose pixels are the number of the call, and counts on."""

    calls = 0

    def draw(self, logs):
        self.calls += 1
        logs["calls"] = self.calls
        return np.full((4, 4, 3), self.calls % 256, "uint8")


def line(seed=0):
    """A model that learns a line, its x and y."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.headline = ()
    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    return model, x, 2 * x


def fit(model, x, y, callbacks, epochs):
    data = {"validation_data": (x, y), "batch_size": 8, "verbose": 0}
    return model.fit(x, y, epochs=epochs, callbacks=callbacks, **data).history


def test_a_curve_is_what_training_says_of_each_epoch(tmp_path):
    model, x, y = line()
    model.headline = ("val_loss",)
    board = EpochTensorBoard(tmp_path)
    found = fit(model, x, y, [Counter(tmp_path, "a"), board], epochs=3)
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    assert train.keys() == {"curves/loss", "more curves/learning_rate", "more curves/calls"}
    assert validation.keys() == {"curves/loss"}
    for curves, name in ((train, "loss"), (validation, "val_loss")):
        steps, values = zip(*curves["curves/loss"], strict=True)
        assert steps == (1, 2, 3)
        assert [float(value) for value in values] == pytest.approx(found[name], rel=1e-6)
    assert [float(value) for _, value in train["more curves/calls"]] == [2, 3, 4]
    assert [float(v) for _, v in train["more curves/learning_rate"]] == pytest.approx([0.01] * 3)


def test_two_optimizers_have_curves_where_their_learning_rate_follows_a_schedule(tmp_path):
    gan = make_gan()
    falling = keras.optimizers.schedules.CosineDecay(1e-3, 6)
    gan.compile(keras.optimizers.Adam(falling), keras.optimizers.Adam(1e-3))
    images = random_images(32)
    gan.fit(images, batch_size=16, epochs=3, verbose=0, callbacks=[EpochTensorBoard(tmp_path)])
    found = read(tmp_path / "train")
    rates = [float(value) for _, value in found["more curves/generator_learning_rate"]]
    halves = [1e-3 * (1 + np.cos(np.pi * step / 6)) / 2 for step in (2, 4, 6)]
    assert rates == pytest.approx(halves, rel=1e-5, abs=1e-9)
    assert [name for name in found if "rate" in name] == ["more curves/generator_learning_rate"]


def test_all_that_is_shown_is_in_one_file_and_nothing_is_left_open(tmp_path):
    """Readers may lose events if two writers share a folder."""
    model, x, y = line()
    shows = [Counter(tmp_path, "a"), Counter(tmp_path, "b", stem="b")]
    fit(model, x, y, [*shows, EpochTensorBoard(tmp_path)], epochs=2)
    assert len(list(tmp_path.glob(EVENTS))) == 1
    found = read(tmp_path)
    assert found.keys() == {"images/a", "images/b"}
    assert [step for step, _ in found["images/b"]] == [0, 1, 2]
    assert not tf.summary.should_record_summaries()
    assert not tf.summary.scalar("late", 1.0, step=0)
    assert read(tmp_path).keys() == {"images/a", "images/b"}


def test_a_training_that_failed_does_not_take_what_the_next_one_shows(tmp_path):
    def fail(epoch, logs):
        raise RuntimeError

    model, x, y = line()
    board = EpochTensorBoard(tmp_path / "one")
    with pytest.raises(RuntimeError):
        fit(model, x, y, [board, keras.callbacks.LambdaCallback(on_epoch_end=fail)], epochs=1)
    shows = Counter(tmp_path, "a")
    fit(model, x, y, [shows, EpochTensorBoard(tmp_path / "two")], epochs=1)
    assert len(read(tmp_path / "two")["images/a"]) == 2 and not read(tmp_path / "one")
    fit(model, x, y, [board], epochs=1)
    assert [step for step, _ in read(tmp_path / "one" / "train")["more curves/loss"]] == [1, 1]


def test_the_files_of_a_long_run_stay_small(tmp_path):
    """Of 24 images, TensorBoard has 13; the folder of samples has them all."""
    model, x, y = line()
    fit(model, x, y, [Counter(tmp_path, "a"), EpochTensorBoard(tmp_path)], epochs=23)
    found = read(tmp_path)["images/a"]
    expected = [*range(11), 20, 23]
    assert [step for step, _ in found] == expected
    assert len(list((tmp_path / "samples").glob("*.png"))) == 24
    for step, (_, _, png) in found:
        with Image.open(tmp_path / "samples" / f"epoch_{step:04d}.png") as image:
            assert np.array_equal(tf.io.decode_png(png).numpy(), np.asarray(image))
    assert sum(map(is_kept, range(1001))) == 29


def test_without_a_writer_images_are_files_only(tmp_path):
    model, x, y = line()
    fit(model, x, y, [Counter(tmp_path, "a")], epochs=1)
    assert {path.name for path in tmp_path.iterdir()} == {"samples"}


def test_figures_of_an_evaluation_have_a_prefix_and_replace_earlier_ones(tmp_path):
    EpochTensorBoard(tmp_path)
    with tf.summary.create_file_writer(str(tmp_path)).as_default(0):
        tf.summary.text("about this run", "words")
    write_figures(tmp_path, {"recall": 0.25, "of_yesterday": 1.0})
    write_figures(tmp_path, {"recall": 0.5})
    found = read(tmp_path)
    assert found.keys() == {"about this run", "scores/recall"}
    assert [float(value) for _, value in found["scores/recall"]] == [0.5]


def options(config):
    names = {each.name for each in dataclasses.fields(config)}
    return names - tensorboard.NO_SETTINGS


def test_columns_are_there_for_every_option_and_every_curve_to_watch():
    names = set().union(*map(options, TRAINED)) | {"command"}
    assert set(tensorboard.OPTIONS) == names and len(tensorboard.OPTIONS) == len(names)
    columns = {each.removeprefix("val_") for each in (*tensorboard.LOSSES, *tensorboard.OTHERS)}
    watched = {name.removeprefix("val_") for model in TRAINED.values() for name in model.headline}
    assert columns == watched


@pytest.mark.parametrize("config", TRAINED, ids=lambda each: each.__name__)
def test_all_commands_give_tensorboard_the_same_columns(config, tmp_path):
    """It takes them from any one of the runs."""
    found = []
    for index, each in enumerate((config, *TRAINED)):
        folder = tmp_path / str(index)
        write_start(each(run_dir=folder), None)
        events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
        content = events.SummaryMetadata(metadata.EXPERIMENT_TAG).plugin_data.content
        found.append(metadata.parse_experiment_plugin_data(content))
    for other in found:
        other.ClearField("time_created_secs")
    assert all(other == found[0] for other in found)
    names = [each.name for each in found[0].hparam_infos]
    assert names == sorted(names), "TensorBoard would show them in another order"
    content = EventAccumulator(str(tmp_path / "0")).Reload()
    content = content.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    written = metadata.parse_session_start_info_plugin_data(content)
    assert written.hparams.keys() <= set(names)
    assert not written.group_name, "runs of one name would be averaged"


@pytest.mark.parametrize("config", TRAINED, ids=lambda each: each.__name__)
def test_an_option_is_a_number_exactly_if_its_values_are(config):
    """Numbers and texts in one column could not be sorted."""
    hints = typing.get_type_hints(config)
    for name in options(config) - {"seed"}:
        kinds = set(typing.get_args(hints[name]) or (hints[name],)) - {type(None)}
        assert (name in tensorboard.NUMBERS) == (kinds <= {int, float}), name


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("batch_size", 64, 64.0),
        ("learning_rate", 1e-5, 1e-5),
        ("learning_rate", 0.1, 0.1),
        ("seed", 123456789, "123456789"),
        ("generator_widths", (32, 64), "32 64"),
        ("conditional", True, True),
        ("network", "dense", "dense"),
        ("limit", None, None),
    ],
)
def test_settings_are_readable_and_what_is_not_set_is_left_out(name, value, shown, tmp_path):
    write_start(GANConfig(run_dir=tmp_path, **{name: value}), None)
    content = EventAccumulator(str(tmp_path)).Reload()
    content = content.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    written = metadata.parse_session_start_info_plugin_data(content).hparams
    key = tensorboard.OPENING.get(name, name)
    if shown is None:
        assert key not in written
        return
    kind = written[key].WhichOneof("kind")
    assert kind == {float: "number_value", str: "string_value", bool: "bool_value"}[type(shown)]
    assert getattr(written[key], kind) == shown


def test_each_model_has_a_guide_that_names_its_curves():
    assert GUIDES.keys() == {model.__name__ for model in TRAINED.values()}
    for model in TRAINED.values():
        for name in model.headline:
            assert f"`{name.removeprefix('val_')}`" in GUIDES[model.__name__]
    assert guide_to(keras.Sequential()) is None
