"""Measures whether generated images help a classifier that has few real ones."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import AugmentConfig
from genai_keras.errors import UsageError, UserError
from genai_keras.files import check_folder

SHAPE = (28, 28, 1)  # of the images that a LeNet takes


@command(AugmentConfig)
def main(config):
    """Measures whether generated images help a classifier that has few real ones."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    from genai_keras.data.images import CLASSES, load_images
    from genai_keras.evaluation.augmentation import augmentation_experiment, vae_maker

    if config.json:
        check_folder(config.json)  # before the minutes that it takes
    if config.run:
        config.check_unused("vae_steps", on="a run that is trained already")
        make, source, trained_on = from_run(config)
    else:
        make, trained_on = vae_maker(config.vae_steps), None
        source = "a conditional VAE of the same few pictures"
    train, test = load_images(config.dataset, config.data_dir, low=0.0)
    for part in (train, test):
        if part.labels is None or part.element_shape != SHAPE:
            raise UserError(f"{config.dataset} has no labels here, or pictures not of {SHAPE}")
    found = augmentation_experiment(
        train.first(train.count),
        train.labels,
        test.first(test.count),
        test.labels,
        make,
        config.per_class,
        config.generated,
        config.seeds,
        config.steps,
    )
    print(
        f"\n{config.dataset}: accuracy in percent on {test.count:,} test pictures, mean of "
        f"{config.seeds} seeds,\nof a LeNet that learns from so many real pictures of each class, "
        f"without and with\n{config.generated} generated ones of each class by {source}\n"
    )
    print(table(found))
    if config.run:
        print(f"\n{caution(config.run, trained_on, config.per_class, CLASSES)}")
    if config.json:
        write_json(config, found, trained_on)


def from_run(config):
    """What makes the images, its name, and how many labelled images the run had, if known."""
    from genai_keras.evaluation.augmentation import model_maker
    from genai_keras.tasks.runs import load_run
    from genai_keras.training.versions import read_versions

    run = load_run(config.run, config.data_dir)
    if run.kind != "pictures" or not run.model.classes:
        raise UsageError(
            f"{config.run} does not make pictures of a label: name a run of train_gan or "
            "train_vae that was made with --conditional"
        )
    if run.config.dataset != config.dataset:
        raise UsageError(
            f"{config.run} has learnt {run.config.dataset}, not {config.dataset}: add "
            f"--dataset {run.config.dataset}, or name another run"
        )
    shape = run.model.generate(1, labels=[0]).shape[1:]
    if shape != SHAPE:
        raise UserError(f"{config.run} makes pictures of {shape}, and the classifier takes {SHAPE}")
    trained_on = read_versions(config.run).get("samples", {}).get("training")
    return model_maker(run.model, run.config.low), str(config.run), trained_on


def table(comparisons):
    """A line for each number of images, with its conclusion, as text."""
    lines = [f"{'real':>6}{'without':>10}{'with':>9}   difference, 95 % interval"]
    for each in comparisons:
        mean, half_width = (100 * figure for figure in each.interval)
        without, augmented = (
            100 * sum(part) / len(part) for part in (each.without, each.augmented)
        )
        lines.append(
            f"{each.per_class:6}{without:10.2f}{augmented:9.2f}   "
            f"{mean:+.2f} +- {half_width:.2f}: {each.conclusion}"
        )
    return "\n".join(lines)


def caution(folder, trained_on, per_class, classes):
    """Why images of a run that saw more labels are no fair means."""
    seen = f"{trained_on:,}" if trained_on else "an unknown number of"
    had = ", ".join(f"{count * classes:,}" for count in per_class)
    return (
        f"{folder} was trained on {seen} labelled pictures, the classifiers on {had}:\n"
        "the gain is an upper bound, and no fair fight."
    )


def write_json(config, comparisons, trained_on):
    """Writes what was asked and all that was found."""
    import dataclasses
    import json

    from genai_keras.files import whole_file

    results = []
    for each in comparisons:
        mean, half_width = each.interval
        results.append(
            {
                **dataclasses.asdict(each),
                "difference": mean,
                "half_width": half_width,
                "conclusion": each.conclusion,
            }
        )
    told = {name: value for name, value in dataclasses.asdict(config).items() if name != "debug"}
    found = {**told, "run_trained_on": trained_on, "results": results}
    with whole_file(config.json) as unfinished:
        text = json.dumps(found, indent=2, default=str)
        unfinished.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
