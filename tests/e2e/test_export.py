"""`export` as a user starts it: what plain TensorFlow makes of its folder is what the run makes."""

import contextlib
import io
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from genai_keras.cli.gan_options import GANConfig
from genai_keras.export import main
from genai_keras.models.noise import conditioned
from genai_keras.runs import load_run

RUNS = (
    "gan", "conditional-gan", "numbers", "vae", "conditional-vae", "flow", "conditional-flow",
    "flow-of-numbers", "text", "pixels", "pairs",
)  # fmt: skip
BEAM = "beam"  # the run "pairs" with another config
SEARCH = {"beam_width": 3, "length_penalty": 5.0}  # so large that it decides


class Call(NamedTuple):
    """One use of a signature or a `.keras` file of an export.

    Args:
        run: which export.
        name: of the signature or the file.
        inputs: arrays by name.
        expected: a function of the run's model that gives the outputs by name, or what the error
            says.
    """

    run: str
    name: str
    inputs: dict
    expected: object


def noise_calls(run, code, shape=None, classes=0, size=4):
    """Calls of a model of `size` numbers of noise; `shape` is that of the samples of a VAE."""
    generator = np.random.default_rng(0)

    def calls(name, rows, inputs, expected):
        """With labels, if there are any."""
        if not classes:
            return Call(run, name, inputs, expected)
        labels = generator.integers(0, classes, rows, dtype="int32")
        return Call(run, name, {**inputs, "label": labels}, lambda m: expected(m, labels))

    for name, rows in (("serving_default", 1), ("decode", 3), ("decode", 260)):
        z = generator.normal(size=(rows, size)).astype("float32")
        expected = lambda m, *label, z=z: {"samples": m.decode(z, *label)}  # noqa: E731
        yield calls(name, rows, {code: z}, expected)
    for count, seed in ((1, 0), (5, 7), (250, 2**40), (260, 7)):
        inputs = {"count": np.int32(count), "seed": np.int64(seed)}
        given = {"labels": np.full(count, 8)} if classes else {}
        expected = lambda m, count=count, seed=seed, given=given: {  # noqa: E731
            "samples": m.generate(count, seed, **given)
        }
        label = {"label": np.int32(8)} if classes else {}
        yield Call(run, "generate", {**inputs, **label}, expected)
    inputs = {"count": np.int32(-1), "seed": np.int64(0), **label}
    yield Call(run, "generate", inputs, "count must be at least 0")
    # The second is nothing that training saw: its log-variance is beyond all bounds.
    for rows, scale in ((2, 1.0), (5, 1e4)) if shape else ():
        x = (scale * generator.uniform(size=(rows, *shape))).astype("float32")
        encode = lambda m, *label, x=x: dict(  # noqa: E731
            zip(("mean", "log_variance"), m.encode(x, *label), strict=True)
        )
        reconstruct = lambda m, *label, x=x: {"samples": m.reconstruct(x, *label)}  # noqa: E731
        yield calls("encode", rows, {"x": x}, encode)
        yield calls("reconstruct", rows, {"x": x}, reconstruct)
    if classes:
        for label in (-1, classes):
            inputs = {code: np.zeros((2, size), "float32"), "label": np.array([0, label], "int32")}
            yield Call(run, "decode", inputs, "label must be 0 to 9")


def velocity_calls():
    """Calls of the velocity of flows, with labels or without."""
    generator = np.random.default_rng(4)
    for run in ("flow", "conditional-flow", "flow-of-numbers"):
        shape = (1,) if run == "flow-of-numbers" else (28, 28, 1)
        x = generator.normal(size=(3, *shape)).astype("float32")
        t = np.array([0.0, 0.4, 1.0], "float32")
        label = np.array([7, 0, 7], "int32")
        given = {"label": label} if run.startswith("conditional") else {}

        def expected(model, x=x, t=t, label=label):
            one_hot = [model.one_hot(label, 3)] if model.classes else []
            return {"velocity": np.array(model([x, t, *one_hot]))}

        yield Call(run, "velocity", {"x": x, "t": t, **given}, expected)


def file_calls():
    """Calls of the Keras files that need no classes of ours."""
    generator = np.random.default_rng(1)
    z = generator.normal(size=(3, 4)).astype("float32")
    x = generator.uniform(size=(3, 28, 28, 1)).astype("float32")
    one_hot = np.eye(10, dtype="float32")[[1, 8, 8]]
    for run, name, data in (
        ("gan", "generator", z),
        ("numbers", "generator", z),
        ("conditional-gan", "generator", z),
        ("vae", "encoder", x),
        ("vae", "decoder", z),
        ("conditional-vae", "encoder", x),
        ("conditional-vae", "decoder", z),
    ):
        network = "averaged_generator" if name == "generator" else name
        inputs = {"0": data, **({"1": one_hot} if run.startswith("conditional") else {})}

        def expected(model, network=network, inputs=inputs):
            made = getattr(model, network)(conditioned(*inputs.values()))
            return {str(i): np.array(e) for i, e in enumerate(keras.tree.flatten(made))}

        yield Call(run, f"{name}.keras", inputs, expected)


