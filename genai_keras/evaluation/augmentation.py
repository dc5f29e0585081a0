"""Do generated images help a classifier that has few real images?

Two classifiers start with the same weights and take the same number of steps with the same batch
size. One sees N real images per class, the other the same images mixed with generated ones. Both
are evaluated on all test images, with several seeds. A seed changes everything: the real images,
the generated ones, the weights and the order.
"""

import warnings
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import stats

from genai_keras.data.batches import Batches
from genai_keras.errors import UserError
from genai_keras.evaluation.features import LeNetFeatures
from genai_keras.evaluation.lenet_training import train_lenet
from genai_keras.models.vae import VAE
from genai_keras.networks import dense

LEVEL = 0.95  # confidence level of the intervals
BATCH = 64
CONCLUSIONS = ("better", "worse", "no difference that these seeds can tell")


@dataclass(frozen=True)
class Comparison:
    """The effect of generated images for one number of real images.

    Args:
        per_class: number of real images per class.
        without: accuracies without generated images, 0 to 1, one per seed.
        augmented: accuracies with them, for the same seeds.
    """

    per_class: int
    without: tuple[float, ...]
    augmented: tuple[float, ...]

    @property
    def differences(self):
        """The gain in accuracy for each seed, `(seeds,)`; negative for a loss."""
        return np.subtract(self.augmented, self.without)

    @property
    def interval(self):
        """The mean difference, and half the width of its 95 % interval."""
        return paired_interval(self.differences)

    @property
    def conclusion(self):
        """One of `CONCLUSIONS`: whether the interval lies above 0, below 0, or contains 0."""
        mean, half_width = self.interval
        if mean - half_width > 0:
            return CONCLUSIONS[0]
        return CONCLUSIONS[1] if mean + half_width < 0 else CONCLUSIONS[2]


def paired_interval(differences):
    """The mean of differences, and half the width of its 95 % interval (Student's t).

    Args:
        differences: `(n,)`, at least 2, independent.
    """
    differences = np.asarray(differences, "float64")
    if differences.ndim != 1 or len(differences) < 2:
        raise ValueError(f"differences must be (n,), at least 2, not {differences.shape}")
    with warnings.catch_warnings():  # about lost precision, if all differences are equal
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = stats.ttest_1samp(differences, 0.0).confidence_interval(LEVEL)
    return float(differences.mean()), float((high - low) / 2)


def augmentation_experiment(
    images,
    labels,
    test_images,
    test_labels,
    make,
    per_class=(10, 50, 200),
    generated=200,
    seeds=5,
    steps=1_000,
    classes=10,
    progress=print,
):
    """Trains classifiers with and without generated images.

    No setting depends on a result: all are the same for both classifiers and all seeds.

    Args:
        images: real images to choose from, `(n, 28, 28, 1)` in [0, 1].
        labels: labels of the images, `(n,)` int.
        test_images: images to classify.
        test_labels: labels of the test images.
        make: a function of `(images, labels, generated, seed)` that returns generated images and
            their labels. It gets only the few real images that the classifier has.
        per_class: numbers of real images per class to try.
        generated: number of images per class that `make` should generate.
        seeds: number of repetitions, at least 2.
        steps: training steps of each classifier.
        classes: number of classes.
        progress: a function of a text, called after each repetition; None for silence.

    Returns:
        A `Comparison` for each of `per_class`.

    Raises:
        UserError: a class has too few images.
        ValueError: there are fewer than 2 seeds, or `make` does not return labelled images.
    """
    if seeds < 2:
        raise ValueError(f"seeds must be at least 2, not {seeds}: one has no spread")
    labels, test_labels = np.asarray(labels), np.asarray(test_labels)
    for count in per_class:  # checked first, because training takes minutes
        draw_few(labels, count, 0, classes)

    def accuracy(labelled, seed, batch_size):
        lenet = train_lenet(
            *labelled, seed=seed, steps=steps, batch_size=batch_size, classes=classes
        )
        return float(np.mean(LeNetFeatures(lenet).classify(test_images) == test_labels))

    comparisons = []
    for count in per_class:
        batch_size = min(BATCH, count * classes)  # the same for both
        pairs = []
        for seed in range(seeds):
            few = draw_few(labels, count, seed, classes)
            real = images[few], labels[few]
            made = _checked(make(*real, generated, seed), images.shape[1:], classes)
            both = [np.concatenate(parts) for parts in zip(real, made, strict=True)]
            pairs.append([accuracy(each, seed, batch_size) for each in (real, both)])
            if progress:
                without, augmented = (f"{100 * each:.2f} %" for each in pairs[-1])
                progress(
                    f"{count} per class, seed {seed + 1} of {seeds}: {without} without, "
                    f"{augmented} with {len(made[1]):,} generated images"
                )
        comparisons.append(Comparison(count, *zip(*pairs, strict=True)))
    return comparisons


