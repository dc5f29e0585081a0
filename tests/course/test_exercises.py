"""Marking: solutions are right, usual mistakes get their hints, and tricks do not help."""

import importlib
import inspect
from pathlib import Path

import jupytext
import keras
import numpy as np
import pytest
import tensorflow as tf
from IPython.core.interactiveshell import InteractiveShell
from scipy import stats

from genai_keras.cli.tool_options import CHAPTERS
from genai_keras.course import marking
from genai_keras.course.marking import Exercise, check, exercises_of, mark
from genai_keras.data.toy import GaussianMixture
from genai_keras.layers.attention import MultiHeadAttention
from genai_keras.models.flow import Flow
from genai_keras.networks.flow import build_dense_velocity
from genai_keras.sampling import samplers

SOURCES = Path(__file__).parents[2] / "notebooks/grading/source"
EXERCISES = {each.name: each for chapter in CHAPTERS for each in exercises_of(chapter)}
WRONG = {chapter: importlib.import_module(f"wrong_answers.{chapter}").WRONG for chapter in CHAPTERS}
each_exercise = pytest.mark.parametrize("name", EXERCISES)


def cells_of(chapter):
    """The code of a chapter's exercises by nbgrader's names of the cells; the others have none."""
    found = {}
    for cell in jupytext.read(SOURCES / chapter / f"{chapter}.py").cells:
        if cell.cell_type == "code":
            name = cell.metadata.get("nbgrader", {}).get("grade_id", len(found))
            found[name] = cell.source
    return found


def run(*sources):
    names = {}
    for source in sources:
        exec(source, names)
    return names


SOLUTIONS = {}
TESTS = {}
for each in CHAPTERS:
    sources = cells_of(each)
    plain = [source for name, source in sources.items() if isinstance(name, int)]
    for name in [name for name in sources if not isinstance(name, int) and name in EXERCISES]:
        SOLUTIONS[name] = run(*plain, sources[name])[name]
        TESTS[name] = (plain, sources[f"test_{name}"])


def run_cell_with_test(name, answer, hidden):
    """Runs the cell below an exercise as a learner sees it, or as a teacher does."""
    plain, source = TESTS[name]
    visible, _, rest = source.partition("### BEGIN HIDDEN TESTS\n")
    names = run(*plain)
    answer.__name__ = name
    names[name] = answer
    exec(rest.partition("### END HIDDEN TESTS")[0] if hidden else visible, names)


def test_every_chapter_has_its_exercises():
    assert all(3 <= len(exercises_of(chapter)) <= 5 for chapter in CHAPTERS)
    assert len(EXERCISES) == sum(len(exercises_of(chapter)) for chapter in CHAPTERS), "a name twice"
    assert SOLUTIONS.keys() == EXERCISES.keys()


@each_exercise
@pytest.mark.parametrize("seed", [0, 1, 314])
def test_the_solution_is_right(name, seed):
    verdict = mark(EXERCISES[name], SOLUTIONS[name], seed)
    assert verdict.status == "right", verdict


@each_exercise
def test_the_solution_passes_the_cell(name):
    run_cell_with_test(name, SOLUTIONS[name], hidden=False)
    run_cell_with_test(name, SOLUTIONS[name], hidden=True)


@each_exercise
def test_a_hard_coded_answer_passes_what_is_visible_only(name):
    """It has learnt the visible cases by heart and gives its last answer to all else."""
    heart = []

    def learn(*arguments):
        heart.append((arguments, SOLUTIONS[name](*arguments)))
        return heart[-1][1]

    def recite(*arguments):
        for known, answer in heart:
            same = [np.array_equal(a, b) for a, b in zip(known, arguments, strict=True)]
            if all(same):
                return answer
        return heart[-1][1]

    run_cell_with_test(name, learn, hidden=False)
    # `check` in the visible cell tries inputs of its own: by heart are the written cases only.
    tried = len(EXERCISES[name].cases(np.random.default_rng(0)))
    heart = heart[tried:]
    assert heart, "no visible case"
    visible = TESTS[name][1].partition("### BEGIN HIDDEN TESTS\n")[0]
    assert visible.startswith(f"check({name})\n")
    names = run(*TESTS[name][0])
    names[name] = recite
    exec(visible.removeprefix(f"check({name})\n"), names)
    with pytest.raises(AssertionError):
        run_cell_with_test(name, recite, hidden=True)


