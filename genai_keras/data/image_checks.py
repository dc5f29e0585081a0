"""What looks wrong with images to learn, whichever data set they are from."""

import dataclasses

import numpy as np
import tensorflow as tf

LOOKED_AT = 500  # images of each part
COMPARED = 2_000  # training images among which those of validation are looked for
RANGE = 0.25  # of the way from black to white: images that use less look grey or black
EQUAL = 0.01  # the same: the mean deviation of a pixel from image to image
ALIKE = 0.01  # the same: the root mean square difference of two thumbnails
MANY = 0.05  # fraction of validation images that are like one for training
SIDE = 16  # of a thumbnail


def in_unit(part, count, value_range):
    """The first images of `Batches`, `(n, height, width, channels)` in [0, 1], not binarized."""
    low, high = value_range
    return (dataclasses.replace(part, binarize=False).first(count) - low) / (high - low)


def warnings_about_images(train, validation):
    """What looks wrong with images, a line each.

    Args:
        train, validation: images `(n, height, width, channels)` in [0, 1], a few hundred or
            thousand of each part.
    """
    yield from _about_values(train[:LOOKED_AT])
    yield from _about_copies(train[:COMPARED], validation[:LOOKED_AT])


def _about_values(images):
    low, high = np.quantile(images, (0.001, 0.999))
    first, last = round(255 * low), round(255 * high)
    used = f"the images use only the values {first} to {last} of 0 to 255, so they"
    if first == last:
        yield f"all images are of one value, {first} of 255: there is nothing to learn"
    elif high < RANGE:
        yield (
            f"{used} look black: make each brighter, as with `magick in.png -evaluate multiply "
            f"{255 // last} out.png`"
        )
    elif high - low < RANGE:
        yield f"{used} have hardly any contrast: spread them before training"
    elif len(images) > 1 and images.std(axis=0).mean() < EQUAL:
        yield "all images are nearly equal, so a model can only learn their mean"


def _about_copies(train, validation):
    """Images for validation that a model has seen in training, but for their last bits."""
    from sklearn import metrics  # here, because the import takes a second

    seen, new = _thumbnails(train), _thumbnails(validation)
    _, nearest = metrics.pairwise_distances_argmin_min(new, seen)
    alike = nearest < ALIKE * np.sqrt(new.shape[1])
    if alike.mean() > MANY and alike.sum() > 1:  # one may be by chance
        yield (
            f"{alike.mean():.0%} of the validation images look like one for training, so "
            "validation says little about new images: remove copies that are only scaled, cut or "
            "saved again"
        )


def _thumbnails(images):
    small = tf.image.resize(images, (SIDE, SIDE), method="area").numpy()
    return small.reshape(len(images), -1)
