"""Data that users pass to `fit`: checked once before the first step, then adapted or rejected."""

import itertools
import types
import warnings

import keras
import numpy as np
import tensorflow as tf

from genai_keras.likelihoods import Bernoulli
from genai_keras.models.own_networks import last_activation

LOOK = 256  # samples of an array to check: about a large batch


class TakesImages:
    """`fit` and `evaluate` of a model that learns images: list it before `keras.Model`.

    Both take NumPy arrays, `fit(images)` or `fit(images, labels)`, and batches of such pairs in a
    `tf.data.Dataset` or a generator. They check the first batch and then

    - scale images of type uint8 to the `value_range` of the model; all others must be in it;
    - make integer labels one-hot if the model is conditional;
    - leave labels out if it is not.

    All other data are passed on unchanged. A dataset of unknown cardinality may allow only one
    pass, so only its shapes and types are checked, not its values.

    The model has `sample_shape`, `value_range`, and `classes`, which is 0 without labels.

    Raises:
        ValueError: the data do not fit the model; the message says what to do.
    """

    def fit(self, x=None, y=None, *arguments, validation_data=None, **keywords):
        x, y = prepared(self, x, y)
        if isinstance(validation_data, (tuple, list)):
            validation_data = prepared(self, *validation_data[:2])
        elif validation_data is not None:
            validation_data, _ = prepared(self, validation_data)
        return super().fit(x, y, *arguments, validation_data=validation_data, **keywords)

    def evaluate(self, x=None, y=None, *arguments, **keywords):
        if not keywords.get("_use_cached_eval_dataset"):  # already prepared by `fit`
            x, y = prepared(self, x, y)
        return super().evaluate(x, y, *arguments, **keywords)


def prepared(model, x, y=None):
    """`x` and `y` of `fit` as the model takes them; the same objects if they already fit."""
    if isinstance(x, (tuple, list)) and len(x) == 2 and y is None:
        x, y = x
    if isinstance(x, tf.data.Dataset):
        first = x.element_spec
        if x.cardinality() != tf.data.UNKNOWN_CARDINALITY:
            first = next(iter(x.take(1)), first)
        change = change_for(model, *_parts(first))
        return (x.map(lambda *batch: change(*batch[:2])) if change else x), None
    if isinstance(x, types.GeneratorType):
        first = next(x, None)
        if first is None:
            return x, y
        change = change_for(model, *_parts(first))
        batches = itertools.chain([first], x)  # nothing is lost
        return (change(*_parts(each)) if change else each for each in batches), None
    if isinstance(x, keras.utils.PyDataset):
        if change_for(model, *_parts(x[0])):
            raise ValueError(
                f"{type(x).__name__} must return float32 images in {_range(model)}, "
                + ("with one-hot labels" if model.classes else "without labels")
            )
        return x, y
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return x, y  # Keras supports more kinds, such as distributed datasets
    change = change_for(model, x, y)
    if change is None:
        return x, y
    images, *labels = (each.numpy() for each in change(x, y))
    return images, labels[0] if labels else None


def change_for(model, images, labels=None):
    """The change that each batch needs, judged from the first.

    Args:
        model: a `TakesImages`.
        images: a batch, or its `tf.TensorSpec`.
        labels: the same for labels, or None.

    Returns:
        A function of images and labels that returns a tuple of inputs of the model; None if no
        change is needed.

    Raises:
        ValueError: the data do not fit the model.
    """
    _check_shape(model, images)
    scale = _scaling(model, images)
    _check_range(model, images, scale)
    labels = labels if labels is None or hasattr(labels, "shape") else np.asarray(labels)
    encode = _encoding(model, labels)
    if scale is None and encode is None and (model.classes or labels is None):
        return None

    def change(images, labels=None):
        images = images if scale is None else scale(images)
        if not model.classes:
            return (tf.convert_to_tensor(images),)
        return tf.convert_to_tensor(images), (encode or tf.convert_to_tensor)(labels)

    return change


def _parts(batch):
    """The images of a batch, and its labels if there are any."""
    if isinstance(batch, dict):
        raise ValueError(
            "the data are dictionaries: make them pairs first, such as "
            f"`dataset.map(lambda each: (each[{next(iter(batch))!r}], each['label']))`"
        )
    return batch[:2] if isinstance(batch, (tuple, list)) else (batch,)


def _check_shape(model, images):
    expected, shape = model.sample_shape, tuple(images.shape)
    fits = len(shape) == len(expected) + 1 and all(
        a == b for a, b in zip(shape[1:], expected, strict=True) if a and b
    )
    if fits:
        return
    advice = ""
    if shape == expected:
        advice = ": batch the data first, such as `dataset.batch(64)`"
    elif expected[-1] == 1 and shape[1:] == expected[:-1]:
        advice = ": add the channel axis, such as `images[..., np.newaxis]`"
    raise ValueError(
        f"the {type(model).__name__} takes batches of shape {(None, *expected)}, not "
        f"{shape}{advice}"
    )


