"""Measures finished runs: images, likelihoods, text, translations, each with an interval."""

import contextlib
import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import EvaluateConfig
from genai_keras.errors import UsageError, UserError
from genai_keras.files import check_folder

DRAWN = 24  # samples that are shown beside their nearest training images
MOST_REMEMBERED = 60_000  # training images that samples are looked up among
COLUMNS, GAP, CAPTION = 3, 12, 24  # of its image: grids a row, and pixels
DRAWABLE = ("pictures", "pixels")  # kinds of runs
GRID = 64  # samples of each run that --compare shows
MOST_WRITTEN = 1_000  # images that a language model of pixels writes: it takes 196 steps for each


@command(EvaluateConfig)
def main(config):
    """Measures finished runs: images, likelihoods, text, translations, each with an interval."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    import json

    from genai_keras.evaluation.report import as_json, comparison, table
    from genai_keras.files import whole_file
    from genai_keras.tasks.runs import load_run

    if bool(config.run) == bool(config.compare):
        raise UsageError("name one run, or two and more behind --compare")
    if config.importance_samples % 100:
        raise UsageError("--importance-samples must be a multiple of 100")
    folders = config.compare or (config.run,)
    if len({each.resolve() for each in folders}) < len(folders) or len(config.compare) == 1:
        raise UsageError("--compare needs two runs or more, each of them once")
    if not config.compare:
        config.check_unused("picture", on="a single run")
    check_writable(config)  # before the minutes that it takes
    runs = {str(folder): load_run(folder, config.data_dir) for folder in folders}
    if any(run.kind == "pixels" for run in runs.values()) and config.samples > MOST_WRITTEN:
        config.samples = MOST_WRITTEN  # of each run, so that they compare
        print(f"{MOST_WRITTEN} samples of each run: to write pixel by pixel takes long\n")
    warn_of_differences(runs.values())
    reports = {}
    for name, run in runs.items():
        reports[name] = judge(run, config)
        print(f"{name}\n{table(reports[name])}\n")
        if config.json:  # after each run: the next may fail
            found = {name: as_json(rows) for name, rows in reports.items()}
            with whole_file(config.json) as unfinished:
                unfinished.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if config.compare:
        short = _short_names(runs)
        print(comparison({short[name]: rows for name, rows in reports.items()}))
        for text in ladders(runs, reports, short):
            print(f"\n{text}")
        draw_side_by_side({short[name]: run for name, run in runs.items()}, config)


def check_writable(config):
    """Refuses files that could not be written in the end."""
    for path in (config.json, config.picture if config.compare else None):
        if path:
            check_folder(path)
    if config.picture.suffix not in (".png", ".jpg"):
        raise UsageError(f"--picture {config.picture}: name a .png or .jpg file")


def warn_of_differences(runs):
    """Says in what the runs differ that makes figures of one name different figures."""
    from genai_keras.cli.image_options import VAEConfig

    facts = [
        {
            "data set": run.config.dataset,
            "size": getattr(run.config, "image_size", None),
            "binarization": isinstance(run.config, VAEConfig) and run.config.binarizes,
            "labels": getattr(run.config, "conditional", False),
        }
        for run in runs
    ]
    # A GAN's images are held against grey ones, and so are those of any VAE.
    vaes = [
        fact for fact, run in zip(facts, runs, strict=True) if isinstance(run.config, VAEConfig)
    ]
    different = [name for name in ("data set", "size") if len({str(f[name]) for f in facts}) > 1]
    different += [
        name for name in ("binarization", "labels") if len({str(f[name]) for f in vaes}) > 1
    ]
    if different:
        print(
            f"warning: the runs differ in {' and '.join(different)}, so not all of their figures "
            "compare",
            file=sys.stderr,
        )


def judge(run, config):
    """All rows of one run."""
    from genai_keras.evaluation import scores
    from genai_keras.training.tensorboard import write_figures

    if run.kind == "numbers":
        samples = run.model.generate(config.samples, config.seed)
        rows = models.score_numbers(samples, seed=config.seed)
    elif run.kind == "text":
        text = run.data()
        windows = text.validation.first(text.validation.count)
        rows = models.score_text(run.model, windows, text.tokens_per_character, config.seed)
    elif run.kind == "pairs":
        rows = models.score_translations(
            run.model,
            run.data(),
            run.config.beam_width,
            run.config.length_penalty,
            config.seed,
        )
    else:
        rows = score_bounds(run, config) + score_images(run, config)
    with left_in(run, "tensorboard"):
        write_figures(run.folder, {row.name: row.figure.value for row in rows})
    return rows


@contextlib.contextmanager
def left_in(run, name):
    """Makes a warning of it if what is left in the run's folder cannot be written there."""
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        print(f"warning: {run.folder / name} cannot be written: {reason}", file=sys.stderr)


def score_bounds(run, config):
    """What a VAE or a language model of pixels says of images that it has not seen."""
    from genai_keras.cli.image_options import VAEConfig
    from genai_keras.evaluation import scores

    if run.kind == "pixels":
        _, validation = run.data()
        return models.score_pixels(run.model, validation.first(config.likelihoods), config.seed)
    if not isinstance(run.config, VAEConfig):
        return []  # a GAN has no likelihood
    _, validation = run.data()
    x = validation.first(config.likelihoods)
    labels = validation.labels[: len(x)] if run.config.conditional else None
    return models.score_bounds(run.model, x, labels, config.importance_samples, config.seed)


