"""Evaluates generated images: compares their features with those of unseen real images."""

import numpy as np

from genai_keras.evaluation import distances
from genai_keras.evaluation.bootstrap import (
    bootstrap,
    bootstrap_frechet,
    bootstrap_kernel,
    bootstrap_mean,
)
from genai_keras.evaluation.remarks import with_remarks
from genai_keras.evaluation.report import Row

NEIGHBOURS = 5
CLASSES_SHOWN = 20  # with a figure of their own
KNOWN = 0.9  # fraction of the real images that a detector must recognize, or it is not asked


def score_images(
    ours, reference, training, extractor, asked=None, reference_labels=None, seed=0, names=None
):
    """Compares generated images with real ones.

    The real-data baseline of a figure is the score of the same number of real training images, if
    there are enough; for the distance to the nearest training image, it is the score of the
    reference. Intervals of precision, recall and nearest distances resample the evaluated images
    and keep the others fixed.

    A sample counts for precision if it lies among the real images and is recognized as one of their
    kind. The first alone would let noise pass: all features are bounded, so that some real image is
    never far.

    Args:
        ours: generated images, `(n, height, width, channels)` in [0, 1].
        reference: real images that were not used in training.
        training: real images that were used in training.
        extractor: a `FeatureExtractor`.
        asked: the requested labels, `(n,)`, if the model is conditional.
        reference_labels: the true labels, `(m,)`, if the model is conditional.
        seed: seed of the resampling.
        names: names of the classes in the order of their labels; None uses the labels.

    Returns:
        A list of `Row`, and the index of the nearest training image for each of ours, `(n,)`.
    """
    features, labels = extractor.look(ours)
    real, real_labels = extractor.look(reference)
    seen, seen_labels = extractor.look(training)
    # Fewer images have larger distances and smaller fractions, so they are not a baseline.
    baseline = seen[: len(ours)] if len(seen) >= len(ours) else None
    recognized, usual = recognize(extractor, reference, ours, training[: len(ours)])
    precise, recalled = distances.precision_recall(features, real, NEIGHBOURS)
    real_data = {} if baseline is None else measures(baseline, real, usual)
    gaps, places = distances.nearest(features, seen)
    real_gaps, _ = distances.nearest(real, seen)
    on = f"on {extractor.name}"
    rows = [
        Row(
            "frechet_distance",
            bootstrap_frechet(features, real, seed=seed),
            real_data.get("frechet_distance"),
            f"from {len(ours)} samples to {len(real)} real images, {on}; lower is better",
        ),
        Row(
            "kernel_distance",
            bootstrap_kernel(features, real, seed=seed),
            real_data.get("kernel_distance"),
            f"a similar distance without bias, {on}; lower is better",
        ),
        Row(
            "precision",
            bootstrap_mean(precise if recognized is None else precise & recognized, seed=seed),
            real_data.get("precision"),
            "fraction of the samples that lie among the real images"
            f"{'' if recognized is None else ', and are recognized'}",
        ),
        Row(
            "recall",
            bootstrap_mean(recalled, seed=seed),
            real_data.get("recall"),
            "fraction of the real images that lie among the samples",
        ),
        Row(
            "nearest_training",
            bootstrap_mean(gaps, seed=seed),
            real_gaps.mean(),
            "distance to the nearest training image; far below real data means memorizing: "
            f"{100 * _copies(gaps, real_gaps):.0f} % are as near as the nearest 1 % of real images",
        ),
    ]
    if recognized is not None:
        figure, expected = bootstrap_mean(recognized, seed=seed), real_data.get("recognized")
        meaning = f"fraction of the samples that are {extractor.kind} at all, to a detector"
        rows.insert(2, Row("recognized", figure, expected, meaning))
    if labels is not None:
        classes, expected = extractor.classes, None
        if baseline is not None:
            expected = distances.class_coverage(seen_labels[: len(ours)], real_labels, classes)
        figure = bootstrap_coverage(labels, real_labels, classes, seed=seed)
        meaning = "1 if all classes are as frequent as they should be"
        rows.append(Row("class_coverage", figure, expected, meaning))
    if labels is not None and asked is not None:
        meaning = "fraction of samples in which the classifier sees the requested label"
        expected = np.mean(real_labels == reference_labels)
        figure = bootstrap_mean(labels == asked, seed=seed)
        rows.append(Row("label_agreement", figure, expected, meaning))
    if asked is not None:
        rows += _score_classes((features, asked), (real, reference_labels), seed, names)
    return with_remarks(rows, extractor.kind), places


def _copies(gaps, real_gaps):
    """The fraction of distances to the training images that only 1 % of the real ones stay below.

    A Frechet distance cannot see copies (Meehan et al. 2020, https://arxiv.org/abs/2004.05675).
    """
    return np.mean(gaps <= np.quantile(real_gaps, 0.01))


def recognize(extractor, reference, *samples):
    """Which images of each sample the extractor's detector recognizes, `(n,)` bool each.

    They are None if there is no detector, or if it does not know such images as the reference,
    for example digits at 8 x 8.
    """
    known = extractor.recognizes(reference)
    if known is None or known.mean() < KNOWN:
        return [None] * len(samples)
    return [extractor.recognizes(each) for each in samples]


def measures(features, real, recognized=None):
    """The figures of one sample of features compared with another, without intervals.

    Args:
        features, real: `(n, d)` and `(m, d)`.
        recognized: which of the first are recognized, `(n,)` bool, or None.
    """
    precise, recalled = distances.precision_recall(features, real, NEIGHBOURS)
    found = {
        "frechet_distance": distances.frechet_distance(features, real),
        "kernel_distance": distances.kernel_distance(features, real),
        "precision": precise.mean(),
        "recall": recalled.mean(),
    }
    if recognized is not None:
        found |= {"precision": np.mean(precise & recognized), "recognized": recognized.mean()}
    return found


def _score_classes(ours, real, seed, names):
    """Recall within the classes: whether samples have as much variety as each has.

    A class with too few real images is left out, and so are those after the first `CLASSES_SHOWN`.
    """
    (features, asked), (real_features, truth) = ours, real
    rows = []
    for label in np.unique(truth):
        members, real_members = features[asked == label], real_features[truth == label]
        if min(len(members), len(real_members)) <= NEIGHBOURS or len(rows) == CLASSES_SHOWN:
            continue
        name = str(names[label] if names else label)
        _, recalled = distances.precision_recall(members, real_members, NEIGHBOURS)
        figure = bootstrap_mean(recalled, seed=seed)
        key = f"recall_of_{'_'.join(name.split())}"
        rows.append(Row(key, figure, None, f"recall within class {name}"))
    return rows


def bootstrap_coverage(labels, reference, classes, seed=0):
    """`class_coverage` of labels `(n,)` and `(m,)`, both resampled, as a `Figure`."""
    return bootstrap(
        lambda *drawn: distances.class_coverage(*drawn, classes),
        labels,
        reference,
        seed=seed,
        least=0.0,
        most=1.0,
    )
