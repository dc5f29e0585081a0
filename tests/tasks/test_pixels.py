"""What is said of images as sequences before training."""

from types import SimpleNamespace

import pytest

from genai_keras.tasks import pixels


@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize(
    ("validated", "said"), [(30, "100 for validation, 30 of them after each epoch"),
                            (100, "100 for validation"), (1_000, "100 for validation")],
)  # fmt: skip
def test_all_images_for_validation_are_counted(validated, said, monkeypatch):
    monkeypatch.setattr(pixels, "VALIDATED", validated)
    options = SimpleNamespace(
        dataset="mnist5k", data_dir=None, batch_size=8, seed=0, limit=40, steps_per_epoch=None,
        image_size=4,
    )  # fmt: skip
    task = pixels.Pixels(options)
    data = task.load()
    assert data.source.count == 100 and data.validation.count == min(validated, 100)
    looked, warnings = task.look(data)
    assert looked.read == (f"samples: 40 for training and {said}",) and warnings == []
