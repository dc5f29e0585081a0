"""What the terminal shows: figures, time and samples, on any terminal and in a file."""

import contextlib
import io
import os
import pty
import re
import struct
import sys
import termios
import threading
from fcntl import ioctl
from types import SimpleNamespace

import pytest
from children import start
from helpers import MAINS, TRAINING, history, write_data
from rich.cells import cell_len

from genai_keras.training.terminal import Pace, Terminal, duration

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BRAILLE = re.compile("[\u2801-\u28ff]")


def paced(steps, step=0.1, pause=3.0, per_epoch=10, validation_steps=4, warm_up=5.0):
    """A `Pace` after so many steps of a run whose times are known."""
    pace, now = Pace(validation_steps), 0.0
    for number in range(steps):
        if number % per_epoch == 0:
            now += pause if number else 0
            pace.epoch(now)
        now += step + (warm_up if number == 0 else 0)
        pace.step(now)
    return pace


def test_the_time_left_is_that_of_the_steps_and_of_what_lies_between_epochs():
    assert paced(1).left(10, 1) is None
    assert paced(2).left(10, 1) is None and paced(2).seconds_per_step is None
    assert paced(25).seconds_per_step == pytest.approx(0.1)
    assert paced(25).left(75, 8) == pytest.approx(75 * 0.1 + 8 * 3.0)
    assert paced(100).left(0, 0) == 0
    assert paced(25, step=0.0, pause=0.0).left(75, 8) is None  # a clock that stands still
    # Before the first pause it is guessed: half a step for each step of validation.
    assert paced(9).left(91, 10) == pytest.approx(91 * 0.1 + 10 * 4 * 0.05)
    # One slow pause, such as the first with its compilation, does not spoil the estimate.
    pace = paced(45)
    pace.between[0] = 60.0
    assert pace.left(10, 1) == pytest.approx(1.0 + 3.0)
    pace.between = [60.0, 3.0]
    assert pace.left(10, 1) == pytest.approx(1.0 + 3.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.4, "9.4 s"), (10, "10 s"), (99, "99 s"), (100, "1:40 min"),
     (594, "9:50 min"), (595, "10 min"), (3600, "60 min"), (5910, "98 min"), (36_000, "10.0 h")],
)  # fmt: skip
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text and len(text) <= 8


@pytest.mark.slow
@pytest.mark.parametrize("command", TRAINING)
def test_in_a_file_there_are_plain_lines_with_the_figures_of_the_history(command, tmp_path, capsys):
    folder = tmp_path / "run"
    argv = [*TRAINING[command], *write_data(command, tmp_path), "--epochs", "2"]
    argv += ["--verbose", "1"]
    assert MAINS[command]([*argv, "--run-dir", str(folder)]) == 0
    out = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2800-\u28ff]", out)
    lines = out.splitlines()
    assert lines[0].startswith(f"{command}: ") and lines[1] == f"folder: {folder}"
    header = next(line.split() for line in lines if line.startswith("epoch "))
    rows = [line.split() for line in lines if re.match(r" +\d+  ", line)]
    assert header[0] == "epoch" and header[-1] == "time" and len(header) >= 5
    for number, (row, expected) in enumerate(zip(rows, history(folder), strict=True)):
        assert row[0] == str(number + 1)
        for name, figure in zip(header[1:-1], row[1:], strict=False):
            assert float(figure) == pytest.approx(float(expected[name]), abs=6e-5)
    pathless = [line for line in lines if str(folder) not in line and str(tmp_path) not in line]
    assert max(map(cell_len, pathless)) <= 80
    assert out.count("\n  | ") == {"train_lm": 2, "train_seq2seq": 6}.get(command, 0)
    for said in ("What next?", f"genai_keras.evaluate {folder}", f"{folder}/model.keras"):
        assert said in out


@pytest.mark.slow
@pytest.mark.parametrize(("epochs", "told"), [(4, 0), (8, 1)])  # of 4 steps each
def test_the_time_is_told_once_when_it_is_known(epochs, told, tmp_path, capsys):
    argv = [*TRAINING["train_gan"], "--epochs", str(epochs), "--run-dir", str(tmp_path / "run")]
    assert MAINS["train_gan"](argv) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [n for n, line in enumerate(lines) if re.fullmatch(r"about .* to go, .*", line)]
    assert len(found) == told
    if told:  # the first step of an epoch is not measured: 4 + 6 * 3 steps are, in epoch 7
        assert lines[found[0] - 1].startswith("    6  ")


