"""Black-and-white images as sequences of pixels, for a language model."""

import dataclasses

import numpy as np

from genai_keras.callbacks.pixels import Completions, PixelGrid
from genai_keras.data.images import to_pixels
from genai_keras.data.pixels import as_images, load_pixels, to_images
from genai_keras.evaluation.likelihood import mean_with_error
from genai_keras.evaluation.scores import score_pixels
from genai_keras.plots.images import image_grid
from genai_keras.plots.pixels import completion_grid
from genai_keras.sampling.continuation import complete
from genai_keras.tasks.base import Data, Task
from genai_keras.tasks.images import facts_of_features, score_samples
from genai_keras.tasks.samples import Samples

VALIDATED = 1_000  # images after each epoch; all validation images only at the end
COMPLETED = 12  # images for the callback


class Pixels(Task):
    """Images that a model generates pixel by pixel, or completes."""

    name = "pixels"
    suffixes = (".png", ".npy")
    sample_options = ("count", "complete", "data_dir", "temperature", "top_k", "top_p")
    loader_options = (
        "dataset", "data_dir", "batch_size", "seed", "limit", "steps_per_epoch", "image_size",
    )  # fmt: skip
    most_samples = 1_000  # one step per pixel

    def load(self, value_range=None, **changes):
        """`Data` whose `source` is the whole validation part."""
        train, whole = load_pixels(**self.loader_arguments(**changes))
        validation = dataclasses.replace(whole, count=min(whole.count, VALIDATED))
        units = "pixels", train.element_shape[0]
        return Data(train, validation, fingerprint=train.fingerprint(), source=whole, units=units)

    def look(self, data, value_range=None):
        whole, used = data.source.count, data.validation.count
        line = f"samples: {data.train.count:,} for training and {whole:,} for validation"
        if used < whole:
            line += f", {used:,} of them after each epoch"
        return dataclasses.replace(data, read=(line,)), []

    def sequences(self, data):
        """The arguments of a `TransformerDecoder` that depend on the data."""
        (pixels,) = data.train.element_shape
        return {"vocabulary_size": 2, "context_length": pixels, "start_token": True}

    def scales(self, data):
        """The metrics of a `LanguageModel` that are its loss in other units."""
        return {"nats_per_image": self.options.image_size**2}

    def callbacks(self, data):
        run_dir, sampling = self.options.run_dir, self.options.sampling()
        return [
            PixelGrid(run_dir, self.options.image_size**2, **sampling),
            Completions(run_dir, data.source.first(COMPLETED), **sampling),
        ]

    def finish(self, model, data):
        found = model.log_likelihood(data.source.first(data.source.count))
        return (
            f"exact log p(x) {mean_with_error(found)} nats per image, for {len(found)} validation "
            "images"
        )

    def samples(self, run, request):
        sampling = self.sampling(request)
        if request.complete:
            given = run.load().source.first(request.count or COMPLETED).astype("int32")
            completed = complete(run.model, given, **sampling)
            parts = [to_pixels(to_images(completed), (0, 1))]
            return Samples(len(given), parts, lambda _: completion_grid(given, completed))
        count = request.count or 64
        parts = run.model.stream(self._nothing(count), self.options.image_size**2, **sampling)
        pixels = (to_pixels(to_images(part), (0, 1)) for part in parts)
        return Samples(count, pixels, lambda drawn: image_grid(drawn, value_range=(0, 255)))

    def images(self, run, count, seed):
        # From the distribution of the model, not a sharpened one.
        pixels = self.options.image_size**2
        parts = run.model.stream(self._nothing(count), pixels, seed, temperature=1.0)
        return to_images(np.concatenate(list(parts)))

    def score(self, run, request):
        data = run.load()
        x = data.source.first(request.likelihoods)
        ladder = self.options.dataset, self.options.image_size, "", 2
        real = Data(as_images(data.train), as_images(data.source))
        return [
            *score_pixels(run.model, x, request.seed, ladder),
            *score_samples(self, run, request, real),
        ]

    def facts(self, run):
        features = facts_of_features(self.options.dataset, 1, run.folder)
        return {**super().facts(run), "size": self.options.image_size, **features}

    @staticmethod
    def _nothing(count):
        return np.zeros((count, 0), "int32")
