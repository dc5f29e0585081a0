"""The watch on divergence: it sees every number that is lost, and says which was the first."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import make_gan, newest_manifest, random_images, saved_arrays

from genai_keras import train_gan
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.batches import Batches
from genai_keras.errors import TrainingDiverged
from genai_keras.training.divergence import DivergenceStop, Numbers, where_it_began


def batches(images, batch_size=8):
    tensor = tf.constant(images)
    return Batches(
        lambda i: tf.gather(tensor, i), len(images), images.shape[1:], batch_size=batch_size
    )


@pytest.fixture
def gan():
    model = make_gan()
    data = batches(random_images())
    model.fit(data.shuffled(), steps_per_epoch=2, verbose=0, shuffle=False)
    return model


def every_variable(model):
    """Weights, averaged weights, statistics, losses and moments, found without `Numbers`."""
    optimizers = (model.generator_optimizer, model.discriminator_optimizer)
    every = [*model.variables, *(v for each in optimizers for v in each.variables)]
    return [v for v in every if "float" in v.dtype]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_it_sees_each_number_that_is_not_finite_whichever_it_is(gan, value):
    numbers = Numbers(gan)
    assert numbers.lost() is None
    for variable in every_variable(gan):
        kept = np.array(variable)
        hurt = kept.copy()
        hurt.flat[-1] = value
        variable.assign(hurt)
        assert variable.path in numbers.lost()
        variable.assign(kept)
    assert numbers.lost() is None


def test_a_weight_beyond_all_measure_is_lost_but_a_moment_may_be_large(gan):
    numbers = Numbers(gan)
    gan.generator_optimizer.variables[-1].assign(
        np.full(gan.generator_optimizer.variables[-1].shape, 1e30)
    )
    assert numbers.lost() is None
    weight = gan.discriminator.trainable_variables[0]
    weight.assign(np.full(weight.shape, -1.1e5))
    assert weight.path in numbers.lost()
    assert numbers.largest_weight() == (pytest.approx(1.1e5), f"discriminator: {weight.path}")


def test_looking_changes_no_bit(gan):
    before = [np.array(v) for v in every_variable(gan)]
    Numbers(gan).lost()
    assert all(map(np.array_equal, before, [np.array(v) for v in every_variable(gan)]))


@pytest.mark.slow
def test_it_says_where_it_began(tmp_path):
    """Of one batch with a NaN, of weights that are too large, and of too large steps."""
    images = random_images()
    model = make_gan()
    data = batches(images)
    model.fit(data.shuffled(), steps_per_epoch=1, verbose=0, shuffle=False)
    model.save(tmp_path / "good.keras")
    assert where_it_began(model, data, 0, 4) is None

    first_of_step = data.shuffled(2).take(1).get_single_element().numpy()
    index = next(i for i in range(len(images)) if np.array_equal(images[i], first_of_step[0]))
    broken = images.copy()
    broken[index, 3, 3, 0] = np.nan
    step, what, _ = where_it_began(model, batches(broken), 0, 4)
    assert (step, what) == (3, "a number in the batch of data")

    model.load_weights(tmp_path / "good.keras")
    weight = model.discriminator.trainable_variables[-2]
    weight.assign(np.full(weight.shape, 9e37))
    step, what, cause = where_it_began(model, data, 0, 4)
    assert step == 1 and what.startswith(("generator_loss", "discriminator_loss"))
    assert "weights that have become too large" in cause and weight.path in cause

    wild = make_gan(rate=1e6)
    wild.fit(data.shuffled(), steps_per_epoch=1, verbose=0, shuffle=False)
    wild.load_weights(tmp_path / "good.keras")
    for optimizer in (wild.generator_optimizer, wild.discriminator_optimizer):
        optimizer.learning_rate.assign(1e6)
    step, what, cause = where_it_began(wild, data, 0, 4)
    assert step == 1 and what.startswith("generator: ")
    assert cause.startswith("a learning rate that is too large")


def test_a_lost_weight_that_no_loss_shows_is_seen():
    """An embedding of a token that no batch has: the loss stays finite on every processor.

    On some, oneDNN's fused ReLU hides others, too.
    """
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(3, 2)])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    table = np.array(model.layers[0].embeddings)
    table[2] = np.nan
    model.layers[0].embeddings.assign(table)
    data = {"x": np.ones((64, 4), "int32"), "y": np.ones((64, 1)), "verbose": 0}
    assert np.isfinite(model.fit(**data).history["loss"]).all()
    with pytest.raises(TrainingDiverged, match="embeddings"):
        model.fit(**data, callbacks=[DivergenceStop()])


@pytest.mark.slow
@pytest.mark.usefixtures("few_digits")
def test_a_diverged_run_ends_with_code_3_and_keeps_its_last_good_checkpoint(
    tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "run"
    seen = []

    def poison(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 8:  # the last step of the second epoch, whose metrics are still finite
            weight = self.model.averaged_generator.variables[0]
            weight.assign(weight * np.nan)

    monkeypatch.setattr(ImageGrid, "on_train_batch_end", poison)
    argv = ["--generator-widths", "4", "4", "--discriminator-widths", "4", "4", "--limit", "64"]
    argv += ["--batch-size", "16", "--epochs", "3", "--verbose", "0", "--run-dir", str(folder)]
    assert train_gan.main(argv) == 3
    said = capsys.readouterr().err
    assert "diverged: averaged_generator: " in said and said.count("\n") == 1
    assert "step 4 is kept" in said and "--learning-rate" in said
    assert newest_manifest(folder)["step"] == 4
    for path in (folder / "checkpoints").glob("*.keras"):
        assert all(np.isfinite(array).all() for array in saved_arrays(path).values())
    assert not (folder / "model.keras").exists()
