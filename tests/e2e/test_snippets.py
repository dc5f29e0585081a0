"""The tutorials' eight snippets as presets of their own sizes: each trains and makes things."""

import keras
import numpy as np
import pytest
from helpers import history

from genai_keras import train_gan, train_seq2seq, train_vae
from genai_keras.runs import load_run

FEW = ["--limit", "256", "--batch-size", "32", "--epochs", "2", "--verbose", "0"]
# The command, the preset and the size of the code, of the image and of each hidden layer.
SNIPPETS = {
    "gan-dcgan64": (train_gan.main, [*FEW, "--limit", "32", "--batch-size", "8"], (64, 64, 3)),
    "gan-dense-1d": (train_gan.main, FEW, (1,)),
    "gan-dense": (train_gan.main, FEW, (28, 28, 1)),
    "gan-mlp": (train_gan.main, FEW, (28, 28, 1)),
    "vae-conv": (train_vae.main, FEW, (28, 28, 1)),
    "vae-dense": (train_vae.main, FEW, (28, 28, 1)),
    "vae-mlp": (train_vae.main, FEW, (28, 28, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_gans_and_vaes_train_and_generate(snippet, tmp_path):
    main, argv, shape = SNIPPETS[snippet]
    kind, preset = snippet.split("-", 1)
    folder = tmp_path / "run"
    assert main([*argv, "--preset", preset, "--run-dir", str(folder)]) == 0
    rows = history(folder)
    if kind == "vae":
        assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
    else:  # no loss of a GAN must fall
        assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    model = keras.saving.load_model(folder / "model.keras")
    made = model.generate(20, seed=0)
    assert made.shape == (20, *shape)
    assert len(np.unique(made.reshape(20, -1), axis=0)) == 20, "regression would make one"


@pytest.mark.slow
def test_the_transformer_trains_and_translates(tmp_path):
    folder = tmp_path / "run"
    argv = ["--preset", "documents", "--epochs", "2", "--steps-per-epoch", "10", "--verbose", "0"]
    argv += ["--limit", "500", "--run-dir", str(folder)]
    assert train_seq2seq.main(argv) == 0
    first, second = (float(row["val_nats"]) for row in history(folder))
    assert second < first
    model = load_run(folder).model
    assert model.decoder.width == 512 and len(model.decoder.blocks) == 1
    lines = (folder / "translations.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 200 and all(line.count("\t") == 2 for line in lines)
