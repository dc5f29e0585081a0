"""The laws of the batches: each epoch a permutation, each batch a function of seed and step."""

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
    with pytest.raises(UserError, match="--batch-size 7 or less"):
        numbers(7, 8).shuffled()