def draw_few(labels, per_class, seed, classes=10):
    """Indices of `per_class` distinct images per class; with one seed, larger sets contain smaller.

    Raises:
        UserError: a class has too few images.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    few = []
    for label in range(classes):
        found = order[labels[order] == label][:per_class]
        if len(found) < per_class:
            raise UserError(
                f"there are only {len(found)} images of class {label}, not {per_class}: use fewer "
                "images per class, or a larger data set"
            )
        few.append(found)
    return np.concatenate(few)


def _checked(made, shape, classes):
    """The result of a `make` with integer labels, or a `ValueError`."""
    images, labels = (np.asarray(each) for each in made)
    if images.shape != (len(labels), *shape) or labels.ndim != 1:
        raise ValueError(
            f"make must return images (n, {', '.join(map(str, shape))}) and labels (n,), "
            f"not {images.shape} and {labels.shape}"
        )
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"make must return integer labels from 0 to {classes - 1}")
    return images, labels.astype("int64")


def vae_maker(steps=1_500, latent_dim=2, widths=(128,), learning_rate=1e-3, classes=10):
    """A `make` that trains a conditional VAE on the few images that it gets.

    Training samples each pixel as black or white from its grey value, anew at each step. The
    generated images are the probabilities of white, which are as grey as the real images. The
    function seeds the global random state of Keras.

    Args:
        steps: training steps.
        latent_dim: length of z. It is small because a larger z also encodes the class: according to
            the LeNet of MNIST, half of the digits sampled with 8 have the wrong class; with 2, it
            is 1 in 20.
        widths: units of the hidden layers of the encoder; the decoder has them in reverse.
        learning_rate: learning rate of Adam.
        classes: number of classes.
    """

    def make(images, labels, generated, seed):
        shape, pixels = images.shape[1:], tf.constant(images)
        batches = Batches(
            lambda indices: tf.gather(pixels, indices),
            len(images),
            shape,
            min(BATCH, len(images)),
            seed,
            binarize=True,
            labels=labels,
            classes=classes,
        )
        keras.utils.set_random_seed(seed)  # for the weights
        vae = VAE(
            dense.build_dense_encoder(shape, latent_dim, widths, classes=classes),
            dense.build_dense_decoder(latent_dim, shape, widths[::-1], classes=classes),
            seed=seed,
        )
        vae.compile(keras.optimizers.Adam(learning_rate))
        vae.fit(batches.shuffled(), epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
        asked = np.arange(generated * classes) % classes
        noise = tf.random.stateless_normal((len(asked), latent_dim), [seed, 0])
        # Called directly, because `generate` would compile a function for a single use.
        outputs = vae.decoder([noise, tf.one_hot(asked, classes)])
        return vae.likelihood.mean(outputs).numpy(), asked

    return make


def model_maker(model):
    """A `make` that takes images from a conditional model that is already trained.

    The model may have seen labels that the classifier does not have. Then the gain is only an upper
    bound for the gain from few images.

    Args:
        model: a `GAN` or a `VAE`, with `classes`.

    Raises:
        ValueError: the model is not conditional.
    """
    if not model.classes:
        raise ValueError("the model must be conditional, because its images need labels")

    def make(images, labels, generated, seed):
        asked = np.arange(generated * model.classes) % model.classes
        low, high = model.value_range
        return (model.generate(len(asked), seed, asked) - low) / (high - low), asked

    return make
