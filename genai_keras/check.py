"""Marks the answers to exercises and names the likely mistakes."""

import sys
from pathlib import Path

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import CheckConfig
from genai_keras.errors import UserError

PLACES = tuple(map(Path, (".", "exercises", "my_notebooks/exercises", "notebooks/exercises")))


@command(CheckConfig)
def main(config):
    """Marks the answers to exercises and names the likely mistakes."""
    from genai_keras.course.answers import mark_file
    from genai_keras.course.marking import exercises_of

    path = config.answers or default_answers(config.chapter)
    verdicts = mark_file(path, exercises_of(config.chapter), config.seed)
    width = max(len(verdict.name) for verdict in verdicts)
    print(f"{config.chapter}: {path}\n")
    for verdict in verdicts:
        print(f"  {verdict.name:{width}}  {verdict}")
    right = sum(verdict.status == "right" for verdict in verdicts)
    print(f"\n{right} of {len(verdicts)} right")
    if right < len(verdicts):
        raise SystemExit(1)


def default_answers(chapter):
    """The file with a chapter's answers, searched from the current folder."""
    candidates = [place / f"{chapter}{suffix}" for place in PLACES for suffix in (".ipynb", ".py")]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(
            f"there is no {chapter}.ipynb here or in notebooks/exercises: give your file, as in "
            f"python -m genai_keras.check {chapter} my_answers.py"
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