DRAWN = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}
TYPES = {
    "max_new_tokens": "int32", "temperature": "float32", "top_k": "int32", "top_p": "float32",
    "seed": "int64",
}  # fmt: skip


def language_calls():
    generator = np.random.default_rng(2)

    def tokens(rows, length, size):
        return generator.integers(0, size, (rows, length), dtype="int32")

    def call(run, prompt, max_new_tokens, name="generate", says=None, **how):
        values = {"max_new_tokens": max_new_tokens, **DRAWN, **how}
        inputs = {key: np.array(value, TYPES[key]) for key, value in values.items()}
        values["top_k"] = values["top_k"] or None
        values["top_p"] = None if values["top_p"] == 1.0 else values["top_p"]
        expected = says or (lambda model: {"tokens": model.generate(prompt, **values)})
        return Call(run, name, {"tokens": prompt, **inputs}, expected)

    pieces = tokens(3, 5, 15)
    for how in (
        {},
        {"seed": 2**40},
        {"temperature": 0.1},
        {"temperature": 0.0},
        {"temperature": 5e-5},
        {"top_k": 3},
        {"top_k": 10_000},
        {"top_p": 0.3},
        {"temperature": 1.5, "top_k": 8, "top_p": 0.6, "seed": 9},
    ):
        yield call("text", pieces, 14, **how)
    yield call("text", pieces, 14, "serving_default")
    yield call("text", pieces, 0)
    yield call("text", tokens(1, 1, 15), 1)
    yield call("text", tokens(2, 20, 15), 9, temperature=0.0)  # longer than the context
    yield call("text", tokens(2, 20, 15), 9)
    yield call("pixels", tokens(2, 0, 2), 64)
    yield call("pixels", tokens(3, 18, 2), 18, seed=4)
    yield call("pixels", tokens(1, 18, 2), 18, "serving_default", temperature=0.0)
    for how, says in (
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"top_k": -1}, "top_k must be at least 1, or 0 for all"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"max_new_tokens": -1}, "max_new_tokens must be at least 0"),
    ):
        yield call("text", pieces, says=says, **{"max_new_tokens": 1, **how})
    yield call("text", tokens(2, 0, 15), 3, says="there must be at least one")
    for run, read in (
        ("text", tokens(4, 8, 15)),
        ("text", tokens(1, 3, 15)),
        ("pixels", tokens(5, 64, 2)),
        ("pixels", tokens(1, 9, 2)),
    ):
        likelihood = lambda m, read=read: {"log_likelihood": m.log_likelihood(read)}  # noqa: E731
        yield Call(run, "log_likelihood", {"tokens": read}, likelihood)
    yield Call(
        "text", "log_likelihood", {"tokens": tokens(1, 9, 15)}, "at most 8 fit into the context"
    )


def translation_calls():
    generator = np.random.default_rng(3)
    for run, how in (("pairs", {}), (BEAM, SEARCH)):
        for name, rows, length in (("serving_default", 1, 9), ("translate", 4, 14)):
            source = generator.integers(3, 20, (rows, length), dtype="int32")
            source[0, length - 4 :] = 0  # padding

            def expected(model, source=source, how=how):
                tokens, log_p = model.generate(source, **how, return_log_probs=True)
                return {"tokens": tokens, "log_probability": log_p}

            yield Call(run, name, {"source": source}, expected)
        yield Call(
            run, "translate", {"source": np.full((1, 500), 3, "int32")}, "fit into the context"
        )


CALLS = [
    *noise_calls("gan", "noise"),
    *noise_calls("conditional-gan", "noise", classes=10),
    *noise_calls("numbers", "noise"),
    *noise_calls("vae", "z", (28, 28, 1)),
    *noise_calls("conditional-vae", "z", (28, 28, 1), classes=10),
    *noise_calls("flow", "noise", size=784),
    *noise_calls("conditional-flow", "noise", classes=10, size=784),
    *noise_calls("flow-of-numbers", "noise", size=1),
    *velocity_calls(),
    *language_calls(),
    *translation_calls(),
    *file_calls(),
]

