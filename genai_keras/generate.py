"""Generates images, numbers, text or translations with a run."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import GenerateConfig
from genai_keras.files import check_folder


@command(GenerateConfig)
def main(config):
    """Generates images, numbers, text or translations with a run."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    from genai_keras.runs import load_run

    run = load_run(config.run, config.data_dir)
    if config.out:
        check_folder(config.out)
        run.task.check_suffix(config.out)
    names = (*run.task.sample_options, *getattr(run.model, "sampling", ()))
    config.check_only(names, on=f"a run of {run.task.name} by {run.config.command}")
    samples = run.task.samples(run, config)
    out = config.out or (samples.usual_name and config.run / samples.usual_name)
    if out:
        samples.save(out)
        print(f"samples   {out}")
    else:
        print(samples)


if __name__ == "__main__":
    sys.exit(main())
