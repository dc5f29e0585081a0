"""How a flow gets from noise to a sample, and in how many steps."""

import numpy as np

from genai_keras.callbacks.doctor import flow_doctor
from genai_keras.callbacks.images import EpochImage
from genai_keras.data.toy import GaussianMixture
from genai_keras.plots.flow import image_paths, number_paths
from genai_keras.plots.images import image_grid, labelled
from genai_keras.sampling.noise import noise_block

STEPS = 1, 2, 3, 5, 10  # of the solver
SHOWN = 10  # samples in a row for each of them
ROWS, POINTS = 6, 9  # of the paths of images
SEED = 0  # of the noise of both, which stays the same
LINES, TIMES = 100, 41  # of the paths of numbers


class Paths(EpochImage):
    """Samples at equally spaced times, from noise to the end; for numbers, as lines.

    Args:
        run_dir: the run folder.
    """

    def __init__(self, run_dir):
        super().__init__(run_dir, "from noise to samples", stem="path")

    def draw(self, logs):
        model = self.model
        are_images = len(model.sample_shape) == 3
        count, points = (ROWS, POINTS) if are_images else (LINES, TIMES)
        noise = noise_block(SEED, 0, model.latent_dim)[:count]
        labels = np.arange(count) % model.classes if model.classes else None
        paths = model.path(noise, labels, points)
        if are_images:
            return image_paths(paths, model.value_range)
        return number_paths(paths, GaussianMixture().density)


class SolverSteps(EpochImage):
    """The same noise in each row, followed in more and more steps.

    Args:
        run_dir: the run folder.
    """

    def __init__(self, run_dir):
        super().__init__(run_dir, "few steps and many", stem="steps")

    def draw(self, logs):
        images = [self.model.generate(SHOWN, SEED, steps=steps) for steps in STEPS]
        grid = image_grid(np.concatenate(images), SHOWN, value_range=self.model.value_range)
        title = f"The same noise, followed in few steps and in many ({self.model.solver})"
        return labelled(grid, title, rows=[f"{n} step{'s' if n > 1 else ''}" for n in STEPS])


def flow_callbacks(run_dir, validation, verbose=1):
    """All callbacks that show what a flow learns, except its samples: those above and a doctor.

    Args:
        run_dir: the run folder.
        validation: `Batches` of samples.
        verbose: 0 prints nothing on the terminal.
    """
    of_images = [SolverSteps(run_dir)] if len(validation.element_shape) == 3 else []
    return [Paths(run_dir), *of_images, flow_doctor(run_dir, validation, verbose)]
