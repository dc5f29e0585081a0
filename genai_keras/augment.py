"""Measures how much generated images help a classifier."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import AugmentConfig
from genai_keras.files import check_folder, write_text


@command(AugmentConfig)
def main(config):
    """Measures how much generated images help a classifier."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import dataclasses
    import json

    from genai_keras.data.datasets import DATASETS
    from genai_keras.data.images import load_images
    from genai_keras.evaluation.augmentation import augmentation_experiment, vae_maker
    from genai_keras.evaluation.augmentation_report import as_json, caution, table
    from genai_keras.runs import load_run
    from genai_keras.tasks.labelled import check_labelled, maker_of_run

    if config.json:
        check_folder(config.json)  # before the minutes of work
    classes = len(DATASETS[config.dataset].class_names)
    make, trained_on = vae_maker(config.vae_steps, classes=classes), None
    source = "a conditional VAE trained on the same few images"
    if config.run:
        run = load_run(config.run, config.data_dir)
        make, trained_on = maker_of_run(run, config.dataset)
        source = str(config.run)
    train, test = load_images(config.dataset, config.data_dir, value_range=(0, 1))
    check_labelled(config.dataset, train, test)
    found = augmentation_experiment(
        *(train.first(train.count), train.labels, test.first(test.count), test.labels, make),
        per_class=config.per_class,
        generated=config.generated,
        seeds=config.seeds,
        steps=config.steps,
        classes=classes,
    )
    print(
        f"\n{config.dataset}: accuracy in percent on {test.count:,} test images, mean over "
        f"{config.seeds} seeds,\nof a LeNet trained on the given number of real images per class, "
        f"without and with\n{config.generated} generated images per class from {source}\n\n"
        f"{table(found)}"
    )
    if config.run:
        print(f"\n{caution(config.run, trained_on, config.per_class, classes)}")
    if config.json:
        told = {n: value for n, value in dataclasses.asdict(config).items() if n != "debug"}
        told |= {"run_trained_on": trained_on, "results": as_json(found)}
        write_text(config.json, json.dumps(told, indent=2, default=str) + "\n")


if __name__ == "__main__":
    sys.exit(main())
