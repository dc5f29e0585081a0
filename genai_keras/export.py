"""Exports a finished run for TensorFlow Serving, or any program that has TensorFlow alone."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import ExportConfig
from genai_keras.errors import UserError


@command(ExportConfig)
def main(config):
    """Exports a finished run for TensorFlow Serving, or any program that has TensorFlow alone."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    import tempfile
    from pathlib import Path

    import tensorflow as tf

    from genai_keras.tasks.runs import load_run, tokenizer_file
    from genai_keras.tasks.serving import describe, export_model

    out = config.out or config.run / "export"
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} is there already: name another with --out, or delete it")
    run = load_run(config.run)
    tokenizers = {tokenizer_file(side): run.tokenizer(side) for side in run.sides}
    names = ("beam_width", "length_penalty") if run.kind == "pairs" else ()
    place = out.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    # A folder beside it, so that what is complete moves there in one step.
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=place.parent) as unfinished:
        made = Path(unfinished) / place.name
        made.mkdir()
        try:
            search = {name: getattr(run.config, name) for name in names}
            signatures = export_model(run.model, made, **search)
        except tf.errors.OpError as error:  # such as a full disk
            raise UserError(f"{out} cannot be written: {error.message}") from None
        for path, tokenizer in tokenizers.items():
            (made / path).write_text(tokenizer.to_json(), encoding="utf-8")
        made.replace(place)
    for name, signature in signatures.items():
        print(describe(name, signature))
    print(f"export    {out}")


if __name__ == "__main__":
    sys.exit(main())
