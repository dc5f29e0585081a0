"""Exports a run for TensorFlow Serving or any TensorFlow program."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import ExportConfig
from genai_keras.errors import UserError, listed


@command(ExportConfig)
def main(config):
    """Exports a run for TensorFlow Serving or any TensorFlow program."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    from genai_keras.runs import load_run
    from genai_keras.tasks.serving import describe, export_run

    out = config.out or config.run / "export"
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} already exists: choose another folder with --out, or delete it")
    run = load_run(config.run)
    for name, signature in export_run(run, out).items():
        print(describe(name, signature))
    labels = [f"{n} {name}" for n, name in enumerate(run.class_names) if name != str(n)]
    if labels:
        print(f"labels    {listed(labels)}")
    print(f"export    {out}")


if __name__ == "__main__":
    sys.exit(main())
