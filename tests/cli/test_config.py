"""Arguments in, a config out: presets, ranges, resuming, and what `--help` says."""

import dataclasses
import importlib
import json
import re
import shlex
import subprocess
import sys
import time
import types
import typing
from pathlib import Path

import numpy as np
import pytest
from helpers import COMMANDS, TRAINING, mutated

from genai_keras.__main__ import main
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.options import GROUPS, OPTIMIZATION
from genai_keras.cli.parsing import load_config, make_parser, parse_config
from genai_keras.cli.text_options import Seq2SeqConfig
from genai_keras.cli.tool_options import EvaluateConfig
from genai_keras.cli.vae_options import VAEConfig
from genai_keras.errors import UserError

CONFIGS = [COMMANDS[command] for command in TRAINING]


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


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.command)
def test_every_preset_sets_only_options_that_exist(cls):
    names = {each.name for each in dataclasses.fields(cls)}
    for changes in cls.presets.values():
        assert changes.keys() <= names


def test_a_config_comes_back_from_its_file(tmp_path):
    config = parse_config(GANConfig, ["--data-dir", "x", "--generator-widths", "8", "4"])
    config.save(tmp_path / "config.json")
    cls, values = load_config(tmp_path / "config.json", [VAEConfig, GANConfig])
    again = cls(**values, run_dir=config.run_dir)
    assert cls is GANConfig and again == config
    assert again.data_dir.is_absolute()


def test_resume_takes_the_runs_config_and_refuses_contradictions(tmp_path):
    run = ["--run-dir", str(tmp_path)]
    parse_config(GANConfig, ["--ema", "0.5", *run]).save(tmp_path / "config.json")
    assert parse_config(GANConfig, [*run, "--resume"]).ema == 0.5
    assert parse_config(GANConfig, [*run, "--resume", "--ema", "0.5", "--epochs", "9"]).epochs == 9
    with pytest.raises(UserError) as failure:
        parse_config(GANConfig, [*run, "--resume", "--ema", "0.9", "--latent-dim", "8"])
    assert "--ema 0.9 (the run has 0.5)" in str(failure.value)
    assert "--latent-dim 8 (the run has 64)" in str(failure.value)


def test_the_data_of_a_run_may_be_saved_in_another_form(tmp_path):
    argv = ["--dataset", "pairs", "--data-dir", "x.csv"]
    first = parse_config(Seq2SeqConfig, argv)
    first.save(tmp_path / "config.json")
    changes = ["--data-dir", "y.csv", "--encoding", "cp1252", "--columns", "2,4"]
    later = parse_config(Seq2SeqConfig, ["--run-dir", str(tmp_path), "--resume", *changes])
    assert (later.encoding, later.columns) == ("cp1252", "2,4") and later.hash() == first.hash()


def test_one_epoch_is_announced_as_one(capsys):
    for epochs in ("1", "2"):
        parse_config(GANConfig, ["--epochs", epochs]).announce()
    first, _, second, _ = capsys.readouterr().out.splitlines()
    assert first == "train_gan: dcgan, learns mnist5k, 1 epoch"
    assert second == "train_gan: dcgan, learns mnist5k, 2 epochs"


def test_the_length_of_a_cosine_is_part_of_the_run(tmp_path):
    run = ["--run-dir", str(tmp_path)]
    parse_config(GANConfig, ["--schedule", "cosine"]).save(tmp_path / "config.json")
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
        ({"format": 2}, "from a newer version of genai_keras"),
        ({"no_such_option": 1}, r"may be from a newer version: \['no_such_option'\]"),
        ({"command": "train_vae"}, r"a run of genai_keras\.train_vae"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_config_of_a_newer_version_or_another_command_is_refused(tmp_path, change, words):
    path = tmp_path / "config.json"
    parse_config(GANConfig, []).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=words):
        parse_config(GANConfig, ["--run-dir", str(tmp_path), "--resume"])