@each_exercise
@pytest.mark.parametrize("seed", range(5))
def test_each_mistake_has_its_own_hint(name, seed):
    for hint, mistake in EXERCISES[name].mistakes.items():
        verdict = mark(EXERCISES[name], mistake, seed)
        assert (verdict.status, verdict.reason) == ("wrong", hint)
        assert "\n" not in hint and len(hint) < 160


@pytest.mark.parametrize(
    ("name", "part", "answer"),
    [each for chapter in CHAPTERS for each in WRONG[chapter]],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_learners_write_gets_its_hint(name, part, answer):
    verdict = mark(EXERCISES[name], answer)
    assert verdict.status == "wrong" and part in verdict.reason, verdict


@each_exercise
def test_three_wrong_answers_at_least(name):
    ours = [part for chapter in CHAPTERS for wrong, part, _ in WRONG[chapter] if wrong == name]
    assert len(set(ours)) >= 3


def not_filled_in(*arguments):
    raise NotImplementedError()


@each_exercise
def test_an_unfilled_answer_is_not_done_yet(name):
    assert mark(EXERCISES[name], not_filled_in).status == "not done yet"
    with pytest.raises(AssertionError, match="not done yet"):
        run_cell_with_test(name, not_filled_in, hidden=False)


# The truths that are written for the exercises and not taken from the package.
def test_truths():
    rng = np.random.default_rng(0)
    z, mean, log_variance = rng.normal(size=(3, 4, 3))
    density = stats.norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(axis=1)
    truth = EXERCISES["gaussian_log_density"].truth
    np.testing.assert_allclose(truth(z, mean, log_variance), density, rtol=1e-6)
    drawn = EXERCISES["reparameterize"].truth(
        mean[:1], log_variance[:1], rng.normal(size=(200_000, 3))
    )
    np.testing.assert_allclose(drawn.mean(0), mean[0], atol=0.02)
    np.testing.assert_allclose(drawn.var(0), np.exp(log_variance[0]), rtol=0.02)
    x, logits = (rng.random((3, 2, 2, 1)) < 0.5) * 1.0, rng.normal(size=(3, 2, 2, 1))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)
    np.testing.assert_allclose(
        EXERCISES["bernoulli_nll"].truth(x, logits),
        np.sum(cross_entropy(x, logits), axis=(1, 2)),  # the mean over one channel
        rtol=1e-5,
    )
    nucleus, q = EXERCISES["top_p"].truth, rng.dirichlet(np.ones(9))
    for p in (0.2, 0.5, 0.9):
        ours = keras.ops.softmax(samplers.keep_top_p(np.log(q)[None], p))[0]
        np.testing.assert_allclose(nucleus(q, p), ours, rtol=1e-5)
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    layer = MultiHeadAttention(3)
    layer.build(x.shape)
    layer.kernel.assign(np.tile(np.eye(6), 3))
    heads = layer._project(x, 0, 1)[0]
    np.testing.assert_allclose(EXERCISES["split_heads"].truth(x, 3), heads, rtol=1e-5)


def test_truths_of_the_gans_chapters():
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (4, 5, 6, 3)).astype("float32")
    gamma, beta = rng.normal(size=(2, 3)).astype("float32")
    layer = keras.layers.BatchNormalization(epsilon=0.1)
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    ours = EXERCISES["batch_normalization"].truth(x, gamma, beta, 0.1)
    np.testing.assert_allclose(ours, layer(x, training=True), rtol=1e-4, atol=1e-5)
    for size, stride, kernel in ((1, 2, 5), (3, 2, 4), (7, 3, 3)):
        layer = keras.layers.Conv2DTranspose(1, kernel, stride, padding="valid")
        made = layer(np.zeros((1, size, size, 1), "float32")).shape[1]
        assert EXERCISES["transposed_convolution_size"].truth(size, stride, kernel) == made
    mixture, x = GaussianMixture(), np.linspace(-6, 6, 50)
    parts = [np.array(each) for each in (mixture.weights, mixture.means, mixture.deviations)]
    log_density = EXERCISES["mixture_log_density"].truth(x, *parts)
    np.testing.assert_allclose(np.exp(log_density), mixture.density(x), rtol=1e-6)
    grid = np.linspace(0.001, 0.999, 9_999)
    best = grid[np.argmin(-0.7 * np.log(grid) - 0.2 * np.log(1 - grid))]
    assert abs(EXERCISES["optimal_discriminator"].truth(0.7, 0.2) - best) < 1e-3