def _scaling(model, images):
    """A function that scales images of this type to the model's range; None for floats."""
    dtype, wanted = tf.as_dtype(images.dtype), keras.config.floatx()
    low, high = model.value_range
    if dtype == tf.uint8 or dtype == tf.bool:
        white = 255.0 if dtype == tf.uint8 else 1.0
        values = _values(images)
        if white == 255.0 and values is not None and values.max(initial=0) == 1:
            raise ValueError(
                "these uint8 images have no values above 1, so 1 may be white or nearly black: "
                f"make them float32 in {_range(model)}"
            )
        return lambda x: tf.cast(x, wanted) / white * (high - low) + low
    if dtype.is_integer:
        raise ValueError(
            f"images must be uint8 or float32, not {dtype.name}: use `images.astype('uint8')` if "
            "they are in 0..255"
        )
    return None if dtype == wanted else lambda x: tf.cast(x, wanted)


def _check_range(model, images, scale):
    values = _values(images)
    if values is None or not values.size:
        return
    values = values if scale is None else scale(values).numpy()
    (low, high), least, most = model.value_range, values.min(), values.max()
    likelihood, generator = getattr(model, "likelihood", None), getattr(model, "generator", None)
    ends_in = generator and last_activation(generator)
    # A GAN whose samples are not images may learn any numbers.
    if len(model.sample_shape) != 3 and ends_in != "tanh":
        return
    if least < low - 1e-3 or most > high + 1e-3:
        advice = ""
        if most > 2 and least >= 0:
            advice = ", such as `images / 255`" if low == 0 else ", such as `images / 127.5 - 1`"
        elif low == 0 and least >= -1 - 1e-3:
            advice = ", such as `(images + 1) / 2`"
        raise ValueError(
            f"the {type(model).__name__} takes images in {_range(model)}, but these are in "
            f"[{least:g}, {most:g}]: scale them first{advice}"
        )
    if isinstance(likelihood, Bernoulli) and np.any((values > 0) & (values < 1)):
        raise ValueError(
            'likelihood="bernoulli" needs black and white pixels, but these are grey: make '
            "them 0 or 1, such as `(images > 0.5).astype('float32')`, or use "
            'likelihood="logistic" with a decoder that returns 2 outputs for each channel'
        )
    # Images in [0, 1] have black in nearly every batch; a batch of bright images does not.
    if low < 0 and (ends_in == "tanh" or not generator) and 0 <= least < 0.05 < most:
        warnings.warn(
            f"the {type(model).__name__} makes images in {_range(model)}, but these are in "
            f"[{least:g}, {most:g}]: if 0 is black, scale them first, such as `images * 2 - 1`",
            stacklevel=4,
        )


def _encoding(model, labels):
    """A function that makes labels one-hot; None if they already are or the model has none."""
    name, classes = type(model).__name__, model.classes
    if not classes:
        return None
    if labels is None:
        raise ValueError(
            f"this {name} is conditional: it needs labels, as in `fit(images, labels)` or in a "
            "dataset of such pairs"
        )
    shape, dtype = tuple(labels.shape), tf.as_dtype(labels.dtype)
    if len(shape) == 2 and shape[1] == classes:
        wanted = keras.config.floatx()
        return None if dtype == wanted else lambda label: tf.cast(label, wanted)
    values = _values(labels)
    if (
        not (len(shape) == 1 or shape[1:] == (1,))
        or not dtype.is_integer
        or (values is not None and not np.isin(labels, np.arange(classes)).all())
    ):
        raise ValueError(
            f"labels must be integers from 0 to {classes - 1}, or one-hot of shape (batch, "
            f"{classes}); these are {dtype.name} of shape {shape}"
            + (f" in [{values.min():g}, {values.max():g}]" if np.size(values) and values is not None
               else "")
        )  # fmt: skip

    def encode(label):
        label = tf.reshape(tf.convert_to_tensor(label), (-1,))
        with tf.control_dependencies([
            tf.debugging.assert_non_negative(label),
            tf.debugging.assert_less(label, tf.cast(classes, label.dtype)),
        ]):  # fmt: skip
            return tf.one_hot(tf.cast(label, "int64"), classes)

    return encode


def _values(batch):
    """The first values of a batch; None for a `tf.TensorSpec`."""
    return None if isinstance(batch, tf.TypeSpec) else np.asarray(batch[:LOOK])


def _range(model):
    low, high = model.value_range
    return f"[{low}, {high}]"