def test_a_run_of_an_earlier_version_says_so(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"epochs": 3}))
    with pytest.raises(UserError, match="from an earlier version: train the run again"):
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


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.command)
def test_help_shows_every_option_with_its_default(cls):
    text = " ".join(make_parser(cls).format_help().split())
    for each in dataclasses.fields(cls):
        assert "--" + each.name.replace("_", "-") in text
        wants_value = each.default is not None and each.default is not False
        shown = repr(each.default) if each.default == "\n" else str(each.default)
        if isinstance(each.default, tuple):
            shown = " ".join(map(str, each.default))
        assert not wants_value or f"(default: {shown})" in text, each.name
    assert "examples:" in text and "two CPU cores" in text


def test_help_of_the_tools_names_the_run_and_no_empty_default():
    text = make_parser(EvaluateConfig).format_help()
    assert "[RUN]" in text and "(default: )" not in text and "(default: 0)" in text


@pytest.mark.parametrize("cls", COMMANDS.values(), ids=COMMANDS)
def test_help_fits_two_screens_and_puts_every_option_under_a_heading(cls, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    door = importlib.import_module(f"genai_keras.{cls.command}")
    parser = make_parser(cls, description=door.main.__doc__)
    lines = parser.format_help().splitlines()
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(
        rf"usage: \S+ -m genai_keras\.{cls.command}[A-Z\[\] ]* \[options\]( -- COMMAND ...)?",
        lines[0],
    )
    named = [group for group in parser._action_groups if group.title in GROUPS]
    grouped = {action.dest for group in named for action in group._group_actions}
    assert grouped == {each.name for each in dataclasses.fields(cls)} | {"help"}
    assert sum(len(group._group_actions) for group in named) == len(parser._actions)


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.command)
def test_help_of_training_begins_with_the_common_options(cls):
    text = make_parser(cls).format_help()
    common = text.split("common options:")[1].split("\n\n")[0]
    assert re.findall(r"^  (--[a-z-]+)", common, re.MULTILINE) == [
        "--preset", "--dataset", "--data-dir", "--run-dir", "--epochs", "--max-minutes", "--resume",
        "--overwrite", "--dry-run", "--seed", "--debug",
    ]  # fmt: skip
    headings = re.findall(r"^([a-z ]+):$", text, re.MULTILINE)
    assert [heading for heading in GROUPS if heading in headings] == headings[
        : -len(["presets", "examples"])
    ]


def test_an_option_that_is_overridden_keeps_its_heading():
    groups = {group.title: group for group in make_parser(VAEConfig)._action_groups}
    assert "batch_size" in {action.dest for action in groups[OPTIMIZATION]._group_actions}


