"""Configs from the command line and from files.

An option that is typed takes precedence over the preset, and the preset over the default. With
`--resume`, the run's own `config.json` takes the place of the preset.
"""

import argparse
import dataclasses
import json
import textwrap
import time
import types
import typing
from pathlib import Path

from genai_keras.cli.options import (
    COMMON,
    FORMAT,
    GROUPS,
    TrainConfig,
    flag_of,
    free_to_change,
)
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
        UsageError: `--resume` comes without a run, or options contradict the run's config.
    """
    parser = make_parser(cls, description)
    typed = vars(parser.parse_args(argv))
    if typed.get("resume") and typed.get("overwrite"):
        parser.error("--resume continues a run and --overwrite replaces it: use only one of them")
    for name in ("data_dir", "labels"):  # a run may be resumed elsewhere
        if typed.get(name):
            typed[name] = typed[name].absolute()
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
    """Makes the argparse parser of `cls`; its result has only the options that are typed."""
    parser = argparse.ArgumentParser(
        prog=f"python -m genai_keras.{cls.command}",
        description=description,
        epilog=(f"{_describe_presets(cls)}\n\n" if cls.presets else "") + cls.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    groups = {name: parser.add_argument_group(name) for name in GROUPS}  # empty ones stay hidden
    groups[COMMON].add_argument("-h", "--help", action="help", help="show this help and exit")
    types_of = typing.get_type_hints(cls)
    usage = "%(prog)s"
    for each in sorted(dataclasses.fields(cls), key=lambda each: each.name == "debug"):
        annotation = types_of[each.name]
        _add_option(groups[_group_of(cls, each.name)], cls, each, annotation)
        if each.metadata["positional"]:
            name = each.name.upper()
            usage += f" [{name}]" if isinstance(annotation, types.UnionType) else f" {name}"
    parser.usage = cls.usage or f"{usage} [options]"
    return parser


def _group_of(cls, name):
    """The heading of an option in `--help`: its own, or that of the option it overrides."""
    options = (vars(each).get("__dataclass_fields__", {}).get(name) for each in cls.__mro__)
    headings = (option.metadata["group"] for option in options if option)
    return next(filter(None, headings), COMMON)


def _add_option(group, cls, option, annotation):
    """Adds an option of the config class `cls` to a group of its parser."""
    flag = flag_of(option.name)
    text = option.metadata["help"]
    if not any(option.default is nothing for nothing in (None, False, ())):
        default = repr(option.default) if option.default == "\n" else _as_typed(option.default)
        text += f" (default: {default})"
    if annotation == bool | None:
        action = argparse.BooleanOptionalAction
        group.add_argument(flag, action=action, default=argparse.SUPPRESS, help=text)
        return
    if annotation is bool:
        group.add_argument(flag, action="store_true", help=text)
        return
    kind, nargs = value_type(annotation)
    choices = choices_of(cls, option)
    from_text = _typed(kind, choices, option.metadata["limits"])
    if option.metadata["positional"]:
        optional = isinstance(annotation, types.UnionType)
        group.add_argument(
            option.name,
            type=from_text,
            nargs="?" if optional else nargs,
            action=_AsTuple if nargs else "store",
            # Otherwise argparse would convert its own marker of an absent value.
            **({"default": None} if optional else {}),
            metavar=option.name.upper(),
            help=text,
        )
        return
    group.add_argument(
        flag,
        type=from_text,
        nargs=nargs,
        action=_AsTuple if nargs else "store",
        metavar=f"{{{','.join(map(str, choices))}}}" if choices else kind.__name__.upper(),
        help=text,
    )


def load_config(path, classes):
    """Reads what `TrainConfig.save` wrote.

    Args:
        path: of `config.json`.
        classes: the config classes to choose from.

    Returns:
        The class, and a dictionary of its fields.

    Raises:
        UserError: the file is damaged, or from a newer version.
        UsageError: it is from another command.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or not isinstance(values.get("format", 0), int):
            raise ValueError("it is not a dictionary of options with a format number")
        command, number = values.pop("command", None), values.pop("format", 0)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as a run's config: {error}") from None
    if command is None:
        raise UserError(
            f"{path} does not name the command that made it, so it does not belong to a run, or "
            "it is from an earlier version: train the run again"
        )
    if number > FORMAT:
        raise UserError(f"{path.parent} is from a newer version of genai_keras: update yours")
    cls = next((each for each in classes if each.command == command), None)
    if cls is None:
        raise UsageError(
            f"{path.parent} is a run of genai_keras.{command}, which cannot be used here"
        )
    types_of = typing.get_type_hints(cls)
    options = {each.name: each for each in dataclasses.fields(cls)}
    unknown = values.keys() - options.keys()
    if unknown:
        raise UserError(
            f"{path} has unknown options, so it may be from a newer version: {sorted(unknown)}"
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
        raise UsageError("--resume needs --run-dir, the folder of the run to continue")
    path = typed["run_dir"] / "config.json"
    if not path.exists():
        raise UserError(f"there is no run to resume in {typed['run_dir']}: it has no config.json")
    _, saved = load_config(path, [cls])
    free = free_to_change(cls, saved)
    different = [
        f"{flag_of(name, _as_typed(value))} (the run has {_as_typed(saved.get(name))})"
        for name, value in typed.items()
        if name not in free and value != saved.get(name)
    ]
    if different:
        raise UsageError(
            f"cannot resume {typed['run_dir']} with another config: {', '.join(different)}; "
            "leave these options out, or start a new run"
        )
    return saved


def _new_run_dir(cls, preset):
    name = f"{cls.command}-{preset}-{time.strftime('%Y%m%d-%H%M%S')}"
    # Two runs may start in one second, or the clock may be set back.
    names = (name, *(f"{name}-{number}" for number in range(2, 1_000)))
    return next(path for each in names if not (path := Path("runs") / each).exists())


def _describe_presets(cls):
    lines = ["presets:"]
    for name, changes in cls.presets.items():
        flags = [
            flag_of(key, None if value is True else _as_typed(value))
            for key, value in changes.items()
        ]
        # With a no-break space, a value stays on the line of its flag.
        text = " ".join(flag.replace(" ", "\xa0") for flag in flags) or "the defaults above"
        text = f"  {name:11}{text}"
        lines += textwrap.wrap(text, 80, subsequent_indent=13 * " ", break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")


def _as_typed(value):
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _typed(kind, choices, limits):
    """`convert` as a type for argparse, which shows the message of this exception only."""

    def typed(text):
        try:
            return convert(text, kind, choices, limits)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


class _AsTuple(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, tuple(values))
