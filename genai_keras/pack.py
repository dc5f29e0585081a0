"""Packs a folder of images, so that training reads them faster."""

import functools
import sys

from genai_keras.cli.command import command
from genai_keras.cli.image_options import PackConfig
from genai_keras.errors import UserError


@command(PackConfig)
def main(config):
    """Packs a folder of images, so that training reads them faster."""
    from genai_keras.data.labels import labels_of_file, labels_of_folders
    from genai_keras.data.packs import pack_folder
    from genai_keras.training.prepare import wrapped

    out = config.out
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} already exists: choose another folder with --out, or delete it")
    labels_of = labels_of_folders if config.conditional else None
    if config.labels:
        labels_of = functools.partial(labels_of_file, config.labels)
    settings = config.image_size, config.channels, config.limit, labels_of, bool(config.labels)
    for line in pack_folder(config.folder, out, *settings):
        print(wrapped(config.in_flags(line)))
    print(f"pack: {out}")


if __name__ == "__main__":
    sys.exit(main())
