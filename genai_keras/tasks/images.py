"""Images, for any model with `generate`, `stream`, `classes` and a `value_range`."""

import dataclasses
from functools import partial

import numpy as np
from PIL import Image

from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.classes import doubts_about_classes, find_classes, frequencies
from genai_keras.data.image_checks import COMPARED, LOOKED_AT, in_unit, warnings_about_images
from genai_keras.data.images import load_images, to_pixels
from genai_keras.errors import UsageError, UserError
from genai_keras.evaluation.features import lenet_of, load_feature_extractor
from genai_keras.evaluation.images import NEIGHBOURS, score_images
from genai_keras.evaluation.inception import score_inception
from genai_keras.evaluation.scores import score_bounds, score_flow
from genai_keras.evaluation.self_supervised import FILE, features_of
from genai_keras.files import whole_file
from genai_keras.plots.classes import class_grid, usual_count
from genai_keras.plots.images import image_grid, labelled
from genai_keras.tasks.base import Data, Task, left_in
from genai_keras.tasks.samples import Samples
from genai_keras.training.versions import read_versions

PIXELS = (0, 255)  # black and white, as uint8
WALKS, STEPS = 10, 10  # rows of a grid of walks, and images of a walk
SHOWN = 64  # training images that are shown before training
OWN = ("folder", "npz")  # data sets that nobody has looked at before
DRAWN = 24  # samples that are shown next to their nearest training images
MOST_INTEGRATED = 200  # images whose likelihood takes a hundred passes through the network each
MOST_REMEMBERED = 60_000  # training images to search for the nearest one


class Images(Task):
    """Images, with labels or without."""

    name = "images"
    suffixes = (".png", ".npy")
    sample_options = ("count", "label", "interpolate")
    loader_options = (
        "dataset", "data_dir", "batch_size", "seed", "limit", "image_size", "channels",
        "conditional", "labels",
    )  # fmt: skip

    def load(self, value_range=(0, 1), **changes):
        arguments = self.loader_arguments(**{"binarize": self.options.binarizes, **changes})
        train, validation = load_images(value_range=value_range, **arguments)
        return Data(train, validation, fingerprint=train.fingerprint(), units=("images", 1))

    def look(self, data, value_range=(0, 1)):
        train, validation, names = data.train, data.validation, data.train.class_names
        dataset = self.options.dataset
        lines, warnings = train.summary.lines() if train.summary else [], []
        height, width, channels = train.element_shape
        lines.append(
            f"images: {train.count:,} for training and {validation.count:,} for validation, each "
            f"{height} x {width} in {'colour' if channels == 3 else 'grey'}"
        )
        if train.classes:
            lines.append(f"labels for training: {frequencies(train.labels, names)}")
            named_by_folders = dataset == "folder" and not self.options.labels
            empty = train.summary.empty_folders() if named_by_folders else ()
            doubt = doubts_about_classes(train.labels, names, empty)
            warnings += [doubt] if doubt else []
        images = in_unit(train, COMPARED if dataset in OWN else SHOWN, value_range)
        if dataset in OWN:
            others = in_unit(validation, LOOKED_AT, value_range)
            warnings += warnings_about_images(images, others)
        sheet = image_grid(images[:SHOWN], value_range=(0, 1))
        title = (
            f"{min(SHOWN, len(images))} of {train.count:,} training images, as a model sees them"
            f"{', before each pixel becomes black or white' if train.binarize else ''}"
        )
        return dataclasses.replace(data, read=tuple(lines), sheet=labelled(sheet, title)), warnings

    def callbacks(self, data):
        names = data.train.class_names if data.train.classes else ()
        return [ImageGrid(self.options.run_dir, seed=self.options.seed, class_names=names)]

    def samples(self, run, request):
        model, names = run.model, run.class_names
        if request.label and not names:
            raise UsageError(
                f"{run.folder} was trained without labels: `label` needs a `conditional` run"
            )
        chosen = find_classes(request.label, names) or list(range(len(names)))
        shown = [names[label] for label in chosen]
        count = request.count or (WALKS if request.interpolate else usual_count(len(chosen)))
        labels = np.resize(chosen, count) if names else None
        if request.interpolate:
            parts = model.walks(count, STEPS, request.seed, labels, **self.how(run, request))
            rows = [names[label] for label in labels] if names else []
            draw = partial(walk_grid, names=rows)
            count *= STEPS
        else:
            parts = model.stream(count, request.seed, labels, **self.how(run, request))
            draw = partial(class_grid, names=shown, value_range=PIXELS)
        pixels = (to_pixels(part, model.value_range) for part in parts)
        return Samples(count, pixels, draw)

    def images(self, run, count, seed, labels=None):
        low, high = run.model.value_range
        return (run.model.generate(count, seed, labels) - low) / (high - low)

    def score(self, run, request):
        # Samples of a VAE are always grey, and so are the real images.
        data = run.load(value_range=(0, 1), binarize=False)
        rows = self._score_likelihood(run, request, data.validation)
        return rows + score_samples(self, run, request, data)

    def facts(self, run):
        facts = {**super().facts(run), "size": self.options.image_size}
        facts |= facts_of_features(self.options.dataset, self.options.channels, run.folder)
        if hasattr(run.model, "log_importance_weights"):  # samples are compared with grey images
            facts["binarization"] = self.options.binarizes
            facts["labels"] = self.options.conditional
        return facts

    def _score_likelihood(self, run, request, validation):
        model, binarizes = run.model, self.options.binarizes
        is_flow = hasattr(model, "log_likelihood")
        if not is_flow and not hasattr(model, "log_importance_weights"):
            return []  # a GAN has no likelihood
        count = min(request.likelihoods, MOST_INTEGRATED) if is_flow else request.likelihoods
        x = dataclasses.replace(validation, binarize=binarizes).first(count)
        labels = validation.labels[: len(x)] if model.classes else None
        given = " | label" if model.classes else ""
        ladder = self.options.dataset, x.shape[1], given, 2 if binarizes else 256
        if is_flow:
            low, high = model.value_range
            return score_flow(model, low + (high - low) * x, labels, request.seed, ladder)
        return score_bounds(model, x, labels, request.importance_samples, request.seed, ladder)


