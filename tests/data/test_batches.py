"""The laws of the batches: each epoch a permutation, each batch a function of seed and step."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.errors import UserError


def numbers(count, batch_size, seed=0):
    """Batches whose samples are their own indices."""
    return Batches(lambda i: tf.cast(i, tf.float32)[:, None], count, (1,), batch_size, seed)


def take(dataset, batches):
    return np.stack([batch.numpy().ravel() for batch in dataset.take(batches)]).astype(int)


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (103, 10), (7, 7), (5000, 64)])
def test_an_epoch_shows_each_sample_at_most_once(count, batch_size):
    batches = numbers(count, batch_size)
    for epoch in range(3):
        seen = take(batches.shuffled(epoch * batches.steps_per_epoch), batches.steps_per_epoch)
        assert len(set(seen.ravel())) == seen.size == count // batch_size * batch_size
        assert seen.min() >= 0 and seen.max() < count


def test_batches_from_any_step_on_are_those_of_the_whole():
    whole = take(numbers(103, 10).shuffled(), 35)
    for start in (1, 9, 10, 27):
        assert np.array_equal(take(numbers(103, 10).shuffled(start), 35 - start), whole[start:])


def test_epochs_and_seeds_have_orders_of_their_own():
    first, second = take(numbers(100, 100).shuffled(), 2)
    other_seed = take(numbers(100, 100, seed=1).shuffled(), 1)[0]
    for order in (first, second, other_seed):
        assert not np.array_equal(order, np.arange(100))
    assert not np.array_equal(first, second) and not np.array_equal(first, other_seed)


def test_the_order_has_no_drift():
    """Over many epochs each sample stands early as often as late: no place is anyone's own."""
    places = take(numbers(64, 64).shuffled(), 400).argsort(axis=1)
    standard_error = np.std(np.arange(64)) / np.sqrt(400)
    assert np.abs(places.mean(axis=0) - 31.5).max() < 4.5 * standard_error


def test_in_order_is_one_pass_over_everything():
    parts = [batch.numpy().ravel() for batch in numbers(10, 4).in_order()]
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate(parts), np.arange(10))


def test_fewer_samples_than_a_batch():
    with pytest.raises(UserError, match="`batch_size=7` or less"):
        numbers(7, 8).shuffled()


def test_a_short_epoch_is_dealt_from_all_samples():
    """Epochs of 3 batches of 10: each takes other samples, and in time all have their turn."""
    batches = dataclasses.replace(numbers(100, 10), epoch_steps=3)
    assert batches.steps_per_epoch == 3
    epochs = take(batches.shuffled(), 3 * 40).reshape(40, 30)
    assert all(len(set(epoch)) == 30 for epoch in epochs)
    assert set(epochs.ravel()) == set(range(100))
    assert np.array_equal(take(batches.shuffled(7), 5), epochs.reshape(-1, 10)[7:12])


def test_an_epoch_is_no_longer_than_a_full_pass():
    batches = dataclasses.replace(numbers(103, 10), epoch_steps=11)
    assert batches.steps_per_epoch == 10
    assert np.array_equal(take(batches.shuffled(), 25), take(numbers(103, 10).shuffled(), 25))


def test_samples_of_several_arrays_stay_together_and_keep_their_types():
    def fetch(indices):
        source = tf.cast(indices, tf.int32)[:, None] + tf.constant([[0, 100]])
        return source, tf.cast(indices, tf.float32) / 2

    batches = Batches(fetch, 10, ((2,), ()), 4)
    source, halves = batches.first(6)
    assert source.dtype == np.int32 and halves.dtype == np.float32
    assert np.array_equal(source, [[i, i + 100] for i in range(6)])
    assert np.array_equal(halves, np.arange(6) / 2)
    assert [len(part) for part in batches.first(50)] == [10, 10]
    source, halves = next(iter(batches.shuffled()))
    assert np.array_equal(source[:, 0], halves * 2)


def greys(batch_size, seed=0, count=400):
    """Images of 4 x 4 pixels, each a black-and-white draw from the same 16 greys."""
    levels = tf.reshape(tf.linspace(0.0, 1.0, 16), (4, 4))
    return Batches(
        lambda i: tf.tile(levels[None], (tf.size(i), 1, 1)), count, (4, 4), batch_size, seed, True
    )


def test_validation_is_binarized_by_the_index_alone():
    """Every model and every run is measured on the same black-and-white images."""
    images = greys(64).first(400)
    assert np.array_equal(greys(7, seed=3).first(400), images)
    assert np.array_equal(np.concatenate(list(greys(400).in_order().as_numpy_iterator())), images)
    # A sequence of pixels is the same image: an autoregressive model is held against a VAE.
    batches = greys(64)
    flat = dataclasses.replace(
        batches, element_shape=(16,), fetch=lambda i: tf.reshape(batches.fetch(i), (-1, 16))
    )
    assert np.array_equal(flat.first(400), images.reshape(400, 16))
    assert len(np.unique(images, axis=0)) > 250  # each with a draw of its own


@pytest.mark.parametrize("of_training", [True, False])
def test_binarized_values_are_ones_as_often_as_they_are_bright(of_training):
    batches = greys(400)
    dataset = batches.shuffled().take(10) if of_training else batches.in_order()
    images = np.concatenate(list(dataset.as_numpy_iterator()))
    assert images.dtype == np.float32 and set(np.unique(images)) == {0, 1}
    brightness = np.linspace(0, 1, 16).reshape(4, 4)
    error = np.sqrt(brightness * (1 - brightness) / len(images))
    assert np.all(np.abs(images.mean(axis=0) - brightness) <= 4 * error + 1e-9)


def test_training_is_binarized_anew_at_each_step_and_by_the_seed():
    first, second = (batch.numpy() for batch in greys(400).shuffled().take(2))
    other_seed = next(iter(greys(400, seed=1).shuffled())).numpy()
    again = next(iter(greys(400).shuffled(1))).numpy()
    assert not np.array_equal(first, second) and not np.array_equal(first, other_seed)
    assert np.array_equal(again, second)


@pytest.mark.parametrize("order", ["shuffled", "in_order"])
def test_black_and_white_are_the_same_pixels_in_any_range(order):
    grey = np.random.default_rng(0).uniform(size=(20, 6)).astype("float32")
    found = {}
    for low, high in ((0, 1), (-1, 1), (3, 7)):
        scaled = tf.constant(low + (high - low) * grey)
        data = Batches(
            lambda i, scaled=scaled: tf.gather(scaled, i), 20, (6,), 5, seed=0, binarize=True,
            value_range=(low, high),
        )  # fmt: skip
        dataset = getattr(data, order)().take(4)
        pixels = np.concatenate([batch.numpy() for batch in dataset])
        assert set(np.unique(pixels)) == {low, high}
        found[low, high] = (pixels - low) / (high - low)
    assert np.array_equal(found[0, 1], found[-1, 1]) and np.array_equal(found[0, 1], found[3, 7])
