"""From the first line of a command to its last: one line for a failure, and its exit code."""

import io
import os
import signal
import subprocess
import sys

import pytest

from genai_keras import generate, train_gan, train_seq2seq
from genai_keras.__main__ import main as list_commands
from genai_keras.cli import environment
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.tool_options import GenerateConfig

INTERRUPTIONS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def test_a_failure_that_nobody_expected_is_one_line_with_its_cause(monkeypatch, capsys):
    def task(self):
        raise LookupError("the injected cause\nand `more` of it")

    monkeypatch.setattr(GANConfig, "task", task)
    assert train_gan.main(["--run-dir", "unused"]) == 1
    said = "LookupError: the injected cause and 'more' of it (--debug shows where it happened)"
    assert capsys.readouterr().err == f"error: {said}\n"
    with pytest.raises(LookupError, match="the injected cause"):
        train_gan.main(["--run-dir", "unused", "--debug"])


def test_what_is_told_of_a_file_with_an_odd_name_is_one_line(tmp_path, capsys):
    path, shown = tmp_path / "my\n\x1b[31m 文.tsv", r"my\n\x1b[31m 文.tsv"
    argv = ["--dataset", "pairs", "--data-dir", str(path), "--run-dir", "unused", "--dry-run"]
    path.write_text("one\tun\ntwo\n", encoding="utf-8")
    assert train_seq2seq.main(argv) == 1
    said = f"line 2 of {tmp_path}/{shown} has no tab between source and target"
    assert capsys.readouterr().err == f"error: {said}\n"
    path.write_text("".join(f"{n}.\t{n}!\n" for n in range(100)), encoding="utf-8")
    assert train_seq2seq.main(argv) == 0
    assert f"{shown} (utf-8), separated by tabs" in capsys.readouterr().out


def at_once(number):
    def interrupted(*_, **__):
        signal.raise_signal(number)

    return interrupted


def as_another(number):
    """As NumPy does while it is imported."""

    def interrupted(*_, **__):
        try:
            signal.raise_signal(number)
        except BaseException as error:
            raise ImportError("the C extension cannot be imported") from error

    return interrupted


def swallowed(number):
    """As a bare `except` in a package that is imported does."""

    def interrupted(*_, **__):
        try:
            signal.raise_signal(number)
        except BaseException:
            return sys.modules["keras"]

    return interrupted


