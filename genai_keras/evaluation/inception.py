"""The Frechet Inception Distance, for those who have the weights of the network.

Its architecture is the InceptionV3 of `keras.applications`. Published distances are of another
conversion of this network, with another way to resize, so the numbers do not compare with these.

References: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567; Heusel et al. 2017,
https://arxiv.org/abs/1706.08500
"""

import functools
import hashlib

import keras
import numpy as np
import tensorflow as tf

from genai_keras.errors import UserError, one_line
from genai_keras.evaluation.bootstrap import Figure
from genai_keras.evaluation.distances import frechet_distance
from genai_keras.evaluation.features import checked_images, in_blocks
from genai_keras.evaluation.report import Row

SIDE = 299  # side of the network's input images in pixels
BLOCK = 50  # images per batch: many are large
_SEEN = {}  # features of real images by their content, for all runs that are compared


@functools.cache  # for all runs that are compared
def load_inception(path):
    """Reads weights of `keras.applications.InceptionV3`, with its classifier or without.

    Args:
        path: path of a `.h5` or `.weights.h5` file.

    Returns:
        A `keras.Model`: `(batch, 299, 299, 3)` in [-1, 1] -> `(batch, 2048)`.

    Raises:
        UserError: there is no such file, or it contains something else.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}: give the weights of an InceptionV3")
    for classifier in (False, True):
        network = keras.applications.InceptionV3(
            include_top=classifier, weights=None, input_shape=(SIDE, SIDE, 3), pooling="avg"
        )
        try:
            network.load_weights(path)
        except Exception as error:  # HDF5 and Keras raise errors of many types
            reason = one_line(error)
        else:
            pooled = network.layers[-2 if classifier else -1].output
            return keras.Model(network.input, pooled)
    raise UserError(
        f"{path} does not contain the weights of keras.applications.InceptionV3, with its "
        f"classifier of 1,000 classes or without: {reason}"
    )


def inception_features(network, images):
    """Features `(n, 2048)` float32 of images `(n, height, width, c)` in [0, 1], grey or in colour.

    They are resized to 299 x 299: bilinear, without aliasing when they shrink.
    """
    images = checked_images(images, channels=np.shape(images)[-1])

    def see(part):
        colours = tf.repeat(part, 3 // part.shape[-1], axis=-1)
        return network.predict_on_batch(2 * colours - 1)

    return in_blocks(see, images, SIDE, BLOCK)


def score_inception(path, ours, reference, training):
    """The Frechet Inception Distance of generated images from real ones, as a `Row`.

    It has no interval: with 2,048 features, each resample would take many seconds.

    Args:
        path: as in `load_inception`.
        ours, reference, training: images in [0, 1], as in `score_images`.
    """
    real, baseline = _features_of_real(path, reference), None
    if len(training) >= len(ours):
        baseline = frechet_distance(_features_of_real(path, training[: len(ours)]), real)
    found = inception_features(load_inception(path), ours)
    return Row(
        "frechet_inception_distance",
        Figure(frechet_distance(found, real), None, None),
        baseline,
        "the same distance on features of InceptionV3, as Keras has it; lower is better",
    )


def _features_of_real(path, images):
    """`inception_features` of real images, which are looked at once for all runs on them."""
    key = path, images.shape, hashlib.sha256(images.tobytes()).digest()
    if key not in _SEEN:
        _SEEN[key] = inception_features(load_inception(path), images)
    return _SEEN[key]
