"""Measures finished runs: pictures, likelihoods, text, translations, each with an interval."""

import sys

from genai_keras.command import command
from genai_keras.config.tools import EvaluateConfig
from genai_keras.errors import UserError

DRAWN = 24  # samples that are shown beside their nearest training pictures
MOST_REMEMBERED = 60_000  # training pictures that samples are looked up among
COLUMNS, GAP, CAPTION = 3, 12, 24  # of its picture: grids a row, and pixels
DRAWABLE = ("pictures", "pixels")  # kinds of runs
GRID = 64  # samples of each run that --compare shows
MOST_WRITTEN = 1_000  # pictures that a language model of pixels writes: it takes 196 steps for each


@command(EvaluateConfig)
def main(config):
    """Measures finished runs: pictures, likelihoods, text, translations, each with an interval."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    import json

    from genai_keras.evaluation.report import as_json, comparison, table
    from genai_keras.files import whole_file
    from genai_keras.runs import open_run

    if bool(config.run) == bool(config.compare):
        raise UserError("name one run, or two and more behind --compare")
    if config.importance_samples % 100:
        raise UserError("--importance-samples must be a multiple of 100")
    folders = config.compare or (config.run,)
    if len(set(folders)) < len(folders) or len(config.compare) == 1:
        raise UserError("--compare needs two runs or more, each of them once")
    check_writable(config)  # before the minutes that it takes
    runs = {str(folder): open_run(folder, config.data_dir) for folder in folders}
    if any(run.kind == "pixels" for run in runs.values()):  # of each run, so that they compare
        config.samples = min(config.samples, MOST_WRITTEN)
    datasets = sorted({run.config.dataset for run in runs.values()})
    if len(datasets) > 1:
        print(
            f"warning: the runs learnt {' and '.join(datasets)}: figures of one do not compare "
            "with those of another",
            file=sys.stderr,
        )
    reports = {name: judge(run, config) for name, run in runs.items()}
    if config.run:
        print(f"{table(reports[str(config.run)])}\n")
    else:
        short = _short_names(runs)
        print(comparison({short[name]: rows for name, rows in reports.items()}))
        for text in ladders(runs, reports, short):
            print(f"\n{text}")
        draw_side_by_side({short[name]: run for name, run in runs.items()}, config)
    for run in runs.values():
        if run.kind in DRAWABLE:
            path = run.folder / "nearest.png"
            print(f"nearest   {path} has samples, each before its nearest training picture")
    if config.json:
        found = {name: as_json(rows) for name, rows in reports.items()}
        with whole_file(config.json) as unfinished:
            unfinished.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def check_writable(config):
    """Refuses files that could not be written in the end."""
    for path in (config.json, config.picture if config.compare else None):
        if path and not path.parent.is_dir():
            raise UserError(f"{path.parent} is no folder: make it first, or name another")
    if config.picture.suffix not in (".png", ".jpg"):
        raise UserError(f"--picture {config.picture}: name a .png or .jpg file")


def judge(run, config):
    """All rows of one run."""
    from genai_keras.data.pairs import load_pairs
    from genai_keras.data.text import load_text
    from genai_keras.evaluation import models
    from genai_keras.training.tensorboard import write_figures

    if run.kind == "numbers":
        samples = run.model.generate(config.samples, config.seed)
        rows = models.judge_numbers(samples, seed=config.seed)
    elif run.kind == "text":
        text = load_text(**run.config.source())
        windows = text.validation.first(text.validation.count)
        rows = models.judge_text(run.model, windows, text.tokens_per_character, config.seed)
    elif run.kind == "pairs":
        rows = models.judge_translations(
            run.model,
            load_pairs(**run.config.source()),
            run.config.beam_width,
            run.config.length_penalty,
            config.seed,
        )
    else:
        rows = judge_likelihood(run, config) + judge_pictures(run, config)
    write_figures(run.folder, {row.name: row.figure.value for row in rows})
    return rows


def judge_likelihood(run, config):
    """What a VAE or a language model of pixels says of pictures that it has not seen."""
    from genai_keras.config.images import VAEConfig
    from genai_keras.data.images import load_images
    from genai_keras.data.pixels import load_pixels
    from genai_keras.evaluation import models

    if run.kind == "pixels":
        _, validation = load_pixels(**run.config.source())
        return models.judge_pixels(run.model, validation.first(config.likelihoods), config.seed)
    if not isinstance(run.config, VAEConfig):
        return []  # a GAN has no likelihood
    _, validation = load_images(**run.config.source())
    x = validation.first(config.likelihoods)
    labels = validation.labels[: len(x)] if run.config.conditional else None
    return models.judge_likelihood(run.model, x, labels, config.importance_samples, config.seed)


def judge_pictures(run, config):
    """What the pictures of a run look like beside real ones."""
    import numpy as np
    from PIL import Image

    from genai_keras.callbacks.pictures import image_grid
    from genai_keras.data.images import load_images
    from genai_keras.evaluation.lenet import RULER_OF, load_ruler
    from genai_keras.evaluation.pictures import NEIGHBOURS, Thumbnails, judge_pictures
    from genai_keras.files import whole_file

    source = {**run.config.source(), "low": 0.0}
    conditional = source.pop("conditional", False)
    if run.kind == "pixels":
        del source["steps_per_epoch"]
        source.update(channels=1, binarize=True)
    else:
        source["binarize"] = False  # a VAE's samples are grey, and so are the real ones
    train, validation = load_images(**source)
    reference, training = validation.first(config.samples), train.first(MOST_REMEMBERED)
    if min(len(reference), len(training)) <= NEIGHBOURS:
        raise UserError(
            f"{run.folder} has {len(reference)} pictures for validation and {len(training)} for "
            f"training: more than {NEIGHBOURS} of each are needed to say how good it is"
        )
    labels = validation.labels[: len(reference)] if conditional else None
    ours = sample(run, len(reference), config.seed, labels)
    has_ruler = run.config.dataset in RULER_OF and ours.shape[-1] == 1
    ruler = load_ruler(run.config.dataset) if has_ruler else Thumbnails()
    rows, places = judge_pictures(ours, reference, training, ruler, labels, labels, config.seed)
    pairs = np.stack([ours[:DRAWN], training[places[:DRAWN]]], axis=1)
    with whole_file(run.folder / "nearest.png") as unfinished:
        grid = image_grid(pairs.reshape(-1, *ours.shape[1:]), columns=8, low=0.0)
        Image.fromarray(grid).save(unfinished)
    return rows


def sample(run, count, seed, labels=None):
    """Pictures of a run, `(count, height, width, channels)` in [0, 1]."""
    import numpy as np

    from genai_keras.data.pixels import to_images

    if run.kind == "pixels":
        nothing = np.zeros((count, 0), "int32")
        # The model's own distribution, not one that is sharpened to please.
        parts = run.model.stream(nothing, run.config.image_size**2, seed, temperature=1.0)
        return to_images(np.concatenate(list(parts)))
    return (run.model.generate(count, seed, labels) - run.config.low) / (1.0 - run.config.low)


def ladders(runs, reports, short):
    """Likelihoods of the same binary pictures, tightest last, for each kind of picture there is."""
    from genai_keras.config.images import VAEConfig
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
            given = " given the label" if getattr(run.config, "conditional", False) else ""
            rungs.setdefault((run.config.dataset, size), []).append(
                (row.figure.value, f"{shown(row.figure.value)}  {short[name]}: {kind}{given}")
            )
    for (dataset, size), found in rungs.items():
        lines = [f"log p(x) of the same binary {size}x{size} pictures of {dataset}, in nats:"]
        yield "\n".join([*lines, *(f"  {line}" for _, line in sorted(found))])


def draw_side_by_side(runs, config):
    """The sample grids of all runs that make pictures, three a row, each below its name."""
    from PIL import Image, ImageDraw

    from genai_keras.callbacks.pictures import image_grid
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
    names = [run.folder.name for run in runs.values()]
    return {
        path: run.folder.name if names.count(run.folder.name) == 1 else path
        for path, run in runs.items()
    }


if __name__ == "__main__":
    sys.exit(main())
