"""Settings that other programs left change nothing: ours win, or one line says what to mend."""

import contextlib
import json
import os
import re
import subprocess
import sys
import warnings

import keras
import pytest
from helpers import DIGITS, assert_same_bits

from genai_keras import train_gan
from genai_keras.cli.environment import (
    OURS,
    OVERWRITTEN,
    POSITIVE,
    REMOVED,
    USUAL,
    own_settings,
)


def test_ours_win_inside_and_the_environment_is_as_it_was_outside(monkeypatch):
    names = (*OURS, *USUAL, *OVERWRITTEN, *REMOVED, *POSITIVE)
    for name in names:
        monkeypatch.setenv(name, "nonsense")
    before = dict(os.environ)
    with pytest.raises(RuntimeError), own_settings():
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
        assert not any(name in os.environ for name in (*REMOVED, *POSITIVE))
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # as `quiet` does when it is first imported
        raise RuntimeError
    assert dict(os.environ) == before
    for name in names:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    with own_settings():
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert dict(os.environ) == before


def test_onednn_is_on_unless_the_user_has_chosen_and_the_choice_is_undone(monkeypatch):
    (name,) = USUAL or pytest.skip("not measured on this kind of processor")
    for chosen, inside in ((None, "1"), ("", "1"), ("0", "0"), ("1", "1")):
        if chosen is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, chosen)
        with own_settings():
            assert os.environ[name] == inside
        assert os.environ.get(name) == chosen


@pytest.mark.parametrize(
    ("value", "kept"),
    [("100", True), ("1", True), ("0", False), ("-8", False), ("8.5", False), ("²", False)],
)
def test_a_number_that_can_be_meant_is_kept(value, kept, monkeypatch):
    for name in POSITIVE:
        monkeypatch.setenv(name, value)
    with own_settings():
        assert all((os.environ.get(name) == value) == kept for name in POSITIVE)


def test_what_a_keras_json_has_set_is_ours_inside_and_as_it_was_outside():
    def found():
        config = keras.config
        return config.floatx(), config.epsilon(), config.image_data_format()

    def write(floatx, epsilon, image_format):
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        keras.config.set_image_data_format(image_format)

    ours, theirs = ("float32", 1e-7, "channels_last"), ("float64", 0.1, "channels_first")
    try:
        write(*theirs)
        with own_settings():
            assert found() == ours
        assert found() == theirs
    finally:
        write(*ours)


@pytest.mark.parametrize("kind", [DeprecationWarning, ResourceWarning, FutureWarning])
def test_warnings_that_were_made_errors_end_nothing_but_with_debug(kind, monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    before = warnings.filters[:]
    shown = pytest.warns(kind) if kind is FutureWarning else contextlib.nullcontext()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with own_settings(), shown:
            warnings.warn("of a library", kind, stacklevel=1)
        with pytest.raises(kind), own_settings(debug=True):
            warnings.warn("of a library", kind, stacklevel=1)
    assert warnings.filters == before


def test_a_process_where_keras_runs_with_another_backend_is_told_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    assert train_gan.main(["--run-dir", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: genai_keras needs Keras with TensorFlow, not with torch: ")
    assert said.count("\n") == 1 and not (tmp_path / "run").exists()


SMALL = {
    "numbers": ["--preset", "dense-1d", "--limit", "1024", "--latent-dim", "4"],
    "images": [*DIGITS, "--generator-widths", "4", "4", "--discriminator-widths", "4", "4"],
}
NOWHERE = "/dev/null/nowhere"  # which not even an administrator can make
# Everything at once, as far as it goes together.
FOREIGN = {
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "nonsense",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CONFIG": "{nonsense",
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "CUDA_VISIBLE_DEVICES": "nonsense",
    "OMP_NUM_THREADS": "0",
    "MPLBACKEND": "nonsense",
    "COLUMNS": "0",
    "LINES": "nonsense",
    "FORCE_COLOR": "1",
    "TTY_COMPATIBLE": "1",
    "TMPDIR": NOWHERE,
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "error",
}
HOMELESS = {
    "KERAS_BACKEND": "",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "HOME": NOWHERE,
    "XDG_CONFIG_HOME": NOWHERE,
    "XDG_CACHE_HOME": NOWHERE,
    "MPLBACKEND": "module://nowhere.to.be.found",
    "COLUMNS": "²",
    "LC_ALL": "de_DE.UTF-8",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSAFEPATH": "1",
}


def run_in(environment, folder, script):
    """Runs a script in a process of its own, because much is read once, when Python starts."""
    root = str(train_gan.__file__).rsplit("/", 2)[0]
    environment = {**os.environ, "PYTHONPATH": root, **environment}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, text=True
    )


def write_foreign_settings(home, **keras_json):
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text(json.dumps(keras_json))
    (home / ".config" / "matplotlib").mkdir(parents=True)
    hostile = "text.usetex: True\nsavefig.dpi: 31\nsavefig.bbox: tight\nno.such.key: 3\n"
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text(hostile)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Runs with the usual settings."""
    folder = tmp_path_factory.mktemp("usual")
    for name, argv in SMALL.items():
        where = ["--epochs", "2", "--verbose", "0", "--run-dir", str(folder / name)]
        assert train_gan.main([*argv, *where]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("environment", [FOREIGN, HOMELESS], ids=["foreign", "homeless"])
def test_no_setting_of_others_changes_a_bit_or_says_a_word(environment, usual, tmp_path):
    write_foreign_settings(
        tmp_path, backend="jax", floatx="float64", epsilon=0.1, image_data_format="channels_first"
    )
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", **environment}
    runs = [[*argv, "--epochs", "2", "--run-dir", name] for name, argv in SMALL.items()]
    script = (
        "import sys; from genai_keras import train_gan;"
        f"sys.exit(max(train_gan.main(argv) for argv in {runs!r}))"
    )
    ended = run_in(environment, tmp_path, script)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ended.stdout)
    for name in SMALL:
        assert_same_bits(tmp_path / name / "model.keras", usual / name / "model.keras")
        for image in (usual / name / "samples").iterdir():
            assert (tmp_path / name / "samples" / image.name).read_bytes() == image.read_bytes()


@pytest.mark.slow
def test_a_keras_json_that_keeps_keras_from_starting_is_told_in_one_line(tmp_path):
    write_foreign_settings(tmp_path, floatx="float12")
    script = "import sys; from genai_keras import train_gan; sys.exit(train_gan.main([]))"
    ended = run_in({"HOME": str(tmp_path)}, tmp_path, script)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("error: Keras cannot be imported (Invalid 'floatx'")
    assert "correct or delete ~/.keras/keras.json" in ended.stderr
    assert not (tmp_path / "runs").exists()
