"""Labelled images for a classifier: real ones, and those of a conditional run."""

from genai_keras.errors import UsageError, UserError
from genai_keras.evaluation.augmentation import model_maker
from genai_keras.networks.lenet import SIDE
from genai_keras.training.versions import read_versions

SHAPE = (SIDE, SIDE, 1)  # of the images that a LeNet takes


def check_labelled(dataset, *parts):
    """Raises a `UserError` if one of several `Batches` has no labels, or images of another size."""
    for part in parts:
        if part.labels is None or part.element_shape != SHAPE:
            raise UserError(f"{dataset} has no labels here, or images that are not {SHAPE}")


def maker_of_run(run, dataset):
    """What makes images of a label with an opened run, as of `augmentation_experiment`.

    Args:
        run: an opened run.
        dataset: what it must have learnt.

    Returns:
        The function, and how many labelled images the run was trained on, if that is known.

    Raises:
        UsageError, UserError: its images are of no use.
    """
    if not getattr(run.model, "classes", 0):
        raise UsageError(
            f"{run.folder} does not make images of a label: name a run of train_gan or train_vae "
            "that was made with `conditional`"
        )
    if run.config.dataset != dataset:
        raise UsageError(
            f"{run.folder} has learnt {run.config.dataset}, not {dataset}: add "
            f"`dataset={run.config.dataset}`, or name another run"
        )
    shape = run.model.generate(1, labels=[0]).shape[1:]
    if shape != SHAPE:
        raise UserError(f"{run.folder} makes images of {shape}, and the classifier takes {SHAPE}")
    trained_on = read_versions(run.folder).get("samples", {}).get("training")
    return model_maker(run.model), trained_on