# Another program: it has TensorFlow, and at first no Keras either.
PROGRAM = """\
import json
import sys

sys.modules["genai_keras"] = sys.modules["keras"] = None
import numpy as np
import tensorflow as tf

calls = json.load(open("calls.json"))
given, made, errors, loaded = np.load("inputs.npz"), {}, {}, {}


def inputs_of(number):
    keys = [key for key in given.files if key.startswith(f"{number}/")]
    return {key.split("/")[1]: tf.constant(given[key]) for key in keys}


def keep(number, outputs):
    made.update({f"{number}/{name}": np.array(value) for name, value in outputs.items()})


for number, (folder, name) in enumerate(calls):
    if name.endswith(".keras"):
        continue
    if folder not in loaded:
        loaded[folder] = tf.saved_model.load(f"{folder}/1")
    try:
        keep(number, loaded[folder].signatures[name](**inputs_of(number)))
    except tf.errors.InvalidArgumentError as error:
        errors[number] = str(error)
del sys.modules["keras"]
import keras

for number, (folder, name) in enumerate(calls):
    if name.endswith(".keras"):
        network = keras.saving.load_model(f"{folder}/{name}")
        inputs = list(inputs_of(number).values())
        outputs = keras.tree.flatten(network(inputs if len(inputs) > 1 else inputs[0]))
        keep(number, {str(index): value for index, value in enumerate(outputs)})
np.savez("outputs.npz", **made)
json.dump(errors, open("errors.json", "w"))
"""


class Exported(NamedTuple):
    """All runs, exported and called.

    Args:
        folder: has a folder of each run by its name, and its export in `export` there.
        printed: by `export`, for each run.
        models: the runs' own.
        made: the outputs of each call, by its number, a dictionary of arrays.
        errors: what those calls said that failed, by their number.
    """

    folder: Path
    printed: dict
    models: dict
    made: dict
    errors: dict


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for name in RUNS:
        shutil.copytree(finished(name), folder / name)
    shutil.copytree(folder / "pairs", folder / BEAM)
    config = folder / BEAM / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | SEARCH))
    printed, models = {}, {}
    for name in (*RUNS, BEAM):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main([str(folder / name)]) == 0
        printed[name] = out.getvalue()
        models[name] = load_run(folder / name).model
    return Exported(folder, printed, models, *call_elsewhere(folder))


def call_elsewhere(folder):
    """Makes all calls in another process, in `folder`."""
    calls = [(f"{call.run}/export", call.name) for call in CALLS]
    (folder / "calls.json").write_text(json.dumps(calls))
    arrays = {f"{i}/{k}": v for i, call in enumerate(CALLS) for k, v in call.inputs.items()}
    np.savez(folder / "inputs.npz", **arrays)
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, check=True)
    made = {}
    with np.load(folder / "outputs.npz") as outputs:
        for key in outputs.files:
            number, name = key.split("/")
            made.setdefault(int(number), {})[name] = outputs[key]
    errors = json.loads((folder / "errors.json").read_text())
    return made, {int(number): text for number, text in errors.items()}


