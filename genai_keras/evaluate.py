"""Evaluates finished runs, with an interval for each metric."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import EvaluateConfig
from genai_keras.files import check_folder, write_text


@command(EvaluateConfig)
def main(config):
    """Evaluates finished runs, with an interval for each metric."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    import json

    from genai_keras.evaluation.inception import load_inception
    from genai_keras.evaluation.report import as_json, comparison, ladders, table
    from genai_keras.runs import load_run
    from genai_keras.tasks.base import left_in
    from genai_keras.tasks.comparison import save_side_by_side, short_names, warn_of_differences
    from genai_keras.training.tensorboard import write_figures

    for path in (config.json, config.image if config.compare else None):
        if path:
            check_folder(path)  # before the minutes of work
    runs = {str(folder): load_run(folder, config.data_dir) for folder in config.folders}
    for run in runs.values():
        if run.task.name not in ("images", "pixels"):
            config.check_unused("inception", on=f"{run.folder}, which makes {run.task.name}")
    if config.inception:
        load_inception(config.inception)
    most = min(run.task.most_samples or config.samples for run in runs.values())
    if config.samples > most:
        config.samples = most  # the same for each run, to compare them
        print(f"only {most} samples of each run, because generating pixel by pixel is slow\n")
    warn_of_differences(runs.values())
    reports = {}
    for name, run in runs.items():
        reports[name] = rows = run.task.score(run, config)
        with left_in(run.folder, "events.out.tfevents"):
            write_figures(run.folder, {row.name: row.figure.value for row in rows})
        print(f"{name}\n{table(rows)}\n")
        if config.json:  # after each run, because the next may fail
            found = {name: as_json(rows) for name, rows in reports.items()}
            write_text(config.json, json.dumps(found, indent=2) + "\n")
    if config.compare:
        short = short_names(runs)
        named = {short[name]: rows for name, rows in reports.items()}
        print("\n\n".join([comparison(named), *ladders(named)]))
        shown = {short[name]: run for name, run in runs.items()}
        if save_side_by_side(shown, config.image, config.seed):
            print(f"\nsamples   {config.image}")


if __name__ == "__main__":
    sys.exit(main())
