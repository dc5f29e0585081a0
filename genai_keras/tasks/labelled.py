"""Labelled images for a classifier: real ones, and those from a conditional run."""

from genai_keras.errors import UsageError, UserError
from genai_keras.evaluation.augmentation import model_maker
from genai_keras.networks.lenet import SIDE
from genai_keras.training.versions import read_versions

SHAPE = (SIDE, SIDE, 1)  # of input images of a LeNet


def check_labelled(dataset, *parts):
    """Raises a `UserError` if any of the `Batches` has no labels or images of another size."""
    for part in parts:
        if part.labels is None or part.element_shape != SHAPE:
            raise UserError(f"{dataset} has no labels here, or images that are not {SHAPE}")


def maker_of_run(run, dataset):
    """A `make` for `augmentation_experiment` that uses an opened run.

    Args:
        run: an opened run.
        dataset: the data set that it must have learnt.

    Returns:
        The function, and the number of labelled images that the run was trained on, or None.

    Raises:
        UsageError, UserError: its images cannot be used.
    """
    if not getattr(run.model, "classes", 0):
        raise UsageError(
            f"{run.folder} cannot generate images of a given label: use a run of train_gan, "
            "train_vae or train_flow that was trained with `conditional`"
        )
    if run.config.dataset != dataset:
        raise UsageError(
            f"{run.folder} has learnt {run.config.dataset}, not {dataset}: add "
            f"`dataset={run.config.dataset}`, or use another run"
        )
    shape = run.model.generate(1, labels=[0]).shape[1:]
    if shape != SHAPE:
        raise UserError(f"{run.folder} makes images of {shape}, but the classifier takes {SHAPE}")
    trained_on = read_versions(run.folder).get("samples", {}).get("training")
    return model_maker(run.model), trained_on
