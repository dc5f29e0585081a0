"""Trained models as TensorFlow SavedModels, which plain TensorFlow runs without this package."""

import tensorflow as tf
from keras import ops

from genai_keras.data.classes import CLASSES, classes_to_json
from genai_keras.errors import UserError, one_line
from genai_keras.files import whole_folder
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.noise import conditioned
from genai_keras.models.seq2seq import Seq2Seq, search_targets
from genai_keras.models.vae import VAE
from genai_keras.sampling.noise import BLOCK, noise_block
from genai_keras.sampling.samplers import COLDEST

VERSION = "1"  # TensorFlow Serving uses the folder with the highest number


def export_model(model, folder, **search):
    """Writes a model for deployment: a SavedModel, and its networks as `.keras` files.

    Calls with wrong values, such as an unknown label, raise an `InvalidArgumentError` that says
    what is wrong.

    Args:
        model: a `GAN`, `VAE`, `LanguageModel` or `Seq2Seq`.
        folder: an empty folder; the SavedModel becomes `1` in it.
        **search: for a `Seq2Seq`, the `beam_width` and `length_penalty` of its translations.

    Returns:
        The signatures by name, `tf.types.experimental.ConcreteFunction`s.
    """
    networks, signatures = PARTS[type(model)](model, **search)
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


def _gan(gan):
    def decode(noise, label=None):
        return {"samples": gan(conditioned(noise, _one_hot(gan, label)))}

    return {"generator": gan.averaged_generator}, _from_noise(gan, decode, "noise")


def _vae(vae):
    x = {"x": ("float32", (None, *vae.encoder.inputs[0].shape[1:]))}
    label = {"label": ("int32", (None,))} if vae.classes else {}

    def encode(x, label=None):
        mean, log_variance = vae.encoder(conditioned(x, _one_hot(vae, label)))
        return {"mean": mean, "log_variance": vae.reparameterize.clip(log_variance)}

    def decode(z, label=None):
        outputs = vae.decoder(conditioned(z, _one_hot(vae, label)))
        return {"samples": vae.likelihood.mean(outputs)}

    def reconstruct(x, label=None):
        return decode(encode(x, label)["mean"], label)

    return {"encoder": vae.encoder, "decoder": vae.decoder}, {
        **_from_noise(vae, decode, "z"),
        "encode": _signature(encode, **x, **label),
        "reconstruct": _signature(reconstruct, **x, **label),
    }


def _from_noise(model, decode, code):
    """The signatures of a model that decodes noise; `code` is the name of the input."""
    shape = (None, model.latent_dim)
    many = {"label": ("int32", (None,))} if model.classes else {}
    one = {"label": ("int32", ())} if model.classes else {}

    def generate(count, seed, label=None):
        """The same as `FromNoise.generate`, in blocks of the same size."""
        count = _checked(count, count >= 0, "count must be at least 0")
        blocks = -(-count // BLOCK)

        def block(number, made):
            noise = noise_block(seed, tf.cast(number, tf.int64), model.latent_dim)
            noise = noise[: count - number * BLOCK]
            labels = None if label is None else tf.fill(tf.shape(noise)[:1], label)
            return number + 1, made.write(number, decode(noise, labels)["samples"])

        shape = (None, *decoded.structured_outputs["samples"].shape[1:])
        made = tf.TensorArray(tf.float32, blocks, infer_shape=False, element_shape=shape)
        _, made = tf.while_loop(lambda number, _: number < blocks, block, (0, made))
        return {"samples": made.concat()}

    decoded = _signature(decode, **{code: ("float32", shape)}, **many)
    return {
        "serving_default": decoded,
        "decode": decoded,
        "generate": _signature(generate, count=("int32", ()), seed=("int64", ()), **one),
    }


def _language_model(model):
    decoder = model.decoder
    size, begun = decoder.vocabulary_size, int(decoder.has_start_token)

    def generate(tokens, max_new_tokens, temperature, top_k, top_p, seed):
        begins = tf.shape(tokens)[1] + begun > 0
        tokens = _checked(tokens, begins, "tokens: there must be at least one")
        max_new_tokens = _checked(
            max_new_tokens, max_new_tokens >= 0, "max_new_tokens must be at least 0"
        )
        temperature = _checked(temperature, temperature >= 0.0, "temperature must be at least 0")
        top_k = _checked(top_k, top_k >= 0, "top_k must be at least 1, or 0 for all")
        in_range = (top_p > 0.0) & (top_p <= 1.0)
        top_p = _checked(top_p, in_range, "top_p must be above 0 and at most 1")
        k = tf.where(top_k == 0, size, tf.minimum(top_k, size))
        # Rounded probabilities may reach 1 before the last one, which counts, too.
        p = tf.where(top_p == 1.0, float("inf"), top_p)
        prompt = tf.pad(tokens, [[0, 0], [begun, 0]], constant_values=size)

        def at(temperature):
            return model.continue_tokens(
                decoder, prompt, max_new_tokens, seed, temperature, k, p, True
            )

        sequence = tf.cond(temperature < COLDEST, lambda: at(None), lambda: at(temperature))
        return {"tokens": sequence[:, begun:]}

    def log_likelihood(tokens):
        fits = tf.shape(tokens)[1] <= decoder.context_length
        tokens = _checked(
            tokens, fits, f"tokens: at most {decoder.context_length} fit into the context"
        )
        return {"log_likelihood": -ops.sum(model.terms(tokens)["nats"], axis=1)}

    tokens = {"tokens": ("int32", (None, None))}
    generated = _signature(
        generate,
        **tokens,
        max_new_tokens=("int32", ()),
        temperature=("float32", ()),
        top_k=("int32", ()),
        top_p=("float32", ()),
        seed=("int64", ()),
    )
    return {"decoder": decoder}, {
        "serving_default": generated,
        "generate": generated,
        "log_likelihood": _signature(log_likelihood, **tokens),
    }


def _seq2seq(model, beam_width=1, length_penalty=0.0):
    def translate(source):
        longest = model.encoder.context_length
        fits = tf.shape(source)[1] <= longest
        source = _checked(source, fits, f"source: at most {longest} tokens fit into the context")
        tokens, log_probability = search_targets(
            model,
            source,
            beam_width,
            model.decoder.context_length,
            tf.constant(float(length_penalty) if beam_width > 1 else 0.0),
            True,
        )
        return {"tokens": tokens, "log_probability": log_probability}

    translated = _signature(translate, source=("int32", (None, None)))
    return {"encoder": model.encoder, "decoder": model.decoder}, {
        "serving_default": translated,
        "translate": translated,
    }


PARTS = {GAN: _gan, VAE: _vae, LanguageModel: _language_model, Seq2Seq: _seq2seq}


def _signature(body, **inputs):
    """A function of tensors as a graph; `inputs` are their types and shapes, by name."""
    specs = [tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in inputs.items()]
    return tf.function(body, input_signature=specs, autograph=False).get_concrete_function()


def _one_hot(model, label):
    """Class ids as the networks take them, `(batch, classes)`; None if they take none."""
    if not model.classes:
        return None
    known = (label >= 0) & (label < model.classes)
    label = _checked(label, known, f"label must be 0 to {model.classes - 1}")
    return tf.one_hot(label, model.classes)


def _checked(value, condition, message):
    """The value, which is available only after the condition has been checked."""
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
        return tf.identity(value)