def score_images(run, config):
    """What the images of a run look like beside real ones."""
    import numpy as np
    from PIL import Image

    from genai_keras.callbacks.images import image_grid
    from genai_keras.data.pixels import as_pictures
    from genai_keras.evaluation.features import LENET_OF, Thumbnails, load_feature_extractor
    from genai_keras.evaluation.images import NEIGHBOURS, score_images
    from genai_keras.files import whole_file

    if run.kind == "pixels":
        parts = [as_pictures(part) for part in run.data()]
    else:  # a VAE's samples are grey, and so are the real ones
        parts = run.data(low=0.0, binarize=False, conditional=False)
    train, validation = parts
    conditional = getattr(run.config, "conditional", False)
    reference, training = validation.first(config.samples), train.first(MOST_REMEMBERED)
    if min(len(reference), len(training)) <= NEIGHBOURS:
        raise UserError(
            f"{run.folder} has {len(reference)} pictures for validation and {len(training)} for "
            f"training: more than {NEIGHBOURS} of each are needed to say how good it is"
        )
    labels = validation.labels[: len(reference)] if conditional else None
    ours = sample(run, len(reference), config.seed, labels)
    has_lenet = run.config.dataset in LENET_OF and ours.shape[-1] == 1
    extractor = load_feature_extractor(run.config.dataset) if has_lenet else Thumbnails()
    rows, places = score_images(ours, reference, training, extractor, labels, labels, config.seed)
    pairs = np.stack([ours[:DRAWN], training[places[:DRAWN]]], axis=1)
    path = run.folder / "nearest.png"
    with left_in(run, path.name), whole_file(path) as unfinished:
        grid = image_grid(pairs.reshape(-1, *ours.shape[1:]), columns=8, low=0.0)
        Image.fromarray(grid).save(unfinished)
        print(f"{path} has samples, each before its nearest training picture")
    return rows


def sample(run, count, seed, labels=None):
    """Images of a run, `(count, height, width, channels)` in [0, 1]."""
    import numpy as np

    from genai_keras.data.pixels import to_images

    if run.kind == "pixels":
        nothing = np.zeros((count, 0), "int32")
        # The model's own distribution, not one that is sharpened to please.
        parts = run.model.stream(nothing, run.config.image_size**2, seed, temperature=1.0)
        return to_images(np.concatenate(list(parts)))
    return (run.model.generate(count, seed, labels) - run.config.low) / (1.0 - run.config.low)


def ladders(runs, reports, short):
    """Likelihoods of the same binary images, lowest first, for each kind of image there is."""
    from genai_keras.cli.image_options import VAEConfig
    from genai_keras.evaluation.report import shown

    rungs = {}
    for name, run in runs.items():
        binary = isinstance(run.config, VAEConfig) and run.config.binarizes
        if not binary and run.kind != "pixels":
            continue
        size = run.config.image_size or run.model.encoder.inputs[0].shape[1]
        for row in reports[name]:
            if row.name == "log_likelihood":
                kind = "exact"
            elif row.name == "elbo" or row.name.startswith("iw_bound"):
                kind = "lower bound, k = " + row.name.removeprefix("iw_bound_").replace("elbo", "1")
            else:
                continue
            given = " | label" if getattr(run.config, "conditional", False) else ""
            rungs.setdefault((row.count, run.config.dataset, size, given), []).append(
                (row.figure.value, f"{shown(row.figure.value)}  {short[name]}: {kind}")
            )
    for (count, dataset, size, given), found in rungs.items():
        pictures = f"{count} binary {size}x{size} pictures of {dataset}"
        lines = [f"log p(x{given}) of the same {pictures}, in nats:"]
        yield "\n".join([*lines, *(f"  {line}" for _, line in sorted(found))])


def draw_side_by_side(runs, config):
    """The sample grids of all runs that make images, three a row, each below its name."""
    from PIL import Image, ImageDraw

    from genai_keras.callbacks.images import image_grid
    from genai_keras.files import whole_file

    grids = {
        name: image_grid(sample(run, GRID, config.seed), least_side=240, low=0.0)
        for name, run in runs.items()
        if run.kind in DRAWABLE
    }
    if not grids:
        return
    width, height = (max(grid.shape[axis] for grid in grids.values()) + GAP for axis in (1, 0))
    height += CAPTION
    rows = -(-len(grids) // COLUMNS)
    sheet = Image.new("RGB", (min(len(grids), COLUMNS) * width + GAP, rows * height), "white")
    for index, (name, grid) in enumerate(grids.items()):
        x, y = GAP + index % COLUMNS * width, index // COLUMNS * height
        ImageDraw.Draw(sheet).text((x, y + 4), name, fill="black", font_size=15)
        sheet.paste(Image.fromarray(grid), (x, y + CAPTION))
    with whole_file(config.picture) as unfinished:
        sheet.save(unfinished)
    print(f"\nsamples   {config.picture}")


def _short_names(runs):
    """The folders' own names where these are unique, else their paths."""
    names = {path: run.folder.resolve().name for path, run in runs.items()}
    unique = [name for name in names.values() if list(names.values()).count(name) == 1]
    return {path: name if name in unique else path for path, name in names.items()}


if __name__ == "__main__":
    sys.exit(main())
