"""Arguments in, a config out: presets, ranges, resuming, and what `--help` says."""

import dataclasses
import json
import shlex
import subprocess
import sys

import pytest

from genai_keras.config.images import GANConfig, VAEConfig
from genai_keras.config.tools import EvaluateConfig
from genai_keras.errors import UserError
from genai_keras.parsing import (
    load_config,
    make_parser,
    parse_config,
    resume_command,
    save_config,
)


def test_a_typed_flag_wins_over_the_preset_and_the_preset_over_the_default():
    assert parse_config(GANConfig, []).latent_dim == GANConfig.latent_dim == 64
    assert parse_config(GANConfig, ["--preset", "mlp"]).latent_dim == 100
    assert parse_config(GANConfig, ["--preset", "mlp", "--latent-dim", "7"]).latent_dim == 7


def test_presets_hold_the_networks_of_their_documents():
    widths = {
        name: (
            parse_config(GANConfig, ["--preset", name]).generator_widths,
            parse_config(GANConfig, ["--preset", name]).discriminator_widths,
        )
        for name in GANConfig.presets
    }
    assert widths["dense-1d"][0] == (128, 64)
    assert widths["dense"][0] == (256,)
    assert widths["mlp"] == ((256, 512, 1024), (512, 256))
    assert widths["dcgan64"][0] == (256, 128, 64)
    vaes = {name: parse_config(VAEConfig, ["--preset", name]) for name in VAEConfig.presets}
    assert vaes["conv"].widths == (32, 64)
    assert (vaes["mlp"].widths, vaes["mlp"].latent_dim) == ((256, 128), 32)
    assert (vaes["dense"].widths, vaes["dense"].latent_dim) == ((16,), 32)
    paper = vaes["paper"]
    assert (paper.widths, paper.latent_dim, paper.activation) == ((200, 200), 50, "tanh")


@pytest.mark.parametrize("cls", [GANConfig, VAEConfig])
def test_every_preset_sets_only_options_that_exist(cls):
    names = {each.name for each in dataclasses.fields(cls)}
    for changes in cls.presets.values():
        assert changes.keys() <= names


def test_a_config_comes_back_from_its_file(tmp_path):
    config = parse_config(GANConfig, ["--data-dir", "x", "--generator-widths", "8", "4"])
    save_config(config, tmp_path / "config.json")
    cls, values = load_config(tmp_path / "config.json", [VAEConfig, GANConfig])
    again = cls(**values, run_dir=config.run_dir)
    assert cls is GANConfig and again == config
    assert again.data_dir.is_absolute()


def test_resume_takes_the_runs_config_and_refuses_contradictions(tmp_path):
    run = ["--run-dir", str(tmp_path)]
    save_config(parse_config(GANConfig, ["--ema", "0.5", *run]), tmp_path / "config.json")
    assert parse_config(GANConfig, [*run, "--resume"]).ema == 0.5
    assert parse_config(GANConfig, [*run, "--resume", "--ema", "0.5", "--epochs", "9"]).epochs == 9
    with pytest.raises(UserError) as failure:
        parse_config(GANConfig, [*run, "--resume", "--ema", "0.9", "--latent-dim", "8"])
    assert "--ema 0.9 (the run has 0.5)" in str(failure.value)
    assert "--latent-dim 8 (the run has 64)" in str(failure.value)


def test_the_length_of_a_cosine_is_part_of_the_run(tmp_path):
    run = ["--run-dir", str(tmp_path)]
    save_config(parse_config(GANConfig, ["--schedule", "cosine"]), tmp_path / "config.json")
    with pytest.raises(UserError, match="--epochs 99"):
        parse_config(GANConfig, [*run, "--resume", "--epochs", "99"])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        json.dumps({"command": "train_gan", "format": 1, "epochs": "x"}),
        json.dumps({"command": "train_gan", "format": "new"}),
    ],
    ids=["cut", "list", "text", "format"],
)
def test_an_unusable_config_file_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        parse_config(GANConfig, ["--run-dir", str(tmp_path), "--resume"])


@pytest.mark.parametrize(
    "change, words",
    [
        ({"format": 2}, "of a newer version of genai_keras"),
        ({"no_such_option": 1}, r"may be of a newer one: \['no_such_option'\]"),
        ({"command": "train_vae"}, r"a run of genai_keras\.train_vae"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_config_of_a_newer_version_or_another_command_is_refused(tmp_path, change, words):
    path = tmp_path / "config.json"
    save_config(parse_config(GANConfig, []), path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=words):
        parse_config(GANConfig, ["--run-dir", str(tmp_path), "--resume"])


def test_a_run_of_an_earlier_version_says_so(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"epochs": 3}))
    with pytest.raises(UserError, match="of an earlier version: train it again"):
        parse_config(GANConfig, ["--run-dir", str(tmp_path), "--resume"])


def test_resume_without_a_run(tmp_path):
    with pytest.raises(UserError, match="--run-dir"):
        parse_config(GANConfig, ["--resume"])
    with pytest.raises(UserError, match="no run to resume"):
        parse_config(GANConfig, ["--resume", "--run-dir", str(tmp_path / "none")])


@pytest.mark.parametrize(
    "argv",
    [
        ["--epochs", "0"],
        ["--batch-size", "-1"],
        ["--learning-rate", "0"],
        ["--learning-rate", "nan"],
        ["--ema", "1"],
        ["--label-smoothing", "0.6"],
        ["--seed", "4294967296"],
        ["--overwrite", "--resume"],
        ["--generator-widths", "8", "0"],
        ["--preset", "none"],
        ["--epoch", "3"],
    ],
    ids=" ".join,
)
def test_unusable_arguments_are_a_usage_error(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        parse_config(GANConfig, argv)
    assert stop.value.code == 2
    assert argv[0] in capsys.readouterr().err


@pytest.mark.parametrize("cls", [GANConfig, VAEConfig])
def test_help_shows_every_option_with_its_default(cls):
    text = " ".join(make_parser(cls).format_help().split())
    for each in dataclasses.fields(cls):
        assert "--" + each.name.replace("_", "-") in text
        wants_value = each.default is not None and each.default is not False
        shown = (
            f"(default: {' '.join(map(str, each.default))})"
            if isinstance(each.default, tuple)
            else f"(default: {each.default})"
        )
        assert not wants_value or shown in text, each.name
    assert "examples:" in text and "two CPU cores" in text


def test_help_of_the_tools_names_the_run_and_no_empty_default():
    text = make_parser(EvaluateConfig).format_help()
    assert "[RUN]" in text and "(default: )" not in text and "(default: 0)" in text


def test_help_does_not_wait_for_tensorflow():
    """A fact instead of a timing: what costs seconds is never imported."""
    script = (
        "import sys; from genai_keras import augment, evaluate, export, generate, train_gan as gan;"
        "from genai_keras import train_vae as vae;"
        "commands = (augment, evaluate, export, generate, gan, vae);"
        "code = any([each.main(['--help']) for each in commands]);"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules); sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_the_resume_command_parses_back_to_the_run(tmp_path):
    config = parse_config(GANConfig, ["--run-dir", str(tmp_path / "a run")])

    words = shlex.split(resume_command(config))
    assert words[:3] == ["python", "-m", "genai_keras.train_gan"]
    (tmp_path / "a run").mkdir()
    save_config(config, tmp_path / "a run" / "config.json")
    assert parse_config(GANConfig, words[3:]).run_dir == config.run_dir
