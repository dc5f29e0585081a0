"""Numbers with a known density."""

from genai_keras.callbacks.density import DensityPlot
from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.evaluation.scores import score_densities, score_numbers
from genai_keras.plots.density import density_plot
from genai_keras.tasks.base import Data, Task
from genai_keras.tasks.samples import Samples


class Densities(Task):
    """Numbers of a Gaussian mixture."""

    name = "numbers"
    suffixes = (".png", ".npy", ".txt")
    sample_options = ("count",)
    loader_options = ("batch_size", "seed", "limit")

    def load(self, value_range=None, **changes):
        train, validation = load_mixture(**self.loader_arguments(**changes))
        return Data(train, validation, fingerprint=train.fingerprint())

    def callbacks(self, data):
        return [DensityPlot(self.options.run_dir, GaussianMixture(), seed=self.options.seed)]

    def samples(self, run, request):
        count = request.count or 1_000

        def draw(numbers):
            return density_plot(numbers, GaussianMixture().density, f"{count:,} samples")

        parts = run.model.stream(count, request.seed, **self.how(run, request))
        return Samples(count, parts, draw)

    def score(self, run, request):
        rows = score_numbers(run.model.generate(request.samples, request.seed), seed=request.seed)
        if hasattr(run.model, "log_likelihood"):
            numbers = run.load().validation.first(request.likelihoods)
            rows += score_densities(run.model, numbers, seed=request.seed)
        return rows
