"""What a SavedModel of each kind of model can do: signatures of tensors only."""

import tensorflow as tf
from keras import ops

from genai_keras.models.flow import Flow
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.noise import conditioned
from genai_keras.models.seq2seq import Seq2Seq, search_targets
from genai_keras.models.vae import VAE
from genai_keras.sampling.noise import BLOCK, noise_block
from genai_keras.sampling.samplers import COLDEST


def _gan(gan):
    def decode(noise, label=None):
        return {"samples": gan(conditioned(noise, _one_hot(gan, label)))}

    return {"generator": gan.averaged_generator}, _from_noise(gan, decode, "noise")


def _vae(vae):
    x = {"x": ("float32", (None, *vae.encoder.inputs[0].shape[1:]))}

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
        "encode": _signature(encode, **x, **_labels(vae)),
        "reconstruct": _signature(reconstruct, **x, **_labels(vae)),
    }


def _from_noise(model, decode, code):
    """The signatures of a model that decodes noise; `code` is the name of the input."""
    shape = (None, model.latent_dim)

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

    decoded = _signature(decode, **{code: ("float32", shape)}, **_labels(model))
    return {
        "serving_default": decoded,
        "decode": decoded,
        "generate": _signature(
            generate, count=("int32", ()), seed=("int64", ()), **_labels(model, ())
        ),
    }


def _flow(flow):
    x, t = ("float32", (None, *flow.sample_shape)), ("float32", (None,))

    def decode(noise, label=None):  # in the steps of the run
        inputs = conditioned(noise, _one_hot(flow, label))
        return {"samples": flow._decode(inputs, **flow.chosen())}

    def velocity(x, t, label=None):
        return {"velocity": flow([x, t] if label is None else [x, t, _one_hot(flow, label)])}

    signatures = _from_noise(flow, decode, "noise")
    signatures["velocity"] = _signature(velocity, x=x, t=t, **_labels(flow))
    return {"velocity": flow.averaged_network}, signatures


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


# Functions of a model that return its networks and its signatures, both by name.
SIGNATURES = {GAN: _gan, VAE: _vae, Flow: _flow, LanguageModel: _language_model, Seq2Seq: _seq2seq}


def _signature(body, **inputs):
    """A function of tensors as a graph; `inputs` are their types and shapes, by name."""
    specs = [tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in inputs.items()]
    return tf.function(body, input_signature=specs, autograph=False).get_concrete_function()


def _labels(model, shape=(None,)):
    return {"label": ("int32", shape)} if model.classes else {}


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
