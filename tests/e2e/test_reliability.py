"""What can happen to a run, for each of the commands that train. SIGKILL: test_killed.py."""

import itertools
import json
import os
import resource
import shlex
import shutil
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from children import finish, start
from helpers import (
    COMMANDS,
    MAINS,
    OF_IMAGES,
    TRAINING,
    assert_same_bits,
    history,
    newest_manifest,
    saved_arrays,
    write_data,
)

from genai_keras.training.checkpoints import Checkpoints

pytestmark = pytest.mark.slow
each_command = pytest.mark.parametrize("command", TRAINING)

ANOTHER_ARCHITECTURE = {
    "train_gan": ["--generator-widths", "8"],
    "train_vae": ["--widths", "4"],
    "train_flow": ["--widths", "4"],
    "train_lm": ["--width", "16"],
    "train_seq2seq": ["--num-layers", "2"],
}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A function of a command and a number of epochs: its options, and the run of it, made once."""
    options, runs = {}, {}

    def train(command, epochs):
        if command not in options:
            data = write_data(command, tmp_path_factory.mktemp("data"))
            options[command] = [*TRAINING[command], *data, "--verbose", "0"]
        if (command, epochs) not in runs:
            folder = tmp_path_factory.mktemp("straight") / "run"
            argv = [*options[command], "--epochs", str(epochs), "--run-dir", str(folder)]
            assert finish(command, argv) == 0
            runs[command, epochs] = folder
        return options[command], runs[command, epochs]

    return train


@pytest.fixture
def one_epoch(straight, tmp_path):
    """A function of a command to the folder of its own of a finished run of one epoch."""

    def copy(command):
        return Path(shutil.copytree(straight(command, 1)[1], tmp_path / "copy"))

    return copy


def resume(command, folder, *argv):
    return MAINS[command](["--run-dir", str(folder), "--resume", *argv])


def assert_same_run(folder, other):
    assert_same_bits(folder / "model.keras", other / "model.keras")
    assert history(folder) == history(other)


def one_line(capsys):
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1, said
    return said


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


# One a command, in turn: that each kind is seen, whatever is trained, is for test_checkpoints.py.
DAMAGES = dict(
    zip(
        TRAINING,
        itertools.cycle(
            [
                ("it is damaged", lambda path: path.write_bytes(path.read_bytes()[:-100])),
                ("its size or SHA-256 differs", flip_a_bit),
                ("json is damaged", lambda path: path.with_suffix(".json").write_bytes(b"")),
                ("it has no step_", lambda path: path.with_suffix(".json").unlink()),
            ]
        ),
        strict=False,
    )
)


@each_command
def test_another_seed_is_another_run(command, straight, tmp_path):
    """The same seed again is the same run: many tests here compare one with `straight`."""
    options, first = straight(command, 1)
    argv = [*options, "--epochs", "1", "--seed", "1", "--run-dir", str(tmp_path / "other")]
    assert MAINS[command](argv) == 0
    ours, others = (saved_arrays(each / "model.keras") for each in (first, tmp_path / "other"))
    weights = [name for name in ours if ours[name].ndim == 2]
    assert weights and not any(np.array_equal(ours[name], others[name]) for name in weights)


@each_command
def test_a_finished_run_says_so_and_can_be_made_longer(command, straight, one_epoch, capsys):
    folder = one_epoch(command)
    assert resume(command, folder) == 0
    assert "already complete" in capsys.readouterr().out
    assert_same_run(folder, straight(command, 1)[1])
    assert resume(command, folder, "--epochs", "2") == 0
    assert_same_run(folder, straight(command, 2)[1])


@each_command
def test_it_does_not_go_on_as_another_run_and_lists_the_differences(command, one_epoch, capsys):
    folder = one_epoch(command)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    changes = [*ANOTHER_ARCHITECTURE[command], "--batch-size", "2", "--seed", "5"]
    assert resume(command, folder, *changes) == 2
    said = one_line(capsys)
    for flag, value in zip(changes[::2], changes[1::2], strict=True):
        assert f"{flag} {value} (the run has " in said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@each_command
def test_a_config_that_was_changed_by_hand_is_not_gone_on_with(command, one_epoch, capsys):
    folder = one_epoch(command)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "batch_size": 2}))
    assert resume(command, folder, "--epochs", "2") == 1
    assert "config.json is not the config of step_" in one_line(capsys)


@each_command
def test_a_damaged_checkpoint_costs_an_epoch_and_two_end_it_by_name(
    command, straight, one_epoch, capsys
):
    folder, (says, damage) = one_epoch(command), DAMAGES[command]
    newest = max((folder / "checkpoints").glob("*.keras"))
    damage(newest)
    assert resume(command, folder, "--epochs", "2") == 0
    said = capsys.readouterr().err
    assert f"{newest} is not used: " in said and says in said
    assert_same_run(folder, straight(command, 2)[1])
    bad = list((folder / "checkpoints").glob("*.keras"))
    for path in bad:
        flip_a_bit(path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert resume(command, folder, "--epochs", "9") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and all(path.name in said for path in bad)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_finished_run_whose_checkpoints_were_taken_away_is_not_trained_anew(one_epoch, capsys):
    folder = one_epoch("train_gan")
    shutil.rmtree(folder / "checkpoints")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert resume("train_gan", folder, "--epochs", "2") == 1
    assert "has a model but no checkpoint" in one_line(capsys)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@each_command
def test_a_disk_that_is_full_during_a_save_costs_nothing(
    command, straight, tmp_path, capsys, monkeypatch
):
    options, _ = straight(command, 2)
    folder = tmp_path / "run"
    save = Checkpoints.save
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full_in_the_second_epoch(self, model, step, epoch):
        if epoch == 2:  # files may grow no more
            size = min(path.stat().st_size for path in self.directory.glob("*.keras"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
        save(self, model, step, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", full_in_the_second_epoch)
        try:
            argv = [*options, "--epochs", "2", "--run-dir", str(folder)]
            assert MAINS[command](argv) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = one_line(capsys)
    assert "no space left" in said and f"--run-dir {folder} --resume" in said
    assert newest_manifest(folder)["epoch"] == 1
    assert not list(folder.rglob("unfinished-*"))
    assert resume(command, folder) == 0
    assert_same_run(folder, straight(command, 2)[1])


@pytest.fixture
def unprivileged():
    """No administrator, whom no permission keeps from writing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@each_command
