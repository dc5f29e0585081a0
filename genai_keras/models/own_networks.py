"""Builds, copies and checks networks of users: functional, sequential or subclassed."""

import keras
import numpy as np

from genai_keras.models.noise import classes_of, inputs_of

RESHAPING = (keras.layers.Reshape, keras.layers.Flatten)


def latent_dim_of(network, name, latent_dim):
    """The length of the noise or code that a network takes.

    Args:
        network: a generator or a decoder.
        name: name of the network in messages.
        latent_dim: length given by the user, or None.

    Raises:
        ValueError: the length is unknown, or the network has another one.
    """
    inputs = inputs_of(network)
    found = inputs[0].shape[-1] if inputs else latent_dim
    if found is None:
        raise ValueError(
            f"the length of the input of a subclassed {name} is unknown: pass `latent_dim`, too"
        )
    if latent_dim not in (None, found):
        raise ValueError(f"`latent_dim` is {latent_dim}, but the {name} takes {found} numbers")
    return found


def run_once(network, shape, classes=0):
    """Builds a network that has no inputs yet, with one sample of zeros.

    Args:
        shape: shape of one sample.
        classes: number of classes of the one-hot label; 0 means no label.

    Returns:
        The shapes of its outputs, without the batch: a list.
    """
    if isinstance(network, keras.Sequential) and not network.built:
        network.build((None, *shape))
    if inputs_of(network):
        return [tuple(each.shape[1:]) for each in network.outputs]
    zeros = np.zeros((1, *shape), "float32")
    outputs = network([zeros, np.zeros((1, classes), "float32")] if classes else zeros)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [tuple(each.shape[1:]) for each in outputs]


def copy_of(network, latent_dim):
    """A second network with the same weights.

    Raises:
        ValueError: the network is subclassed and cannot be made from its config.
    """
    if inputs_of(network):
        copy = keras.models.clone_model(network)
    else:
        try:
            copy = type(network).from_config(network.get_config())
        except (NotImplementedError, TypeError):
            raise ValueError(
                f"{type(network).__name__} cannot be copied or saved: give it a `get_config` that "
                "returns the arguments of its constructor"
            ) from None
        run_once(copy, (latent_dim,))
    copy.set_weights(network.get_weights())
    return copy


def last_activation(network):
    """The name of the last activation of a network, such as "tanh"; None if it is unknown.

    Reshape layers do not count.
    """
    if not inputs_of(network):
        return None
    operation = network.outputs[0]._keras_history.operation
    while isinstance(operation, RESHAPING):
        operation = operation.input._keras_history.operation
    if isinstance(operation, keras.Model):
        return last_activation(operation)
    activation = getattr(operation, "activation", None)
    return getattr(activation, "__name__", type(operation).__name__.lower())


def check_gan_networks(generator, discriminator, sample_shape):
    """Raises ValueError if the networks do not fit, or the discriminator does not output logits."""
    inputs = inputs_of(discriminator)
    if last_activation(discriminator) == "sigmoid":
        raise ValueError(
            "the discriminator ends in a sigmoid, but its outputs are used as logits: leave the "
            "sigmoid out"
        )
    if inputs and not _fits(sample_shape, inputs[0].shape[1:]):
        raise ValueError(
            f"the generator makes samples of shape {sample_shape}, but the discriminator takes "
            f"{tuple(inputs[0].shape[1:])}"
        )
    if inputs and classes_of(generator) != classes_of(discriminator):
        raise ValueError(
            f"the generator takes labels of {classes_of(generator)} classes, but the discriminator "
            f"of {classes_of(discriminator)}: both must take the same, or none"
        )


def check_vae_networks(encoder, decoder, likelihood, sample_shape, encoded, decoded, latent_dim):
    """Raises ValueError if the networks do not fit each other or the likelihood.

    Args:
        sample_shape: shape of an image for the encoder.
        encoded: shapes of the outputs of the encoder.
        decoded: shape of the output of the decoder.
    """
    if encoded != [(latent_dim,)] * 2:
        raise ValueError(
            f"the encoder must return two outputs of shape ({latent_dim},), a mean and a "
            f"log-variance, for a decoder that takes {latent_dim} numbers; it returns "
            f"{' and '.join(map(str, encoded))}"
        )
    if len(sample_shape) != 3:
        raise ValueError(
            f"a VAE learns images of shape (height, width, channels), but the encoder takes "
            f"{sample_shape}: let it begin, and the decoder end, with a Reshape"
        )
    expected = (*sample_shape[:2], likelihood.parameters * (sample_shape[2] or 0))
    if sample_shape[2] and not _fits(decoded, expected):
        raise ValueError(
            f'with likelihood="{likelihood.name}" the decoder must return {expected} for images of '
            f"{sample_shape}, {likelihood.parameters} for each channel; it returns {decoded}"
        )
    if last_activation(decoder) == "sigmoid":
        outputs = "logits" if likelihood.parameters == 1 else "locations and log-scales"
        raise ValueError(
            f"the decoder ends in a sigmoid, but its outputs are used as {outputs}: leave the "
            "sigmoid out"
        )
    if inputs_of(encoder) and classes_of(encoder) != classes_of(decoder):
        raise ValueError(
            f"the encoder takes labels of {classes_of(encoder)} classes, but the decoder of "
            f"{classes_of(decoder)}: both must take the same, or none"
        )


def check_flow_network(network):
    """The shape of a sample, and the number of classes, of the network of a flow.

    Raises:
        ValueError: the network does not turn samples and times into velocities.
    """
    shapes = [tuple(each.shape) for each in inputs_of(network)]
    ranks = [len(shape) for shape in shapes[1:]]
    if ranks not in ([1], [1, 2]):
        raise ValueError(
            "the network of a flow is functional and takes [x, t], or [x, t, label]: "
            "`keras.Input(sample_shape)`, `keras.Input(())` and `keras.Input((classes,))`. This "
            f"one takes {' and '.join(map(str, shapes)) or 'unknown inputs'}"
        )
    outputs = [tuple(each.shape) for each in network.outputs]
    if outputs != shapes[:1] or None in shapes[0][1:]:
        raise ValueError(
            f"the velocity must have the shape of x, which must be known: x is {shapes[0]}, and "
            f"the network returns {' and '.join(map(str, outputs))}"
        )
    return shapes[0][1:], shapes[2][1] if len(shapes) > 2 else 0


def _fits(shape, other):
    """Whether two shapes agree in all known sizes."""
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(a == b for a, b in pairs if a and b)
