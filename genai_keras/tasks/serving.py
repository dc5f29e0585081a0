"""Trained models as TensorFlow SavedModels, which plain TensorFlow runs without this package."""

import tensorflow as tf

from genai_keras.data.classes import CLASSES, classes_to_json
from genai_keras.errors import UserError, one_line
from genai_keras.files import whole_folder
from genai_keras.tasks.signatures import SIGNATURES

VERSION = "1"  # TensorFlow Serving uses the folder with the highest number


def export_model(model, folder, **search):
    """Writes a model for deployment: a SavedModel, and its networks as `.keras` files.

    Calls with wrong values, such as an unknown label, raise an `InvalidArgumentError` that says
    what is wrong.

    Args:
        model: a `GAN`, `VAE`, `Flow`, `LanguageModel` or `Seq2Seq`.
        folder: an empty folder; the SavedModel becomes `1` in it.
        **search: for a `Seq2Seq`, the `beam_width` and `length_penalty` of its translations.

    Returns:
        The signatures by name, `tf.types.experimental.ConcreteFunction`s.
    """
    networks, signatures = SIGNATURES[type(model)](model, **search)
    module = tf.Module()
    # Only the variables, because a tracked network would need its classes.
    module.weights = [weight.value for network in networks.values() for weight in network.weights]
    tf.saved_model.save(module, str(folder / VERSION), signatures=signatures)
    for name, network in networks.items():
        network.save(folder / f"{name}.keras")
    return signatures


def export_run(run, out):
    """Exports an opened run to a new folder, completely or not at all.

    The tokenizers of the run and the names of its classes are beside the networks.

    Returns:
        The signatures by name.

    Raises:
        UserError: the folder cannot be written.
    """
    texts = {name: tokenizer.to_json() for name, tokenizer in run.tokenizers.items()}
    if run.class_names:
        texts[CLASSES] = classes_to_json(run.class_names)
    search = {name: getattr(run.config, name) for name in run.task.export_options}
    with whole_folder(out) as made:
        try:
            signatures = export_model(run.model, made, **search)
        except tf.errors.OpError as error:  # such as a full disk
            raise UserError(f"{out} cannot be written: {one_line(error)}") from None
        for name, text in texts.items():
            (made / name).write_text(text, encoding="utf-8")
    return signatures


def describe(name, signature):
    """One line with the name of a signature, its inputs and outputs, with types and shapes."""
    inputs, _ = signature.structured_input_signature
    outputs = signature.structured_outputs
    specs = [spec for spec in inputs if spec is not None]  # None for an absent label
    given = ", ".join(_described(spec.name, spec) for spec in specs)
    made = ", ".join(_described(name, spec) for name, spec in outputs.items())
    return f"{name:16} {given} -> {made}"


def _described(name, spec):
    return f"{name} {spec.dtype.name} {tuple(spec.shape)}"
