"""Which features see known corruptions: Frechet distances on real images that need no download.

    python tests/benchmarks/benchmark_features.py

The feature extractor learns from training images; held-out images are corrupted more and more, and
compared with training images that it has not seen.
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf
from scipy import ndimage
from timing import clocks, since

import genai_keras.cli.quiet  # noqa: F401
from genai_keras.data.images import load_images
from genai_keras.evaluation.distances import frechet_distance
from genai_keras.evaluation.self_supervised import STEPS, train_features

RNG = np.random.default_rng(0)
CORRUPTIONS = {
    "blur": ((0.5, 1, 2, 4), lambda x, sigma: ndimage.gaussian_filter(x, (0, sigma, sigma, 0))),
    "noise": (
        (0.05, 0.1, 0.2, 0.4),
        lambda x, sigma: np.clip(x + RNG.normal(0, sigma, x.shape), 0, 1).astype("float32"),
    ),
}
DROPPED = (2, 4, 6, 8)  # of ten digits


def thumbnails(images):
    """Pixels at 8 x 8."""
    return tf.image.resize(images, (8, 8), method="area").numpy().reshape(len(images), -1)


def sets(dataset, count, **arguments):
    """Images to train on, `Batches`, and two other samples that look like them, with labels."""
    train, _ = load_images(dataset, value_range=(0, 1), **arguments)
    images = train.first(train.count)
    learn, ours = (
        dataclasses.replace(train, count=train.count - 2 * count),
        slice(-2 * count, -count),
    )
    labels = None if train.labels is None else train.labels[ours]
    return learn, images[ours], images[-count:], labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    for dataset, options in (("mnist5k", {"channels": 3}), ("photos", {"image_size": 32})):
        learn, clean, reference, labels = sets(dataset, 750, **options)
        start = clocks()
        extractor = train_features(learn, arguments.steps)
        wall, cpu = since(start)
        print(
            f"{dataset}: trained on {learn.count} in {wall / 1000:.0f} s, {cpu / 1000:.0f} of CPU"
        )
        samples = {"as they are": clean}
        for name, (strengths, corrupt) in CORRUPTIONS.items():
            samples |= {f"{name} {strength}": corrupt(clean, strength) for strength in strengths}
        if labels is not None:
            for dropped in DROPPED:
                kept = np.flatnonzero(labels < 10 - dropped)
                samples[f"{dropped} digits dropped"] = clean[np.resize(kept, len(clean))]
        for name, images in samples.items():
            ours = frechet_distance(extractor.look(images)[0], extractor.look(reference)[0])
            crude = frechet_distance(thumbnails(images), thumbnails(reference))
            print(f"| {name} | {ours:.2f} | {crude:.3f} |")


if __name__ == "__main__":
    main()