def walk_grid(pixels, names=()):
    """A grid of uint8 images with a walk in each row, beside the name of its class, if any."""
    grid = image_grid(pixels, columns=STEPS, value_range=PIXELS)
    title = "Each row goes from one generated image to another, by way of their z"
    return labelled(grid, title, rows=names)


def score_samples(task, run, request, data):
    """Compares the images of a run with real ones: a list of `Row`, and `nearest.png`.

    Args:
        task: the task that makes the images.
        run, request: as in `Task.score`.
        data: real images in [0, 1], as `Data`.
    """
    train, validation = data.train, data.validation
    reference, training = validation.first(request.samples), train.first(MOST_REMEMBERED)
    if min(len(reference), len(training)) <= NEIGHBOURS:
        raise UserError(
            f"{run.folder} has {len(reference)} images for validation and {len(training)} for "
            f"training: an evaluation needs more than {NEIGHBOURS} of each"
        )
    labels = None
    if run.class_names:
        labels = validation.labels[: len(reference)]
        ours = task.images(run, len(reference), request.seed, labels)
    else:
        ours = task.images(run, len(reference), request.seed)
    extractor = _feature_extractor(task.options.dataset, train, run.folder)
    rows, places = score_images(
        *(ours, reference, training, extractor, labels, labels),
        seed=request.seed,
        names=run.class_names,
    )
    pairs = np.stack([ours[:DRAWN], training[places[:DRAWN]]], axis=1)
    path = run.folder / "nearest.png"
    with left_in(run.folder, path.name), whole_file(path) as unfinished:
        grid = image_grid(pairs.reshape(-1, *ours.shape[1:]), columns=8, value_range=(0, 1))
        title = "Generated images, each with the nearest training image to its right"
        Image.fromarray(labelled(grid, title, ["sample", "nearest"] * 4)).save(unfinished)
        print(f"{path} shows samples, each next to its nearest training image")
    if request.inception:
        rows.append(score_inception(request.inception, ours, reference, training))
    return rows


def _feature_extractor(name, train, folder):
    """The LeNet of a data set, or a network that learns from the training images, `Batches`."""
    if lenet_of(name, train.element_shape[-1]):
        return load_feature_extractor(name)
    extractor, key = features_of(train, folder / FILE)
    if key:
        with left_in(folder, FILE):
            extractor.save(folder / FILE, key)
    return extractor


def facts_of_features(name, channels, folder):
    """Facts for `Task.facts`: what the features of `_feature_extractor` depend on.

    Args:
        name: name of the data set.
        channels: channels of its images; None if they are as in the data set.
        folder: folder of the run.
    """
    if lenet := lenet_of(name, channels):
        return {"features": f"LeNet of {lenet}"}
    known = read_versions(folder)
    images = known.get("unlabelled", known.get("data"))  # labels are not learnt from
    return {"features": "learnt", "training images": (images, known.get("samples"))}