def test_a_folder_that_cannot_be_written_to_is_said_before_training(
    command, straight, tmp_path, capsys, request
):
    options, _ = straight(command, 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine").chmod(0o555)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    request.getfixturevalue("unprivileged")
    for folder in (tmp_path / "mine", tmp_path / "mine" / "not there yet"):
        assert MAINS[command]([*options, "--epochs", "1", "--run-dir", str(folder)]) == 1
        assert f"{tmp_path / 'mine'} cannot be written to" in one_line(capsys)


@each_command
def test_neither_strange_paths_nor_a_clock_that_jumps_change_a_run(
    command, straight, tmp_path, capsys, monkeypatch
):
    """Paths with blanks and Chinese characters, and folders that are not there yet."""
    random, year, now = np.random.default_rng(0), 365 * 86_400, time.time()
    monkeypatch.setattr(time, "time", lambda: now + random.uniform(-20, 20) * year)
    home = tmp_path / "我的 数据"
    home.mkdir()
    monkeypatch.chdir(home)
    options = [*TRAINING[command], *write_data(command, home), "--verbose", "0", "--epochs", "2"]
    folder = Path("运行 's") / "nowhere yet" / "第一次"
    seen = []

    def stop(self, epoch, logs=None):
        seen.append(epoch)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(keras.callbacks.CSVLogger, "on_epoch_begin", stop)
        assert MAINS[command]([*options, "--run-dir", str(folder)]) == 143
    # What it says to type goes on.
    said = capsys.readouterr().err.split("to continue: ")[1]
    python, dash_m, module, *argv = shlex.split(said)
    assert (python, dash_m, module) == ("python", "-m", f"genai_keras.{command}")
    assert MAINS[command](argv) == 0
    assert_same_run(folder, straight(command, 2)[1])
    assert (folder / "samples").is_dir() and seen == [0]


@each_command
def test_an_absurd_learning_rate_ends_within_an_epoch_and_keeps_what_was_good(
    command, straight, tmp_path, capsys
):
    options, _ = straight(command, 1)
    argv = [*options, "--learning-rate", "1e6", "--epochs", "3", "--run-dir", str(tmp_path / "run")]
    if hasattr(COMMANDS[command], "warmup_steps"):
        argv += ["--warmup-steps", "0"]
    assert MAINS[command](argv) == 3
    said = one_line(capsys)
    assert "diverged at step" in said and "the first unusable number was " in said
    assert "try a smaller --learning-rate than 1e+06" in said
    assert newest_manifest(tmp_path / "run")["step"] == 0
    (path,) = (tmp_path / "run" / "checkpoints").glob("*.keras")
    assert all(np.isfinite(array).all() for array in saved_arrays(path).values())
    keras.saving.load_model(path)
    # It is no use to go on with it, and that is said in the same way.
    assert resume(command, tmp_path / "run") == 3


@each_command
def test_a_run_folder_has_one_process_and_a_dead_one_lets_go(
    command, straight, one_epoch, tmp_path, capsys
):
    folder = one_epoch(command)
    holder = start(command, ["--run-dir", str(folder), "--resume", "--epochs", "100000"])
    try:
        while newest_manifest(folder)["epoch"] < 2:
            assert holder.is_alive()
            time.sleep(0.01)
        options, _ = straight(command, 1)
        for how in (["--resume"], ["--overwrite", *options]):
            assert MAINS[command](["--run-dir", str(folder), *how]) == 1
            assert f"{folder} is in use by process {holder.pid}:" in one_line(capsys)
        assert holder.is_alive()
    finally:
        holder.kill()
        holder.join()
    assert (folder / "run.pid").exists()  # stale now
    assert resume(command, folder, "--epochs", "100000", "--max-minutes", "1e-6") == 0
    assert not (folder / "run.pid").exists()


class Begun:
    """Marks that a command begins."""

    def __init__(self, path):
        self.path = path

    def __call__(self):
        self.path.touch()


@each_command
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_at_any_time_loses_nothing(command, number, code, straight, tmp_path):
    options, run = straight(command, 2)
    folder = tmp_path / "run"
    argv = [*options, "--epochs", "2", "--run-dir", str(folder)]
    random = np.random.default_rng([number, *command.encode()])
    child = start(command, argv, Begun(tmp_path / "begun"))
    while not (tmp_path / "begun").exists():
        time.sleep(0.005)
    time.sleep(random.uniform(0.0, 3.0))
    if child.is_alive():
        os.kill(child.pid, number)
    child.join()
    assert child.exitcode in (0, code)
    began = (folder / "config.json").exists()
    assert MAINS[command](["--run-dir", str(folder), "--resume"] if began else argv) == 0
    assert_same_run(folder, run)


class SlowSave:
    """The save of the second epoch takes a minute."""

    def __call__(self):
        save = Checkpoints.save

        def slow(self, model, step, epoch):
            if epoch == 2:
                (self.directory.parent / "saving").touch()
                time.sleep(60)
            save(self, model, step, epoch)

        Checkpoints.save = slow


@each_command
def test_a_second_signal_ends_it_at_once_and_leaves_what_was_there(command, straight, tmp_path):
    options, run = straight(command, 2)
    folder = tmp_path / "run"
    child = start(command, [*options, "--epochs", "2", "--run-dir", str(folder)], SlowSave())
    while not (folder / "saving").exists():
        assert child.is_alive()
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGINT)
    time.sleep(0.5)
    assert child.is_alive()
    os.kill(child.pid, signal.SIGINT)
    child.join(30)
    assert child.exitcode == 130
    assert newest_manifest(folder)["epoch"] == 1
    assert resume(command, folder) == 0
    assert_same_run(folder, run)