@pytest.mark.parametrize(("number", "code"), INTERRUPTIONS, ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize(
    ("place", "name", "how"),
    [
        ("genai_keras.cli.command", "parse_config", at_once),
        (GANConfig, "announce", at_once),
        (environment, "import_keras", at_once),
        (environment, "import_keras", as_another),
        (environment, "import_keras", swallowed),
        (GANConfig, "task", at_once),
        (GANConfig, "task", as_another),
        ("genai_keras.tasks.images", "load_images", at_once),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_interruption_before_training_is_one_line(
    place, name, how, number, code, monkeypatch, capsys, tmp_path
):
    if isinstance(place, str):
        __import__(place)
        place = sys.modules[place]
    monkeypatch.setattr(place, name, how(number))
    before = [signal.getsignal(each) for each, _ in INTERRUPTIONS]
    assert train_gan.main(["--run-dir", str(tmp_path / "run")]) == code
    assert capsys.readouterr().err == "\ninterrupted\n"
    assert [signal.getsignal(each) for each, _ in INTERRUPTIONS] == before
    assert not (tmp_path / "run").exists()


def test_a_ctrl_c_that_is_ignored_stays_ignored(monkeypatch, capsys):
    """As `nohup` and a shell script in the background start a command."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        monkeypatch.setattr(GANConfig, "announce", at_once(signal.SIGINT))
        assert train_gan.main(["--help"]) == 0
        monkeypatch.setattr(GANConfig, "task", lambda self: 1 / 0)
        assert train_gan.main(["--run-dir", "unused"]) == 1
    finally:
        signal.signal(signal.SIGINT, former)
    assert "division by zero" in capsys.readouterr().err


def test_an_interruption_does_not_send_one_to_the_run_that_was_to_be_replaced(
    monkeypatch, capsys, tmp_path
):
    GANConfig(run_dir=tmp_path, epochs=7).save(tmp_path / "config.json")
    monkeypatch.setattr(GANConfig, "task", at_once(signal.SIGINT))
    argv = ["--run-dir", str(tmp_path)]
    assert train_gan.main([*argv, "--overwrite"]) == 130
    assert "to continue" not in capsys.readouterr().err
    # To one that has begun, it does.
    assert train_gan.main([*argv, "--overwrite", "--epochs", "7"]) == 130
    assert train_gan.main([*argv, "--resume"]) == 130
    resume = f"interrupted; to continue: python -m genai_keras.train_gan {' '.join(argv)} --resume"
    assert capsys.readouterr().err == 2 * f"\n{resume}\n"


@pytest.fixture
def closed_pipe():
    """A pipe whose reader has gone, as after `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    yield stream
    stream.close()  # as Python does at its end: nothing that is left may fail


@pytest.mark.parametrize(
    ("main", "argv"),
    [(train_gan.main, ["--help"]), (list_commands, []), (list_commands, ["train-gan", "--help"])],
    ids=["help", "list", "help through the entry"],
)
def test_a_reader_that_has_gone_ends_it_quietly(main, argv, closed_pipe, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    assert main(argv) == 141
    assert capsys.readouterr().err == ""


def test_a_failure_keeps_its_exit_code_when_nobody_reads_the_output(
    closed_pipe, monkeypatch, capsys
):
    def task(self):
        print("much", end="")
        raise LookupError("the injected cause")

    monkeypatch.setattr(sys, "stdout", closed_pipe)
    monkeypatch.setattr(GANConfig, "task", task)
    assert train_gan.main(["--run-dir", "unused", "--verbose", "0"]) == 1
    assert "the injected cause" in capsys.readouterr().err


def test_samples_that_nobody_reads_end_quietly_and_errors_that_nobody_reads_do_not_hang(
    closed_pipe, monkeypatch
):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    monkeypatch.setattr(sys, "stderr", closed_pipe)
    monkeypatch.setattr(GenerateConfig, "announce", lambda self: print("much", flush=True))
    assert generate.main(["no such run"]) == 141
    monkeypatch.setattr(GenerateConfig, "announce", lambda self: None)
    assert generate.main(["no such run"]) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_an_output_on_a_full_disk_is_told(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert list_commands([]) == 1
        monkeypatch.undo()
    assert "error: the output cannot be written: [Errno 28]" in capsys.readouterr().err


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["none", "no file"])
def test_an_output_that_is_no_file_is_no_failure(stream, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    assert list_commands([]) == 0 and train_gan.main(["--help"]) == 0


@pytest.mark.parametrize("columns", ["0", "-3", "1", "7", "nonsense", "²", "", "100000"])
def test_help_is_there_whatever_the_width_is_said_to_be(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    assert train_gan.main(["--help"]) == 0
    assert "--generator-widths" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONOPTIMIZE", "2"),  # removes docstrings
        ("PYTHONIOENCODING", "ascii"),
        ("LC_ALL", "C"),
        ("PYTHONWARNINGS", "error"),
        ("HOME", "/dev/null/nowhere"),
        ("TMPDIR", "/dev/null/nowhere"),
        ("PYTHONHASHSEED", "0"),
        ("TERM", ""),
    ],
)
def test_the_list_of_commands_and_the_help_need_nothing_of_the_environment(name, value):
    for argv in (["-m", "genai_keras"], ["-m", "genai_keras.train_gan", "--help"]):
        ended = subprocess.run(
            [sys.executable, *argv], env={**os.environ, name: value}, capture_output=True
        )
        assert (ended.returncode, ended.stderr) == (0, b"") and b"train_gan" in ended.stdout
