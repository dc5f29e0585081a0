"""A LeNet: the classifier whose features are the ruler that generated pictures are measured with.

Two are shipped, of MNIST and of Fashion-MNIST, trained by `python -m genai_keras.train_lenet`.
"""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from genai_keras.data.batches import Batches
from genai_keras.errors import UserError
from genai_keras.files import whole_file

SIDE = 28  # pixels of the pictures that it takes
FEATURES = 84
SHIFTS = 718  # any constant
BLOCK = 500  # pictures that are looked at together
FOLDER = Path(__file__).parent
# sha256 of the shipped files: what is measured with another ruler cannot be compared. Made on
# one core: two round differently.
CHECKSUMS = {
    "mnist": "3da80849f97b58c81bfd7ac3ba0d1c3281fb30333545cd599b1ea0e27dd7f040",
    "fashion_mnist": "088c0172ddc03559264c82e40d45231dff4b601e8c1cc2e0c9a591fdfa1807a2",
}
# mnist5k is digits of MNIST.
RULER_OF = {"mnist": "mnist", "mnist5k": "mnist", "fashion_mnist": "fashion_mnist"}


def build_lenet(classes=10, seed=0):
    """Builds LeNet-5 with rectified convolutions: picture -> features -> logits.

    Args:
        classes: how many logits.
        seed: of the weights; the same seed gives the same ones.

    Returns:
        A `keras.Model`: `(batch, 28, 28, 1)` in [0, 1] -> `(batch, classes)`, float32, of 61,706
        parameters for 10 classes. Its layer "features" gives the `(batch, 84)`, in (-1, 1), that
        the logits are a linear function of.

    Reference: LeCun et al. 1998, section II.B, https://doi.org/10.1109/5.726791
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(5).tolist())

    def weights():
        return {"kernel_initializer": keras.initializers.GlorotUniform(next(seeds))}

    picture = keras.Input((SIDE, SIDE, 1), name="picture")
    x = layers.Conv2D(6, 5, padding="same", activation="relu", name="conv1", **weights())(picture)
    x = layers.MaxPooling2D()(x)  # (batch, 14, 14, 6)
    x = layers.Conv2D(16, 5, activation="relu", name="conv2", **weights())(x)
    x = layers.MaxPooling2D()(x)  # (batch, 5, 5, 16)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="relu", name="dense", **weights())(x)
    # Bounded and smooth: a Gaussian fits it better than it fits what is cut off at 0.
    x = layers.Dense(FEATURES, activation="tanh", name="features", **weights())(x)
    logits = layers.Dense(classes, name="logits", **weights())(x)
    return keras.Model(picture, logits, name="lenet")


def train_lenet(
    images,
    labels,
    epochs=None,
    seed=0,
    steps=None,
    batch_size=64,
    learning_rate=1e-3,
    shift=1,
    classes=10,
    verbose=0,
):
    """Trains a LeNet with Adam, whose step size falls to 0 with a cosine.

    Args:
        images: `(n, 28, 28, 1)` in [0, 1].
        labels: `(n,)` int.
        epochs: passes over the pictures; this or `steps` must be given.
        seed: of the weights, the order and the shifts. Equal seeds give equal weights on the same
            machine with as many cores.
        steps: training steps.
        batch_size: pictures a step, or all if there are fewer.
        learning_rate: Adam's at the beginning.
        shift: pixels that a picture is moved by at most, up or down and to either side, anew at
            each step.
        classes: how many there are.
        verbose: as of `fit`.

    Returns:
        A `keras.Model` from `build_lenet`.

    Raises:
        ValueError: pictures and labels do not fit, or not exactly one of epochs and steps is given.
    """
    images, labels = checked_images(images), np.asarray(labels)
    if len(images) == 0 or images.shape[1:] != (SIDE, SIDE, 1):
        raise ValueError(f"images must be (n, {SIDE}, {SIDE}, 1), not {images.shape}")
    if labels.shape != (len(images),) or not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"labels must be {len(images)} integers from 0 to {classes - 1}")
    if (epochs is None) == (steps is None):
        raise ValueError("give either epochs or steps")
    pictures = tf.constant(images)
    batches = Batches(
        lambda indices: tf.gather(pictures, indices),
        len(images),
        images.shape[1:],
        min(batch_size, len(images)),
        seed,
        labels=labels,
        classes=classes,
    )
    dealt = batches.shuffled()
    if shift:
        dealt = dealt.enumerate().map(
            lambda step, batch: (shifted(batch[0], shift, [seed, step]), batch[1]),
            num_parallel_calls=2,
        )
    steps = steps or epochs * batches.steps_per_epoch
    lenet = build_lenet(classes, seed)
    lenet.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if verbose else None,
        jit_compile=False,  # XLA's convolutions are four times as slow on a CPU
    )
    per_epoch = batches.steps_per_epoch if epochs else steps
    lenet.fit(dealt, epochs=epochs or 1, steps_per_epoch=per_epoch, shuffle=False, verbose=verbose)
    return lenet


def shifted(pictures, most, key):
    """Pictures `(n, height, width, c)`, each moved by up to `most` pixels a way, on black."""
    count, height, width, _ = pictures.shape
    count = count or tf.shape(pictures)[0]
    key = tf.random.fold_in(tf.cast(tf.stack(key), tf.int64), SHIFTS)
    starts = tf.random.stateless_uniform((2, count, 1), key, 0, 2 * most + 1, tf.int32)
    padded = tf.pad(pictures, [[0, 0], [most, most], [most, most], [0, 0]])
    rows = tf.gather(padded, starts[0] + tf.range(height), axis=1, batch_dims=1)
    columns = tf.tile((starts[1] + tf.range(width))[:, None], (1, height, 1))  # (n, height, width)
    return tf.gather(rows, columns, axis=2, batch_dims=2)


def checked_images(images):
    """Pictures as float32, or a `ValueError` that says why they are none of grey in [0, 1]."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 1:
        raise ValueError(f"images must be grey, (n, height, width, 1), not {images.shape}")
    images = images.astype("float32", copy=False)
    # Written so that NaN is refused, too, and rounding is not.
    if images.size and not (images.min() >= -1e-3 and images.max() <= 1.0 + 1e-3):
        raise ValueError(f"images must be in [0, 1], not from {images.min()} to {images.max()}")
    return images


