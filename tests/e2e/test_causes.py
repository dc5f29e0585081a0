"""A failure keeps its cause, wherever in a command it happens: one line names it."""

import builtins
import errno
import io
import os
import re
import signal
import sys

import pytest
from helpers import MAINS, TRAINING, history, newest_manifest, raise_signal_at, write_data

from genai_keras import evaluate, generate
from genai_keras.callbacks.epochs import EachEpoch
from genai_keras.training.checkpoints import Checkpoints

pytestmark = pytest.mark.slow

CAUSE = "injected cause"
ERRORS = (
    lambda: LookupError(CAUSE),
    lambda: OSError(errno.EIO, CAUSE),
    lambda: OSError(errno.ENOSPC, CAUSE),
    lambda: MemoryError(CAUSE),
)
# What is of one command only, on its way to the first step.
BUILDING = {
    "train_gan": [
        "cli.gan_options.GANConfig.task", "tasks.images.Images.load", "tasks.images.load_images",
        "networks.gan.build_gan_networks", "models.gan.GAN.__init__", "models.gan.GAN.compile",
        "callbacks.doctor.gan_doctor", "tasks.images.Images.callbacks", "models.gan.GAN.train_step",
    ],
    "train_vae": [
        "cli.vae_options.VAEConfig.task", "tasks.images.Images.load",
        "networks.vae.build_vae_networks", "models.vae.VAE.__init__", "models.vae.VAE.train_step",
        "callbacks.latents.vae_callbacks", "callbacks.latents.LatentSpace.draw",
    ],
    "train_flow": [
        "cli.flow_options.FlowConfig.task", "networks.flow.build_flow_network",
        "networks.flow.GaussianVelocity.call", "models.flow.Flow.__init__",
        "models.flow.Flow.train_step", "callbacks.flow.flow_callbacks",
        "models.flow.Flow.path", "callbacks.flow.SolverSteps.draw",
    ],
    "train_lm": [
        "cli.text_options.LanguageModelConfig.task", "tasks.text.Text.load", "tasks.text.load_text",
        "networks.transformer.TransformerDecoder.__init__", "training.optimizers.adamw",
        "models.language_model.LanguageModel.__init__", "callbacks.text.as_markdown",
        "models.language_model.LanguageModel.train_step", "plots.attention.draw",
    ],
    "train_seq2seq": [
        "cli.text_options.Seq2SeqConfig.task", "tasks.pairs.Pairs.load", "tasks.pairs.load_pairs",
        "networks.transformer.TransformerEncoder.__init__", "models.seq2seq.Seq2Seq.__init__",
        "models.seq2seq.Seq2Seq.train_step", "callbacks.text.Translations.show",
    ],
}  # fmt: skip
# What all go through, to the first image.
STARTING = [
    "training.prepare.prepare_run", "training.run.run_training", "training.run.device",
    "training.run.locked", "training.run_folder.write_start",
    "training.run.EpochTensorBoard.set_model",
    "training.checkpoints.Checkpoints.save", "training.checkpoints.write_text",
    "training.divergence.Numbers.__init__", "callbacks.epochs.EachEpoch.on_train_begin",
    "training.terminal.Terminal.on_train_begin", "training.terminal.Terminal.__enter__",
]  # fmt: skip
# What comes after the first step: it takes longer to get there.
ENDING = {
    "train_gan": ["callbacks.images.save_animation", "cli.gan_options.GANConfig.conclude"],
    "train_vae": ["models.vae.VAE.test_step", "callbacks.latents.Projector.on_train_end"],
    "train_flow": ["models.flow.Flow.test_step", "callbacks.doctor.diversity"],
    "train_lm": ["training.run.EpochTensorBoard.on_epoch_end", "training.run.save_whole"],
    "train_seq2seq": ["tasks.pairs.evaluate_translations", "callbacks.epochs.EachEpoch._show"],
}
POINTS = [
    (command, f"genai_keras.{point}", ERRORS[number % len(ERRORS)])
    for command in TRAINING
    for number, point in enumerate([*BUILDING[command], *STARTING, *ENDING[command]])
]


def run(command, folder, tmp_path, *argv):
    options = [*TRAINING[command], *write_data(command, tmp_path), "--epochs", "1"]
    return MAINS[command]([*options, "--run-dir", str(folder), *argv])


@pytest.mark.parametrize(
    ("command", "point", "error"),
    POINTS,
    ids=[f"{command}-{point.removeprefix('genai_keras.')}" for command, point, _ in POINTS],
)
def test_whatever_function_fails_one_line_names_the_cause(
    command, point, error, tmp_path, capsys, few_digits, monkeypatch
):
    def fail(self=None, *_, **__):  # Keras looks at the arguments of an `__init__`
        raise error()

    monkeypatch.setattr(point, fail)
    folder = tmp_path / "run"
    assert run(command, folder, tmp_path) == 1
    *warnings, said = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ") and CAUSE in said
    assert all(line.startswith("warning: ") for line in warnings)
    complete = Checkpoints(folder / "checkpoints").has_complete()
    assert ("checkpoint is complete" in said) <= complete
    assert ("--resume" in said) <= (folder / "config.json").exists()
    if isinstance(error(), MemoryError):
        assert "not fit into memory (" in said and "use a smaller --" in said
    elif not isinstance(error(), OSError):
        assert said == f"error: LookupError: {CAUSE} (--debug shows where it happened)"


