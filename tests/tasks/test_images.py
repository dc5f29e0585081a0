"""What a run of images is scored on."""

from types import SimpleNamespace

import numpy as np
import pytest

from genai_keras.runs import load_run
from genai_keras.tasks import images


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "conditional-vae"])  # binarized, and not
def test_a_vae_is_scored_on_what_it_learns_and_the_data_are_read_once(name, finished, monkeypatch):
    run = load_run(finished(name))
    truth = run.load().validation
    seen, reads, load = {}, [], run.task.load

    def read(*arguments, **options):
        reads.append(options)
        return load(*arguments, **options)

    def score_bounds(model, x, labels, *more):
        seen.update(x=x, labels=labels)
        return []

    def score_samples(task, run, request, data):
        seen.update(grey=data.validation.first(40))
        return []

    monkeypatch.setattr(run.task, "load", read)
    monkeypatch.setattr(images, "score_bounds", score_bounds)
    monkeypatch.setattr(images, "score_samples", score_samples)
    run.task.score(run, SimpleNamespace(likelihoods=40, importance_samples=2, seed=0))
    assert len(reads) == 1
    assert np.array_equal(seen["x"], truth.first(40))
    assert (len(np.unique(seen["x"])) == 2) == (name == "vae")
    assert len(np.unique(seen["grey"])) > 2
    assert (seen["labels"] is None) == (name == "vae")
    assert name == "vae" or np.array_equal(seen["labels"], truth.labels[:40])
