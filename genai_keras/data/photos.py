"""Crops of the two photographs in scikit-learn."""

import numpy as np

from genai_keras.errors import UsageError


def read_photos(size):
    """Training and validation crops, `(n, size, size, 3)` uint8; no pixel is in both.

    Raises:
        UsageError: the size is too large.
    """
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images  # two of (427, 640, 3)
    height, width, _ = photos[0].shape
    border = width - max(width // 5, size)  # the validation crops are to the right of it
    if size > min(height, border):
        raise UsageError(f"`image_size={size}` is too large for photos: at most {width // 2}")

    def crops(left, right, stride):
        return np.stack(
            [
                photo[y : y + size, x : x + size]
                for photo in photos
                for y in range(0, height - size + 1, stride)
                for x in range(left, right - size + 1, stride)
            ]
        )

    return crops(0, border, 8), crops(border, width, 32)
