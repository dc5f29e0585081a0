"""Configs from the command line and from files.

A flag that is typed wins over the preset, and the preset over the default. With `--resume` the
run's own `config.json` takes the preset's place.
"""

import argparse
import dataclasses
import json
import time
import types
import typing
from pathlib import Path

from genai_keras.cli.options import FORMAT, TrainConfig, flag_of, free_to_change
from genai_keras.cli.values import choices_of, convert, read_json, value_type
from genai_keras.errors import UsageError, UserError


def parse_config(cls, argv=None, description=None):
    """Makes a config of class `cls` from command-line arguments.

    Args:
        cls: a dataclass derived from `Config`.
        argv: the arguments after the program's name; `sys.argv[1:]` if None.
        description: the first line of `--help`'s text.

    Raises:
        SystemExit: code 2 for unusable arguments, 0 after `--help`.
        UserError: there is no run to resume, or its config cannot be read.
        UsageError: `--resume` names no run, or flags contradict the run's config.
    """
    parser = make_parser(cls, description)
    typed = vars(parser.parse_args(argv))
    if typed.get("resume") and typed.get("overwrite"):
        parser.error("--resume goes on with a run and --overwrite replaces it: use one of them")
    if typed.get("data_dir"):
        typed["data_dir"] = typed["data_dir"].expanduser().absolute()
    if not issubclass(cls, TrainConfig):
        return _checked(cls(**typed))
    if typed.get("resume"):
        base = _config_of_run(cls, typed)
    else:
        base = {**cls.presets[typed.get("preset", cls.preset)]}
        typed.setdefault("run_dir", _new_run_dir(cls, typed.get("preset", cls.preset)))
    return _checked(cls(**{**base, **typed}))


def _checked(config):
    config.check()
    return config


def make_parser(cls, description=None):
    """Makes the argparse parser of `cls`; a flag that is not typed is absent from its result."""
    parser = argparse.ArgumentParser(
        prog=f"python -m genai_keras.{cls.command}",
        description=description,
        epilog=(f"{_describe_presets(cls)}\n\n" if cls.presets else "") + cls.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    types_of = typing.get_type_hints(cls)
    for each in sorted(dataclasses.fields(cls), key=lambda each: each.name == "debug"):
        flag = flag_of(each.name)
        text = each.metadata["help"]
        if not any(each.default is nothing for nothing in (None, False, ())):
            default = repr(each.default) if each.default == "\n" else _as_typed(each.default)
            text += f" (default: {default})"
        if types_of[each.name] == bool | None:
            parser.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=text,
            )
            continue
        if types_of[each.name] is bool:
            parser.add_argument(flag, action="store_true", help=text)
            continue
        kind, nargs = value_type(types_of[each.name])
        choices = choices_of(cls, each)
        from_text = _typed(kind, choices, each.metadata["limits"])
        if each.metadata["positional"]:
            optional = isinstance(types_of[each.name], types.UnionType)
            parser.add_argument(
                each.name,
                type=from_text,
                nargs="?" if optional else None,
                # argparse would convert its own mark of an absent one.
                **({"default": None} if optional else {}),
                metavar=each.name.upper(),
                help=text,
            )
            continue
        parser.add_argument(
            flag,
            type=from_text,
            nargs=nargs,
            action=_AsTuple if nargs else "store",
            metavar=f"{{{','.join(map(str, choices))}}}" if choices else kind.__name__.upper(),
            help=text,
        )
    return parser


def load_config(path, classes):
    """Reads what `TrainConfig.save` wrote.

    Args:
        path: of `config.json`.
        classes: the config classes that it may be of.

    Returns:
        The class, and a dictionary of its fields.

    Raises:
        UserError: it is damaged, or of a newer version.
        UsageError: it is of another command.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or not isinstance(values.get("format", 0), int):
            raise ValueError("it is no dictionary of options with a format")
        command, number = values.pop("command", None), values.pop("format", 0)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as a run's config: {error}") from None
    if command is None:
        raise UserError(
            f"{path} does not say which command made it, so it is of no run, or of one of an "
            "earlier version: train it again"
        )
    if number > FORMAT:
        raise UserError(f"{path.parent} is of a newer version of genai_keras: update this one")
    cls = next((each for each in classes if each.command == command), None)
    if cls is None:
        raise UsageError(
            f"{path.parent} is a run of genai_keras.{command}, which is not of use here"
        )
    types_of = typing.get_type_hints(cls)
    options = {each.name: each for each in dataclasses.fields(cls)}
    unknown = values.keys() - options.keys()
    if unknown:
        raise UserError(
            f"{path} has options this version does not know, so it may be of a newer one: "
            f"{sorted(unknown)}"
        )
    try:
        for name, value in values.items():
            limits = options[name].metadata["limits"]
            values[name] = read_json(value, types_of[name], choices_of(cls, options[name]), limits)
    except ValueError as error:
        raise UserError(f"{path} cannot be read as a run's config: {name}: {error}") from None
    try:
        cls(**values).check()
    except UserError as error:
        raise UserError(f"{path} cannot be read as a run's config: {error}") from None
    return cls, values


def _config_of_run(cls, typed):
    if "run_dir" not in typed:
        raise UsageError("--resume needs --run-dir, the folder of the run to go on with")
    path = typed["run_dir"] / "config.json"
    if not path.exists():
        raise UserError(f"no run to resume in {typed['run_dir']}: it has no config.json")
    _, saved = load_config(path, [cls])
    different = [
        f"{flag_of(name, _as_typed(value))} (the run has {_as_typed(saved.get(name))})"
        for name, value in typed.items()
        if name not in free_to_change(saved) and value != saved.get(name)
    ]
    if different:
        raise UsageError(
            f"cannot resume {typed['run_dir']} with another config: {', '.join(different)}; "
            "leave these flags out, or start a new run"
        )
    return saved


def _new_run_dir(cls, preset):
    name = f"{cls.command}-{preset}-{time.strftime('%Y%m%d-%H%M%S')}"
    # Two in one second, or a clock that was set back.
    names = (name, *(f"{name}-{number}" for number in range(2, 1_000)))
    return next(path for each in names if not (path := Path("runs") / each).exists())


def _describe_presets(cls):
    lines = ["presets:"]
    for name, changes in cls.presets.items():
        flags = [flag_of(key, _as_typed(value)) for key, value in changes.items()]
        lines.append(f"  {name:10}{' '.join(flags) or 'the defaults above'}")
    return "\n".join(lines)


def _as_typed(value):
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _typed(kind, choices, limits):
    """`convert` as a type for argparse, which shows the message of this one exception only."""

    def typed(text):
        try:
            return convert(text, kind, choices, limits)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


class _AsTuple(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, tuple(values))
