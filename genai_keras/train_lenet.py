"""Trains a LeNet that evaluates images: a classifier, or a detector of others."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import LeNetConfig
from genai_keras.errors import UserError
from genai_keras.files import check_folder


@command(LeNetConfig)
def main(config):
    """Trains a LeNet that evaluates images: a classifier, or a detector of others."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import numpy as np

    from genai_keras.data.images import load_images
    from genai_keras.evaluation import features
    from genai_keras.evaluation.lenet_training import train_detector, train_lenet

    check_folder(config.out)  # before the minutes that training takes
    train, test = load_images(config.dataset, config.data_dir, value_range=(0, 1))
    for part in (train, test):
        if part.labels is None and not config.detector:
            raise UserError(f"{config.dataset} has no labels here: add its label files")
        if part.element_shape != (28, 28, 1):
            raise UserError(
                f"a LeNet takes images of (28, 28, 1), but these are {part.element_shape}"
            )
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    verbose = config.verbose if is_terminal else min(2, 2 * config.verbose)  # a file has no bar
    images, settings = train.first(train.count), {"seed": config.seed, "verbose": verbose}
    if config.detector:
        lenet = train_detector(images, config.epochs or 6, **settings)
    else:
        lenet = train_lenet(images, train.labels, config.epochs or 20, **settings)
    features.save_lenet(lenet, config.out)
    # Evaluated after loading, because the weights in the file have fewer digits.
    loaded, images = features.load_lenet(config.out), test.first(test.count)
    if config.detector:
        right, what = features.accepts(loaded, images), "accepted"
    else:
        right = features.LeNetFeatures(loaded).classify(images) == test.labels
        what = "accuracy"
    print(f"{what}  {100 * np.mean(right):.2f} % of {test.count:,} test images")
    print(f"file      {config.out}, {config.out.stat().st_size:,} bytes")
    print(f"sha256    {features.checksum(config.out)}")


if __name__ == "__main__":
    sys.exit(main())