def test_truths_of_the_flow():
    """The best velocity by summing over a grid; guidance and the solver by the package's model."""
    m, s, t = 1.5, 0.6, 0.4
    x = np.linspace(-2, 3, 7)[:, None]
    data = np.linspace(m - 8 * s, m + 8 * s, 20_001)
    noise = (x - t * data) / (1 - t)  # what leads from the place back to time 0
    chances = stats.norm.pdf(data, m, s) * stats.norm.pdf(noise)
    best = np.sum(chances * (data - noise), axis=1) / np.sum(chances, axis=1)
    ours = EXERCISES["optimal_velocity"].truth(x[:, 0], t, m, s)
    np.testing.assert_allclose(ours, best, rtol=1e-6)

    keras.utils.set_random_seed(0)
    network = build_dense_velocity((3,), widths=(8,), time_width=4, classes=2)
    network.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in network.weights])
    flow, x = Flow(network), np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    label = np.eye(2, dtype="float32")[[0, 1, 1, 0]]
    given, free = (flow([x, np.full(4, t, "float32"), each]) for each in (label, 0 * label))
    guided = EXERCISES["guided_velocity"].truth(given, free, 3.0)
    theirs = flow.velocity(*(tf.constant(each) for each in (x, t, label)), guidance=3.0)
    np.testing.assert_allclose(guided, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_raises(AssertionError, np.testing.assert_allclose, guided, given, 1e-3)

    point, velocity = EXERCISES["straight_line"].truth(x, x + 2, np.full(4, 0.5))
    np.testing.assert_allclose(np.stack([point, velocity]), np.stack([x + 1, 2 + 0 * x]), rtol=1e-6)


SQUARE = Exercise(
    truth=lambda x: x**2, cases=lambda rng: [(rng.normal(size=(3,)),)], mistakes={}, name="square"
)


def alters(x):
    x *= x
    return x


def loops(x):
    while True:
        pass


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (lambda x: None, "does it end with a return"),
        (lambda x: "nine", "must return numbers, not str"),
        (lambda x: x[:2], r"shape (2,), but (3,) is expected"),
        (lambda x: x / 0, "nan or infinity"),
        (lambda x: 3 * x**2, "always 3 times"),
        (lambda x: -(x**2), "sign"),
        (lambda x: x**3, "it returns ["),
        (lambda x: x @ "nine", "it raised"),
        (lambda: 1, "it raised TypeError"),
        (lambda x: (x, x[1:]), "different shapes: (3,), (2,)"),
        (alters, "changes its arguments"),
        (loops, "is there an endless loop?"),
        (7, "is not a function, but 7"),
    ],
)
def test_other_mistakes_are_described(monkeypatch, answer, part):
    monkeypatch.setattr(marking, "SECONDS", 1)
    verdict = mark(SQUARE, answer)
    assert verdict.status == "wrong" and part in verdict.reason, verdict


def test_check_says_right_or_raises_the_hint_without_a_traceback(capsys):
    def gaussian_kl(mean, log_variance):
        return np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1)

    hint = "gaussian_kl: wrong: twice the expected value: is the 0.5 there?"
    with pytest.raises(AssertionError) as raised:
        check(gaussian_kl)
    assert str(raised.value) == hint and capsys.readouterr().out == ""
    shell = InteractiveShell()
    shell.user_ns.update(check=check, gaussian_kl=gaussian_kl)
    shell.run_cell("check(gaussian_kl)")
    assert capsys.readouterr().out.strip() == hint
    assert check(SOLUTIONS["gaussian_kl"])
    assert capsys.readouterr().out == "gaussian_kl: right\n"
    with pytest.raises(ValueError, match="no exercise is called alters"):
        check(alters)


def test_arguments_have_the_names_that_the_package_uses():
    """A learner who looks a function up in the package finds the same names in the same order."""
    from genai_keras import losses

    for name in ("gaussian_log_density", "gaussian_kl"):
        theirs = inspect.signature(SOLUTIONS[name]).parameters
        assert list(theirs) == list(inspect.signature(getattr(losses, name)).parameters)