@each_command
def test_a_clock_that_cannot_be_a_files_date_is_said(
    command, straight, tmp_path, monkeypatch, capsys
):
    options, _ = straight(command, 1)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # 1970, as after a flat battery
    assert MAINS[command]([*options, "--epochs", "1", "--run-dir", str(tmp_path / "run")]) == 1
    assert "clock" in one_line(capsys)


@each_command
def test_fewer_samples_than_a_batch_are_said(command, straight, tmp_path, capsys):
    options, _ = straight(command, 1)
    argv = [*options, "--batch-size", "5000", "--run-dir", str(tmp_path / "run")]
    assert MAINS[command](argv) == 1
    assert "do not fill one batch of 5000" in one_line(capsys)
    assert not (tmp_path / "run").exists()


def images(bad):
    """Ten images as a user might save them, floats of 0 to 1, of which the fourth has `bad`."""
    array = np.zeros((10, 28, 28), "float32")
    array[3, 14, 14] = bad
    return array


def npz(x_train, **more):
    def write(folder):
        x_test = np.zeros((4, 28, 28), "float32")
        np.savez(folder / "mnist.npz", **{"x_train": x_train, "x_test": x_test, **more})

    return write


def text(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def truncated_npz(folder):
    npz(images(0.5))(folder)
    path = folder / "mnist.npz"
    path.write_bytes(path.read_bytes()[:-300])


DIGITS_OF_MINE = ["--dataset", "mnist", "--data-dir", "."]
PICTURES = {
    "nan": (npz(images(np.nan)), "x_train[3] contains nan"),
    "infinity": (npz(images(np.inf)), "x_train[3] contains inf"),
    "range": (npz(images(-0.5)), "x_train[3] contains -0.5"),
    "shape": (npz(np.zeros((10, 784))), "x_train has the shape (10, 784)"),
    "type": (npz(np.full((10, 28, 28), "a")), "x_train has type"),
    "pickle": (npz(np.full((10, 28, 28), None)), "x_train has type object"),
    "empty": (npz(images(0.5)[:0]), "x_train is empty"),
    "truncated": (truncated_npz, "mnist.npz does not contain images"),
    "labels": (npz(images(0.5), y_train=np.full(10, 10)), "y_train[0] contains 10"),
}
BAD_INPUT = [
    *((command, [*options, *DIGITS_OF_MINE], *PICTURES[name])
      for command, options in (*((each, []) for each in OF_IMAGES),
                               ("train_lm", ["--preset", "pixels"]))
      for name in PICTURES),
    ("train_lm", ["--dataset", "text", "--data-dir", "a.txt"], text("a.txt", b""), "is empty"),
    ("train_lm", ["--dataset", "text", "--data-dir", "a.txt"],
     text("a.txt", b"caf\xe9 " * 99), "not in UTF-8 (see byte 3)"),
    ("train_seq2seq", ["--dataset", "pairs", "--data-dir", "a.tsv"],
     text("a.tsv", b""), "is empty"),
    ("train_seq2seq", ["--dataset", "pairs", "--data-dir", "a.tsv"],
     text("a.tsv", b"caf\xe9\tKaffee\n" * 9), "not in UTF-8 (see byte 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "options", "write", "says"), BAD_INPUT)
def test_bad_input_is_said_before_a_run_begins(
    command, options, write, says, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    assert MAINS[command]([*options, "--batch-size", "2", "--run-dir", "run"]) == 1
    assert says in one_line(capsys)
    assert not (tmp_path / "run").exists()
