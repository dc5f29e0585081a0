"""`--devices cluster`: real processes that are killed, stopped, missing, or have something else."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from children import KillInSave, codes_of, finish, start_workers
from helpers import TRAINING, assert_same_bits, history, write_data

from genai_keras.training import links, run
from genai_keras.training.checkpoints import Checkpoints

pytestmark = pytest.mark.slow

OURS = ("error: ", "warning: ", "stopped ", "worker ")
LONG = ["--epochs", "1000", "--save-every", "1"]


def argv_of(command, tmp_path):
    return [*TRAINING[command], *write_data(command, tmp_path), "--verbose", "0"]


def errors(folder, index):
    """What a worker has written to its standard error.

    TensorFlow was imported before, with its notes on; `launch` shows what a user sees.
    """
    lines = (folder / f"errors-{index}").read_text().splitlines()
    return "".join(f"{each}\n" for each in lines if each.startswith(OURS))


def wait_for_checkpoints(run_dir, count=2):
    """Waits until a run has saved within its first epoch."""
    end = time.monotonic() + 120
    while len(list((run_dir / "checkpoints").glob("*.json"))) < count:
        assert time.monotonic() < end, "the run has not begun"
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["train_gan", "train_lm"])
def test_killed_workers_resume_to_the_same_bits(command, tmp_path):
    argv = [*argv_of(command, tmp_path), "--epochs", "3"]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert codes_of(start_workers(command, [*argv, "--run-dir", str(straight)], tmp_path)) == [0, 0]

    argv = [*argv, "--run-dir", str(killed), "--save-every", "1"]
    all_at_once = {0: KillInSave(3, 9)}
    victims = start_workers(command, argv, tmp_path, accidents=all_at_once)
    victims[0].join()
    victims[1].kill()
    assert codes_of(victims) == [-9, -9]

    resume = ["--run-dir", str(killed), "--resume"]
    one = {1: KillInSave(2, 3)}
    assert codes_of(start_workers(command, resume, tmp_path, accidents=one)) == [1, -9]
    said = errors(tmp_path, 0)
    assert said.startswith("error: worker 1 (127.0.0.1:")
    assert "has ended without a word" in said
    assert f"--run-dir {killed} --resume" in said
    assert said.count("\n") == 1
    assert Checkpoints(killed / "checkpoints").has_complete()

    assert codes_of(start_workers(command, resume, tmp_path)) == [0, 0]
    assert errors(tmp_path, 0) == errors(tmp_path, 1) == ""
    assert_same_bits(straight / "model.keras", killed / "model.keras")
    assert history(straight) == history(killed)
    for sample in (straight / "samples").iterdir():
        assert sample.read_bytes() == (killed / "samples" / sample.name).read_bytes()


def test_another_number_of_workers_goes_on_with_a_warning(tmp_path):
    run, argv = tmp_path / "run", argv_of("train_lm", tmp_path)
    argv = [*argv, "--epochs", "1", "--run-dir", str(run)]
    assert codes_of(start_workers("train_lm", argv, tmp_path)) == [0, 0]
    longer = ["--run-dir", str(run), "--resume", "--epochs"]
    assert codes_of(start_workers("train_lm", [*longer, "2"], tmp_path, count=4)) == [0] * 4
    assert "devices 2 -> 4" in errors(tmp_path, 0)
    assert [errors(tmp_path, index) for index in (1, 2, 3)] == [""] * 3
    # Resumed without others, it says what it misses; with one device, it goes on.
    assert finish("train_lm", [*longer, "3"]) == 1
    assert finish("train_lm", [*longer, "3", "--devices", "1"]) == 0
    assert len(history(run)) == 3

    alone = tmp_path / "alone"
    argv = [*argv[:-4], "--epochs", "3", "--run-dir", str(alone)]
    assert finish("train_lm", argv) == 0
    for row, other in zip(history(run), history(alone), strict=True):
        for name in row:
            assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("victim", [0, 1])
def test_a_signal_to_one_worker_stops_all_with_a_checkpoint(victim, tmp_path):
    run = tmp_path / "run"
    argv = [*argv_of("train_gan", tmp_path), *LONG, "--run-dir", str(run)]
    workers = start_workers("train_gan", argv, tmp_path)
    wait_for_checkpoints(run)
    os.kill(workers[victim].pid, signal.SIGTERM)
    assert codes_of(workers) == [143, 143]
    assert "to continue: python -m genai_keras.train_gan" in errors(tmp_path, 0)
    assert "worker 1 (127.0.0.1:" in errors(tmp_path, 1)
    assert Checkpoints(run / "checkpoints").has_complete()


def lost(kind, victim, tmp_path):
    """The codes and the last lines of all workers after one was lost in a run."""
    run = tmp_path / "run"
    argv = [*argv_of("train_gan", tmp_path), *LONG, "--batch-size", "12", "--run-dir", str(run)]
    workers = start_workers("train_gan", argv, tmp_path, count=3)
    wait_for_checkpoints(run)
    os.kill(workers[victim].pid, kind)
    others = {index: worker for index, worker in workers.items() if index != victim}
    codes = codes_of(others)
    workers[victim].kill()
    workers[victim].join()
    assert Checkpoints(run / "checkpoints").has_complete()
    return codes, [errors(tmp_path, index) for index in others]


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize(
    ("kind", "said"),
    [(signal.SIGKILL, "has ended without a word"), (signal.SIGSTOP, "does not answer any more")],
)
def test_a_lost_worker_is_named_by_all_others(kind, said, victim, tmp_path):
    codes, lines = lost(kind, victim, tmp_path)
    assert codes == [1, 1]
    for line in lines:
        assert f"worker {victim} (127.0.0.1:" in line
        assert said in line
        assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({1: ["--batch-size", "8"]}, "another batch_size (8) than worker 0 (16)"),
        ({1: ["--epochs", "3"]}, "another epochs (3) than worker 0 (2)"),
        ({1: ["--seed", "1"]}, "another seed (1) than worker 0 (0)"),
        # TensorFlow would wait for ever for the weights that one of them does not have.
        ({1: ["--generator-widths", "8", "8"]}, "another generator_widths ([8, 8])"),
        ({1: ["--dry-run"]}, "another dry_run (true) than worker 0 (false)"),
    ],
)
def test_another_config_is_named(own, said, tmp_path):
    run = tmp_path / "run"
    argv = [*argv_of("train_gan", tmp_path), "--epochs", "2", "--run-dir", str(run)]
    assert codes_of(start_workers("train_gan", argv, tmp_path, own=own)) == [1, 1]
    for index in range(2):
        assert errors(tmp_path, index).startswith("error: worker 1 (127.0.0.1:")
        assert said in errors(tmp_path, index)
    assert not (run / "config.json").exists()  # nothing has begun


def test_all_workers_tell_where_training_diverged(tmp_path):
    run = tmp_path / "run"
    argv = [*argv_of("train_gan", tmp_path), "--run-dir", str(run), "--learning-rate", "1e9"]
    assert codes_of(start_workers("train_gan", argv, tmp_path)) == [3, 3]
    for index in range(2):
        assert errors(tmp_path, index).startswith("error: training diverged at step")


def test_other_data_are_named(tmp_path):
    argv = argv_of("train_lm", tmp_path)
    other = tmp_path / "other.txt"
    other.write_text((tmp_path / "verse.txt").read_text().replace("cat", "rat"), encoding="utf-8")
    argv += ["--run-dir", str(tmp_path / "run")]
    own = {1: ["--data-dir", str(other)]}
    assert codes_of(start_workers("train_lm", argv, tmp_path, own=own)) == [1, 1]
    assert "worker 1 (127.0.0.1:" in errors(tmp_path, 0)
    assert "has another content" in errors(tmp_path, 0)


def test_data_that_one_worker_does_not_have_are_named(tmp_path):
    argv = [*argv_of("train_lm", tmp_path), "--run-dir", str(tmp_path / "run")]
    own = {1: ["--data-dir", str(tmp_path / "nothing.txt")]}
    assert codes_of(start_workers("train_lm", argv, tmp_path, own=own)) == [1, 1]
    assert "nothing.txt" in errors(tmp_path, 1)
    assert "worker 1 (127.0.0.1:" in errors(tmp_path, 0)
    assert "nothing.txt" in errors(tmp_path, 0)


@pytest.mark.parametrize("missing", [0, 2])
def test_a_missing_worker_is_named(missing, tmp_path):
    argv = [*argv_of("train_gan", tmp_path), "--run-dir", str(tmp_path / "run")]
    own = {missing: None}
    patience = dict.fromkeys(range(3), Impatient())
    workers = start_workers("train_gan", argv, tmp_path, count=3, own=own, accidents=patience)
    assert codes_of(workers) == [1, 1]
    for index in workers:
        assert f"worker {missing} (127.0.0.1:" in errors(tmp_path, index)
        assert "did not start within 2 seconds" in errors(tmp_path, index)


class Impatient:
    """Makes a worker wait for others for two seconds only."""

    def __call__(self):
        os.environ["GENAI_KERAS_START"] = "2"


def launch(tmp_path, *argv):
    line = [sys.executable, "-m", "genai_keras.launch", "--workers", "2", "--", *argv]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Stuck:
    """A worker that waits, outside TensorFlow, for something that never comes."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        tempfile.tempdir = str(self.folder)
        links.GRACE = 1
        run.run_training = self.wait

    def wait(self, *arguments, **keywords):
        (self.folder / "stuck").touch()
        time.sleep(1_000)


