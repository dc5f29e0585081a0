"""Wrong answers to chapter 3 as learners give them, each with a part of the hint it should get."""

import keras
import numpy as np
from keras import ops


def keras_says_same(size, stride, kernel):
    layer = keras.layers.Conv2DTranspose(1, kernel, strides=stride, padding="same")
    return layer(np.zeros((1, size, size, 1), "float32")).shape[1]


def painted(size, stride, kernel):
    end = 0
    for _ in range(size):
        end += stride
    return end + kernel


def forward(size, stride, kernel):
    return len(range(0, size - kernel + 1, stride))


def end_of_the_last_patch(size, stride, kernel):
    last = list(range(0, size * stride, stride))[-1]
    return last + kernel - 1


def doubled_first(pixels):
    return pixels * 2 / 255 - 1


def shifted_first(pixels):
    return (pixels - 128) / 128


def by_128(pixels):
    return (ops.cast(pixels, "float32") - 128.0) / 128.0


def by_its_own_range(pixels):
    pixels = pixels.astype("float32")
    low, high = pixels.min(), pixels.max()
    return 2 * (pixels - low) / (high - low) - 1


def each_image(x, gamma, beta, epsilon):
    images = []
    for image in x:
        mean, variance = image.mean(axis=(0, 1)), image.var(axis=(0, 1))
        images.append((image - mean) / np.sqrt(variance + epsilon) * gamma + beta)
    return np.stack(images)


def of_the_batch_only(x, gamma, beta, epsilon):
    mean, variance = ops.moments(x, axes=[0])
    return (x - mean) * ops.rsqrt(variance + epsilon) * gamma + beta


def channel_by_channel(x, gamma, beta, epsilon):
    result = np.empty(x.shape)
    for c in range(x.shape[-1]):
        values = x[..., c]
        variance = np.sum((values - np.mean(values)) ** 2) / (values.size - 1)
        result[..., c] = gamma[c] * (values - np.mean(values)) / (variance + epsilon) ** 0.5
        result[..., c] += beta[c]
    return result


def no_epsilon(x, gamma, beta, epsilon):
    flat = x.reshape(-1, x.shape[-1])
    normal = (flat - flat.mean(0)) / flat.std(0)
    return (normal * gamma + beta).reshape(x.shape)


def no_root(x, gamma, beta, epsilon):
    centred = x - ops.mean(x, axis=(0, 1, 2), keepdims=True)
    variance = ops.mean(centred**2, axis=(0, 1, 2), keepdims=True)
    return beta + gamma * centred / (variance + epsilon)


def layer_norm(x, gamma, beta, epsilon):
    return ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=epsilon)


def in_place(average, weights, decay):
    average *= decay
    average += (1 - decay) * weights
    return average


def number_by_number(average, weights, decay):
    pairs = zip(average.ravel(), weights.ravel(), strict=True)
    return np.reshape([a + decay * (w - a) for a, w in pairs], average.shape)


WRONG = (
    ("transposed_convolution_size", 'padding="same"', keras_says_same),
    ("transposed_convolution_size", "one stride too many", painted),
    ("transposed_convolution_size", "this is the size after a convolution, which shrinks", forward),
    ("transposed_convolution_size", "not kernel - 1", end_of_the_last_patch),
    ("transposed_convolution_size", "stride and kernel are swapped", lambda n, s, k: n * k - k + s),
    ("scale_pixels", "2 * pixels overflows", doubled_first),
    ("scale_pixels", "pixels - 128 overflows", shifted_first),
    ("scale_pixels", "does not become exactly 1", by_128),
    ("scale_pixels", "does not become exactly 1", lambda x: 2 * (x / 256) - 1),
    (
        "scale_pixels",
        "scaled by the smallest and the largest pixel of the images",
        by_its_own_range,
    ),
    ("scale_pixels", "this is 0..1", lambda x: keras.layers.Rescaling(1 / 255)(x)),
    ("scale_pixels", "this is 0..2", lambda x: x.astype("float32") * 2 / 255),
    ("batch_normalization", "instance normalization", each_image),
    ("batch_normalization", "averaged over the batch only", of_the_batch_only),
    ("batch_normalization", "divided by n - 1", channel_by_channel),
    ("batch_normalization", "epsilon is missing", no_epsilon),
    ("batch_normalization", "divided by the variance", no_root),
    ("batch_normalization", "layer normalization", layer_norm),
    ("exponential_moving_average", "on the wrong side", number_by_number),
    ("exponential_moving_average", "changes its arguments", in_place),
    ("exponential_moving_average", "the plain mean", lambda a, w, d: ops.mean([a, w], axis=0)),
    ("exponential_moving_average", "or the average grows", lambda a, w, d: ops.add(d * a, w)),
    (
        "exponential_moving_average",
        "towards them",
        lambda a, w, d: a - (1 - d) * (w - a),
    ),
)