@pytest.mark.parametrize(
    ("seconds", "told_at", "speed"),
    [(0.05, None, ""), (0.2, 51, "3,200 tokens/s"), (1.0, 20, "640 tokens/s")],
)
def test_in_a_long_epoch_the_time_is_told_after_ten_seconds(
    seconds, told_at, speed, monkeypatch, capsys
):
    """Of 100 steps of 10 samples of 64 tokens; never before twenty of them."""
    clock, batches = [0.0], SimpleNamespace(steps_per_epoch=100, count=50, batch_size=10)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    checkpoint = SimpleNamespace(step=0)
    terminal = Terminal(
        1, batches, batches, checkpoint, [], live=False, previews=False, units=("tokens", 64)
    )
    terminal.on_epoch_begin(0)
    for step in range(1, 101):
        clock[0] += seconds
        checkpoint.step = step
        terminal.on_train_batch_end(step - 1)
        if said := capsys.readouterr().out:
            assert told_at == step and said.endswith(
                f" to go, measured on the first steps: {speed}\n"
            )
            return
    assert told_at is None


class OnTerminal:
    """Lets a child write to a terminal, as its first act."""

    def __init__(self, name, folder, environment, encoding):
        self.name, self.folder = name, folder
        self.environment, self.encoding = environment, encoding

    def __call__(self):
        os.chdir(self.folder)
        for name in ("TERM", "NO_COLOR", "COLUMNS", "LINES"):
            os.environ.pop(name, None)
        os.environ.update(self.environment)
        terminal = os.open(self.name, os.O_RDWR)
        for number, stream in ((1, "stdout"), (2, "stderr")):
            os.dup2(terminal, number)
            raw = io.FileIO(number, "w", closefd=False)
            setattr(sys, stream, io.TextIOWrapper(io.BufferedWriter(raw), self.encoding))


def typed(folder, argv, size=(24, 80), environment=(), encoding="utf-8"):
    """What `train_gan`, typed in a folder, writes to a terminal of so many rows and columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    environment = {"TERM": "xterm-256color", **dict(environment)}
    written = []

    def read():
        with contextlib.suppress(OSError):  # nobody writes any more
            while part := os.read(ours, 4096):
                written.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    accident = OnTerminal(os.ttyname(theirs), folder, environment, encoding)
    child = start("train_gan", argv, accident)
    child.join()
    os.close(theirs)
    reader.join()
    os.close(ours)
    text = b"".join(written).decode("utf-8")
    assert child.exitcode == 0, text
    return text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "environment", "encoding", "moves", "dots"),
    [
        ((24, 80), {}, "utf-8", True, True),
        ((40, 120), {"NO_COLOR": "1"}, "utf-8", True, True),
        ((24, 80), {"TERM": "dumb"}, "utf-8", False, False),
        ((24, 80), {}, "ascii", True, False),  # as with LANG=C
    ],
    ids=["80x24", "120x40 without colour", "dumb", "ascii"],
)
def test_on_a_terminal_no_line_wraps_and_samples_are_shown(
    size, environment, encoding, moves, dots, tmp_path
):
    argv = [*TRAINING["train_gan"], "--epochs", "2", "--run-dir", "run"]
    out = typed(tmp_path, argv, size, environment, encoding)
    assert bool(CONTROL.search(out)) == moves
    assert bool(BRAILLE.search(out)) == dots
    plain = CONTROL.sub("", out).replace("\r", "\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", plain)
    # A command to type stays in one line, so that it can be copied.
    lines = [line for line in plain.splitlines() if "python -m" not in line]
    assert max(map(cell_len, lines)) <= size[1]
    assert ("step 4/4" in plain) == moves
    assert re.search(r"^    1  ", plain, re.M) and re.search(r"^    2  ", plain, re.M)
    if "NO_COLOR" in environment:
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", out)


@pytest.mark.slow
def test_previews_can_be_turned_off(tmp_path):
    argv = [*TRAINING["train_gan"], "--epochs", "1", "--run-dir", "run", "--no-preview"]
    out = typed(tmp_path, argv)
    assert CONTROL.search(out) and not BRAILLE.search(out)