class Ruler:
    """What a trained LeNet sees in pictures.

    Args:
        lenet: a `keras.Model` from `build_lenet`.
        name: of its features.
    """

    def __init__(self, lenet, name="LeNet features"):
        self.lenet = lenet
        self.name = name
        self.both = keras.Model(lenet.input, [lenet.get_layer("features").output, lenet.output])

    def look(self, images):
        """Features and labels of pictures, in one pass.

        Args:
            images: `(n, height, width, 1)` in [0, 1], n may be 0; resized to 28 x 28.

        Returns:
            The features, `(n, 84)` float32, and the likeliest label of each, `(n,)` int64.

        Raises:
            ValueError: they are no such pictures.
        """
        images = checked_images(images)
        features = np.empty((len(images), FEATURES), "float32")
        labels = np.empty(len(images), "int64")
        for start in range(0, len(images), BLOCK):
            part = slice(start, start + BLOCK)
            features[part], logits = self.both(resized(images[part]))
            labels[part] = tf.argmax(logits, axis=1)
        return features, labels

    def features(self, images):
        """Features of pictures, `(n, 84)` float32; see `look`."""
        return self.look(images)[0]

    def classify(self, images):
        """The likeliest label of each picture, `(n,)` int64; see `look`."""
        return self.look(images)[1]


def resized(images):
    """Pictures of any size as 28 x 28 ones: bilinear, without aliasing when they shrink."""
    if images.shape[1:3] == (SIDE, SIDE):
        return images
    return tf.image.resize(images, (SIDE, SIDE), antialias=True).numpy()


def load_ruler(dataset):
    """The shipped LeNet of a data set, as a `Ruler`.

    Args:
        dataset: one of `RULER_OF`: "mnist", "mnist5k", "fashion_mnist". The LeNet of MNIST has been
            trained on all of MNIST's training pictures, and so on both parts of mnist5k.

    Raises:
        UserError: there is none for this data set, or its file is damaged.
    """
    if dataset not in RULER_OF:
        raise UserError(f"no LeNet is shipped for {dataset}: use one of {', '.join(RULER_OF)}")
    path = shipped(dataset)
    found = checksum(path)
    if found != CHECKSUMS[RULER_OF[dataset]]:
        # Training it again gives the same bits only on a machine like the one it was made on.
        raise UserError(
            f"{path} is {'damaged' if found else 'absent'}: install genai_keras again; the file "
            f"was made by python -m genai_keras.train_lenet --dataset {RULER_OF[dataset]} "
            f"--out {path.name}"
        )
    return Ruler(load_lenet(path))


def shipped(dataset):
    """Where the LeNet of a data set lies that comes with the package."""
    return FOLDER / f"lenet-{RULER_OF[dataset]}.npz"


def checksum(path):
    """The sha256 of a file in hexadecimal digits; None if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def save_lenet(lenet, path):
    """Writes the weights as float16 to a `.npz` file: equal weights give equal bytes.

    Args:
        lenet: from `build_lenet`.
        path: of the file.
    """
    weights = {
        f"{layer.name}_{name}": np.asarray(weight, "float16")
        for layer in lenet.layers
        for name, weight in zip(("kernel", "bias"), layer.get_weights(), strict=False)
    }
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **weights)


def load_lenet(path):
    """Reads what `save_lenet` wrote.

    Args:
        path: of the file.

    Returns:
        A `keras.Model`, as from `build_lenet`.

    Raises:
        UserError: it is no such file, or damaged.
    """
    damage = (EOFError, ValueError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            weights = {name: file[name].astype("float32") for name in file.files}
        lenet = build_lenet(weights["logits_bias"].size)
        for layer in lenet.layers:
            if layer.weights:
                layer.set_weights([weights.pop(f"{layer.name}_{n}") for n in ("kernel", "bias")])
        if weights:
            raise ValueError(f"it holds {sorted(weights)}, too")
    except damage as error:
        raise UserError(f"{path} is not the weights of a LeNet, or is damaged: {error}") from None
    return lenet