@pytest.mark.slow
@pytest.mark.parametrize("run, name", sorted({(call.run, call.name) for call in CALLS}))
def test_tensorflow_alone_makes_what_the_run_makes(run, name, exported):
    for number, call in enumerate(CALLS):
        if (call.run, call.name) != (run, name):
            continue
        if isinstance(call.expected, str):
            assert call.expected in exported.errors[number]
            continue
        expected, made = call.expected(exported.models[run]), exported.made[number]
        assert made.keys() == expected.keys()
        for key, values in expected.items():
            assert made[key].dtype == (np.int32 if key == "tokens" else np.float32)
            assert np.isfinite(made[key]).all()
            np.testing.assert_allclose(made[key], values, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_calls_are_not_all_alike(exported):
    """What differs in the calls makes a difference, so that an input without effect would fail."""
    for run, key in (
        ("text", "tokens"),
        ("conditional-gan", "samples"),
        ("conditional-vae", "samples"),
    ):
        numbers = [n for n, c in enumerate(CALLS) if c[:2] == (run, "generate")]
        made = [exported.made[n][key] for n in numbers if n in exported.made]
        assert len({array.tobytes() for array in made}) >= len(made) - 2
    greedy, beam = (
        next(n for n, c in enumerate(CALLS) if c[:2] == (run, "translate"))
        for run in ("pairs", BEAM)
    )
    source = CALLS[greedy].inputs["source"]
    by_beam = exported.models[BEAM].generate(source, **SEARCH)
    assert not np.array_equal(exported.made[greedy]["tokens"], by_beam)
    assert exported.made[beam]["tokens"].shape == by_beam.shape


@pytest.mark.slow
def test_the_folder_has_the_deployed_networks_and_the_tokenizers(exported):
    for run, names in (
        ("gan", {"generator.keras"}),
        ("conditional-vae", {"encoder.keras", "decoder.keras", "classes.json"}),
        ("conditional-flow", {"velocity.keras", "classes.json"}),
        ("text", {"decoder.keras", "tokenizer.json"}),
        ("pixels", {"decoder.keras"}),
        (
            BEAM,
            {"encoder.keras", "decoder.keras", "source-tokenizer.json", "target-tokenizer.json"},
        ),
    ):
        folder = exported.folder / run / "export"
        assert {path.name for path in folder.iterdir()} == names | {"1"}
        for name in names:
            if name.endswith(".json"):
                assert (folder / name).read_text() == (exported.folder / run / name).read_text()
        assert folder.stat().st_mode == (exported.folder / run).stat().st_mode
    # Those of Transformers have our classes, and load where these are.
    for name in ("encoder", "decoder"):
        network = keras.saving.load_model(exported.folder / BEAM / "export" / f"{name}.keras")
        ours = getattr(exported.models[BEAM], name)
        for a, b in zip(network.weights, ours.weights, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_signatures_are_printed(exported):
    def printed(run):
        return [re.sub(" +", " ", line) for line in exported.printed[run].splitlines()]

    images = "samples float32 (None, 28, 28, 1)"
    assert printed("conditional-gan") == [
        f"serving_default noise float32 (None, 4), label int32 (None,) -> {images}",
        f"decode noise float32 (None, 4), label int32 (None,) -> {images}",
        f"generate count int32 (), seed int64 (), label int32 () -> {images}",
        f"export {exported.folder / 'conditional-gan' / 'export'}",
    ]
    assert (
        "encode x float32 (None, 28, 28, 1) -> "
        "mean float32 (None, 4), log_variance float32 (None, 4)"
    ) in printed("vae")
    assert printed("text")[1] == (
        "generate tokens int32 (None, None), max_new_tokens int32 (), temperature float32 (), "
        "top_k int32 (), top_p float32 (), seed int64 () -> tokens int32 (None, None)"
    )
    for run in (*RUNS, BEAM):
        called = {call.name for call in CALLS if call.run == run and ".keras" not in call.name}
        assert {line.split()[0] for line in printed(run)[:-1]} == called


@pytest.mark.slow
def test_what_the_page_sends_fits_the_signatures(exported):
    page = (Path(__file__).parents[2] / "docs/export.md").read_text(encoding="utf-8")
    (request,) = re.findall(r"digits:predict -d '(.*)'", page)
    request = json.loads(request)
    signature = next(
        line for line in exported.printed["gan"].splitlines() if line.startswith("generate")
    )
    assert request["signature_name"] == "generate"
    assert re.findall(r"(\w+) int\d+ \(\)", signature) == list(request["inputs"])
    (code,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    names = {}
    exec(code.replace("served/digits", str(exported.folder / "gan" / "export")), names)
    expected = exported.models["gan"].generate(16, seed=0)
    np.testing.assert_allclose(names["images"], expected, atol=1e-5)


@pytest.mark.slow
def test_a_failure_leaves_nothing_behind(exported, tmp_path, capfd):
    out = tmp_path / "new" / "digits"
    usual, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))  # as if the disk were full
    try:
        code = main([str(exported.folder / "numbers"), "--out", str(out)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
    assert code == 1
    err = capfd.readouterr().err
    assert err.startswith(f"error: {out} cannot be written: ") and err.count("\n") == 1
    assert list(out.parent.iterdir()) == []
    # An empty folder will do, and a link to one.
    (tmp_path / "link").symlink_to(out)
    out.mkdir()
    assert main([str(exported.folder / "numbers"), "--out", str(tmp_path / "link")]) == 0
    assert {path.name for path in out.iterdir()} == {"1", "generator.keras"}
    assert [path.name for path in out.parent.iterdir()] == ["digits"]


@pytest.mark.parametrize(
    "name, out, says",
    [
        ("absent", "new", "absent: the folder does not exist"),
        ("other", "new", "other is not a run: it has no config.json"),
        ("begun", "new", "begun is not finished, it has no model.keras: continue with"),
        ("damaged", "new", "model.keras cannot be loaded"),
        ("begun", "other", "other already exists: choose another folder with --out, or delete it"),
        ("begun", "other/file", "other/file already exists"),
        ("begun", None, "begun/export already exists"),
    ],
)
def test_wrong_input_is_one_clear_line(name, out, says, tmp_path, capsys):
    for folder in ("other", "begun", "damaged"):
        (tmp_path / folder).mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    for folder in ("begun", "damaged"):
        GANConfig(preset="dcgan").save(tmp_path / folder / "config.json")
    (tmp_path / "damaged" / "model.keras").write_bytes(b"half")
    if out is None:
        (tmp_path / "begun" / "export" / "1").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    argv = [] if out is None else ["--out", str(tmp_path / out)]
    assert main([str(tmp_path / name), *argv]) == 1
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
