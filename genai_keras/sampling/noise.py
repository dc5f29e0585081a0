"""Noise by seed and block, and paths between latent vectors."""

import numpy as np
import tensorflow as tf

BLOCK = 250  # number of samples at a time


def noise_block(seed, number, latent_dim):
    """One block of N(0, 1) noise, `(BLOCK, latent_dim)` float32.

    Blocks are drawn whole and then cut, so that fewer samples are the first of more.

    Args:
        seed: an integer.
        number: number of the block, an integer.
        latent_dim: length of the noise vector.
    """
    key = tf.convert_to_tensor([seed, number], tf.int64)
    return tf.random.stateless_normal((BLOCK, latent_dim), key)


def interpolation(first, last, steps, method="spherical"):
    """A path of `steps` points from one latent vector to another, including both.

    "spherical" rotates about the origin at a constant rate (Shoemake 1985) while the length changes
    evenly. For vectors on one line, this is the same as "linear".
    """
    if method not in ("linear", "spherical"):
        raise ValueError(f"method must be 'linear' or 'spherical', not {method!r}")
    t = np.linspace(0.0, 1.0, steps)[:, None]  # (steps, 1)
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    straight = (1.0 - t) * first + t * last
    if method == "linear" or min(lengths) == 0.0:
        return straight
    first, last = first / lengths[0], last / lengths[1]
    angle = np.arccos(np.clip(np.dot(first, last), -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return straight
    turned = (np.sin((1.0 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return turned * ((1.0 - t) * lengths[0] + t * lengths[1])
