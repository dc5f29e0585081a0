"""The run folder: what it contains, and how a run begins and continues there."""

import csv
import io
import json
import shutil

from genai_keras.files import write_text
from genai_keras.training.prepare import SHEET, save_sheet
from genai_keras.training.profile import PROFILES
from genai_keras.training.tensorboard import EVENTS, PROJECTOR, write_start
from genai_keras.training.versions import versions

# Everything that a run writes into its folder, so everything that `overwrite` removes. Folders of
# data are called `train` and `validation`, too: of these, only its own files.
CONTENTS = (
    "versions.json",
    "history.csv",
    "model.keras",
    EVENTS,
    f"train/{EVENTS}",
    f"validation/{EVENTS}",
    *(f"validation/{name}" for name in PROJECTOR),
    PROFILES,
    "checkpoints",
    "samples",
    "unfinished-model.keras",
    "classes.json",
    *(f"{name}tokenizer.json" for name in ("", "source-", "target-")),
    "translations.tsv",
    "generated.png",
    "nearest.png",
    SHEET,
    "features.npz",
    "export",
)


def start_folder(config, model, data):
    """Empties the folder of a run, and writes what is known before its first step."""
    folder = config.run_dir
    # The config marks a folder as a run, so it is always there. Old checkpoints are removed first,
    # because they must not be mistaken for those of the new run.
    for name in ("checkpoints", *CONTENTS):
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    config.save(folder / "config.json")
    for name, text in data.files.items():
        write_text(folder / name, text)
    if data.sheet is not None:
        save_sheet(data.sheet, folder)
    facts = {
        "samples": data.counts,
        "data": data.fingerprint,
        "unlabelled": data.unlabelled,
        "read": data.read,
    }
    write_text(
        folder / "versions.json",
        json.dumps({**versions(config.accumulate), **facts}, indent=2) + "\n",
    )
    write_start(config, model)


def forget_history_from(path, epoch):
    """Removes the rows of epochs that will be repeated because the checkpoint is older."""
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [
        row
        for row in rows
        if len(row) == len(header) and row[0].isdecimal() and int(row[0]) < epoch
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *kept] if kept else [])
    write_text(path, text.getvalue())