def test_a_worker_that_is_stuck_ends_when_another_is_lost(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    argv = [*argv_of("train_gan", tmp_path), "--run-dir", str(tmp_path / "run"), *LONG]
    workers = start_workers("train_gan", argv, tmp_path, accidents={1: Stuck(own)})
    end = time.monotonic() + 120
    while not (own / "stuck").exists():
        assert time.monotonic() < end, "worker 1 has not begun"
        time.sleep(0.05)
    assert list(own.glob("genai_keras-*"))
    workers[0].kill()
    assert codes_of(workers) == [-9, 1]
    assert "worker 0 (127.0.0.1:" in errors(tmp_path, 1)
    assert "has ended without a word" in errors(tmp_path, 1)
    assert [path.name for path in own.iterdir()] == ["stuck"]


def test_another_checkpoint_is_named(tmp_path):
    run_dir, copy = tmp_path / "run", tmp_path / "copy"
    argv = [*argv_of("train_gan", tmp_path), "--epochs", "2", "--run-dir", str(run_dir)]
    assert codes_of(start_workers("train_gan", argv, tmp_path)) == [0, 0]
    shutil.copytree(run_dir, copy)
    for path in sorted((copy / "checkpoints").glob("step_*"))[-2:]:
        path.unlink()
    argv = ["--run-dir", str(run_dir), "--resume", "--epochs", "3"]
    own = {1: ["--run-dir", str(copy)]}
    assert codes_of(start_workers("train_gan", argv, tmp_path, own=own)) == [1, 1]
    assert "has another last checkpoint" in errors(tmp_path, 0)


def first_child(process):
    """The process that another has started first."""
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    if not os.path.exists(children):
        process.kill()
        pytest.skip("this system does not tell which processes a process has started")
    with open(children, encoding="ascii") as file:
        return min(map(int, file.read().split()))


def test_launch_starts_workers_and_passes_signals_on(tmp_path):
    run = tmp_path / "run"
    launched = launch(tmp_path, "train_gan", *TRAINING["train_gan"], "--run-dir", str(run), *LONG)
    wait_for_checkpoints(run)
    os.kill(first_child(launched), signal.SIGKILL)
    out, err = launched.communicate(timeout=120)
    assert launched.returncode == 1
    assert all(line.startswith(("[0] ", "[1] ")) or not line for line in out.splitlines())
    assert "[0] training on 2 workers" in out
    resume = f"python -m genai_keras.launch --workers 2 -- train_gan --run-dir {run} --resume"
    lines = [line for line in err.splitlines() if "warning" not in line]
    assert [line[:10] for line in lines] == ["[1] error:", "worker 0 w", "to continu"]
    assert "worker 0 (127.0.0.1:" in lines[0]
    assert lines[1] == "worker 0 was ended by SIGKILL"
    assert lines[2] == f"to continue: {resume}"

    newest = max((run / "checkpoints").glob("*.json")).name
    launched = launch(tmp_path, "train_gan", "--run-dir", str(run), "--resume")
    end = time.monotonic() + 120
    while max((run / "checkpoints").glob("*.json")).name == newest:
        assert time.monotonic() < end, "the run does not go on"
        time.sleep(0.05)
    launched.send_signal(signal.SIGINT)
    out, err = launched.communicate(timeout=120)
    assert launched.returncode == 130
    assert f"to continue: {resume}" in err