def test_the_list_of_commands_fits_a_screen(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 80


def test_help_does_not_wait_for_tensorflow():
    """A fact instead of a timing: what costs seconds is never imported."""
    script = (
        "import sys; from importlib import import_module;"
        "from genai_keras.__main__ import COMMANDS;"
        "doors = [import_module(f'genai_keras.{each}') for each in COMMANDS];"
        "code = any([each.main(['--help']) for each in doors]);"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules); sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_the_resume_command_parses_back_to_the_run(tmp_path):
    config = parse_config(GANConfig, ["--run-dir", str(tmp_path / "a run")])

    words = shlex.split(config.resume_command())
    assert words[:3] == ["python", "-m", "genai_keras.train_gan"]
    (tmp_path / "a run").mkdir()
    config.save(tmp_path / "a run" / "config.json")
    assert parse_config(GANConfig, words[3:]).run_dir == config.run_dir


ODD = (None, True, 0, 1, -1, 7, 1.5, 1e-3, 1e308, float("nan"), 10**30, "x", "", "1", "cosine",
       "mnist5k", "train_vae", [], [3], [3, 5], [None], {}, {"a": 1}, "a\0", "\ud800")  # fmt: skip


@pytest.mark.parametrize("cls", CONFIGS, ids=lambda cls: cls.command)
def test_thousands_of_mutated_configs_are_refused_or_hold_what_their_options_promise(cls, tmp_path):
    path = tmp_path / "config.json"
    own_data = {"train_lm": "text", "train_seq2seq": "pairs"}.get(cls.command, "folder")
    argv = ["--dataset", own_data, "--data-dir", "x", "--max-minutes", "3"]
    parse_config(cls, argv).save(path)
    good, random, read = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(1_000):
        if random.random() < 0.5:
            path.write_bytes(mutated(good, random))
        else:
            values = json.loads(good)
            values[random.choice(list(values))] = ODD[random.integers(len(ODD))]
            path.write_text(json.dumps(values))
        try:
            found, values = load_config(path, CONFIGS)
        except UserError as error:
            assert str(path.parent) in str(error) and "\n" not in str(error)
            continue
        read += 1
        # What was read would be accepted as it stands if it were typed.
        config = found(**values)
        assert_typed_alike(found, config)
    assert 30 < read < 900


def assert_typed_alike(cls, config):
    types_of = typing.get_type_hints(cls)
    argv = []
    for each in dataclasses.fields(cls):
        value, flag = getattr(config, each.name), "--" + each.name.replace("_", "-")
        if value is None:
            assert isinstance(types_of[each.name], types.UnionType)
        elif isinstance(value, bool):
            if value:
                argv.append(flag)
            elif types_of[each.name] == bool | None:
                argv.append("--no-" + flag.removeprefix("--"))
        elif isinstance(value, tuple):
            argv += [flag, *map(str, value)]
        else:
            argv.append(f"{flag}={value}")
    if "--resume" in argv or "--overwrite" in argv:
        return
    typed = parse_config(cls, argv)
    for each in dataclasses.fields(cls):
        if each.name not in ("run_dir", "data_dir") and getattr(config, each.name) is not None:
            assert getattr(typed, each.name) == getattr(config, each.name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0), ("batch_size", 3.5), ("batch_size", True), ("batch_size", "64"),
        ("batch_size", None), ("learning_rate", float("nan")), ("learning_rate", float("inf")),
        ("learning_rate", -1.0), ("learning_rate", 10**400), ("generator_widths", 64),
        ("generator_widths", []), ("generator_widths", [64, "x"]), ("histograms", "no"),
        ("dataset", "emnist"), ("preset", "none"), ("data_dir", "a\0b"), ("save_every", "often"),
        ("seed", -1),
    ],
)  # fmt: skip
def test_a_wrong_value_in_a_config_is_named(name, value, tmp_path):
    path = tmp_path / "config.json"
    parse_config(GANConfig, []).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(UserError, match=f"config.json cannot be read .*: {name}: "):
        load_config(path, [GANConfig])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("learning_rate", -1.0), ("learning_rate", float("inf")), ("ema", 1.0),
        ("seed", 2**32), ("dataset", "emnist"), ("preset", "none"), ("channels", 2),
        ("save_every", "often"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_in_the_same_words_typed_or_in_a_config(
    name, value, tmp_path, capsys
):
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(SystemExit):
        parse_config(GANConfig, [f"{flag}={value}"])
    words = capsys.readouterr().err.split(f"error: argument {flag}: ")[1].strip()
    path = tmp_path / "config.json"
    parse_config(GANConfig, []).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(UserError) as failure:
        load_config(path, [GANConfig])
    assert str(failure.value).endswith(f": {name}: {words}")


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: "20260101-000000")
    folders = set()
    for _ in range(3):
        folders.add(folder := parse_config(GANConfig, []).run_dir)
        folder.mkdir(parents=True)
    assert len(folders) == 3


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_only_a_run_whose_learning_rate_does_not_end_at_0_may_be_longer(schedule, capsys):
    config = GANConfig(schedule=schedule, epochs=30, run_dir=Path("my runs/a"))
    config.conclude()
    said = capsys.readouterr().out
    assert "tensorboard --logdir 'my runs'" in said and "generate 'my runs/a'" in said
    longer = "train_gan --run-dir 'my runs/a' --resume --epochs 60"
    assert (longer in said) == config.may_be_longer == (schedule == "constant")


def test_a_run_that_is_only_looked_at_has_not_begun(tmp_path):
    config = parse_config(GANConfig, ["--run-dir", str(tmp_path)])
    assert not config.has_begun()
    config.save(tmp_path / "config.json")
    assert config.has_begun()
    assert not dataclasses.replace(config, dry_run=True).has_begun()