# The file that the disk has no room for, and whether to go on with the run as it is told.
FILES = [
    ("train_gan", "config.json", True),
    ("train_vae", "versions.json", False),
    ("train_lm", "tokenizer.json", True),
    ("train_seq2seq", "target-tokenizer.json", False),
    ("train_gan", "step_00000000.keras", False),
    ("train_gan", "step_00000000.json", True),
    ("train_gan", "epoch_0000.png", False),
    ("train_lm", "epoch_0000.txt", False),
    ("train_lm", "attention_0000.png", False),
    ("train_gan", "history.csv", False),
    ("train_gan", "step_00000004.keras", False),
    ("train_gan", "progress.gif", False),
    ("train_vae", "sprites.png", True),
    ("train_flow", "path_0000.png", False),
    ("train_flow", "steps.gif", True),
    ("train_seq2seq", "translations.tsv", True),
    ("train_gan", "model.keras", True),
]


@pytest.mark.parametrize(("command", "name", "goes_on"), FILES)
def test_a_disk_that_is_full_at_any_file_is_told_and_the_run_goes_on(
    command, name, goes_on, tmp_path, capsys, few_digits, monkeypatch
):
    opened = []

    def full_open(file, mode="r", *arguments, **keywords):
        if isinstance(file, (str, os.PathLike)) and name in str(file) and set(mode) & set("wax+"):
            opened.append(file)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        return usual_open(file, mode, *arguments, **keywords)

    usual_open, folder = io.open, tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", full_open)
        patched.setattr(io, "open", full_open)
        assert run(command, folder, tmp_path) == 1
    said = capsys.readouterr().err
    assert opened and said.count("\n") == 1, said
    assert said.startswith(f"error: there is no space left to write to {folder} ([Errno 28]")
    complete = Checkpoints(folder / "checkpoints").has_complete()
    assert ("The last checkpoint is complete" in said) <= complete
    begun = (folder / "config.json").exists()
    assert said.endswith(f"--run-dir {folder} --resume\n" if begun else "then start again\n")
    if goes_on:
        assert run(command, folder, tmp_path, *(["--resume"] if begun else [])) == 0
        assert (folder / "model.keras").exists() and len(history(folder)) == 1


class Gone(io.StringIO):
    """An output whose reader goes after so many lines."""

    def __init__(self, lines):
        super().__init__()
        self.lines = lines

    def write(self, text):
        self.lines -= text.count("\n")
        if self.lines < 0:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        return super().write(text)


@pytest.mark.parametrize(("lines", "epochs"), [(0, None), (1, None), (4, 0), (6, 2)])
def test_a_run_whose_reader_goes_ends_quietly_and_says_how_to_go_on(
    lines, epochs, tmp_path, capsys, few_digits, monkeypatch
):
    folder = tmp_path / "run"
    argv = [*TRAINING["train_gan"], "--epochs", "4", "--run-dir", str(folder)]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Gone(lines))
        assert MAINS["train_gan"](argv) == 141
    said = capsys.readouterr().err
    if epochs is None:
        assert said == "" and not folder.exists()
        return
    resume = f"python -m genai_keras.train_gan --run-dir {folder} --resume"
    assert said == f"nobody reads the output; to continue: {resume}\n"
    assert newest_manifest(folder)["epoch"] >= epochs
    assert MAINS["train_gan"](["--run-dir", str(folder), "--resume", "--verbose", "0"]) == 0
    assert len(history(folder)) == 4


def test_a_ctrl_c_that_also_ends_the_reader_of_its_messages_saves(
    tmp_path, few_digits, monkeypatch
):
    """As in `train_gan 2>&1 | tee log`: the terminal sends it to both."""

    def write(number, data):
        if number == 2:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        return usual_write(number, data)

    usual_write, folder = os.write, tmp_path / "run"
    raise_signal_at(monkeypatch, signal.SIGINT, 3)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        patched.setattr(sys, "stderr", Gone(0))
        assert run("train_gan", folder, tmp_path) == 130
    assert newest_manifest(folder)["step"] == 3


@pytest.mark.parametrize("name", ["text", "numbers"])
def test_what_the_tools_write_to_a_file_has_plain_lines(name, finished, capsys, monkeypatch):
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(variable, "1")
    asked = {"text": ["--length", "9"]}
    folder = str(finished(name))
    assert generate.main([folder, *asked.get(name, ["--count", "4"])]) == 0
    assert evaluate.main([folder, "--samples", "100", "--likelihoods", "4"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed.out)


def test_an_animation_that_fails_at_the_end_is_told(tmp_path, capsys, few_digits, monkeypatch):
    """It is no clean-up then: it is told, and made when the run is resumed."""

    def fail(*_, **__):
        raise ZeroDivisionError("division by zero")

    with monkeypatch.context() as patched:
        patched.setattr("genai_keras.callbacks.images.save_animation", fail)
        assert run("train_gan", tmp_path / "run", tmp_path) == 1
    assert "error: ZeroDivisionError: division by zero (" in capsys.readouterr().err
    assert run("train_gan", tmp_path / "run", tmp_path, "--resume") == 0
    assert (tmp_path / "run" / "samples" / "progress.gif").exists()


def test_the_first_image_keeps_its_cause(tmp_path, capsys, few_digits, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no first image")

    monkeypatch.setattr(EachEpoch, "on_train_begin", fail)
    assert run("train_gan", tmp_path / "run", tmp_path) == 1
    said = capsys.readouterr().err
    assert said == "error: RuntimeError: no first image (--debug shows where it happened)\n"
