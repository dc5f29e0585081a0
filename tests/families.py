"""Small models of all families, and data for them: what they learn is compared, however divided."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.models.flow import Flow
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.models.vae import VAE
from genai_keras.networks.conv_vae import build_conv_decoder, build_conv_encoder
from genai_keras.networks.dcgan import build_dcgan_discriminator, build_dcgan_generator
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator
from genai_keras.networks.flow import build_unet_velocity
from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
from genai_keras.training.devices import on_devices, training_batches, validation_batches

BATCH, COUNT = 8, 21  # the last batch of validation has 5 samples
rng = np.random.default_rng(0)
IMAGES = rng.uniform(-1, 1, (COUNT, 8, 8, 1)).astype("float32")
TOKENS = rng.integers(2, 9, (COUNT, 6)).astype("int32")
# Sentences of very different lengths, so that replicas have different numbers of tokens.
TARGETS = np.where(np.arange(6) < rng.integers(1, 7, (COUNT, 1)), TOKENS, 0)
LABELS = np.arange(COUNT) % 3


def batches(*arrays, **kwargs):
    shapes = tuple(each.shape[1:] for each in arrays)

    def fetch(indices):
        found = tuple(tf.gather(each, indices) for each in arrays)
        return found if len(found) > 1 else found[0]

    shape = shapes if len(shapes) > 1 else shapes[0]
    return Batches(fetch, COUNT, shape, BATCH, seed=3, **kwargs)


def sgd(**kwargs):
    # Adam divides by the size of a gradient, which would hide a factor of N.
    return keras.optimizers.SGD(0.3, momentum=0.9, **kwargs)


def dcgan(classes=0):
    gan = GAN(
        build_dcgan_generator(5, (8, 8, 1), (6, 4), classes=classes),
        build_dcgan_discriminator((8, 8, 1), (4, 6), classes=classes, dense_units=7),
    )
    gan.compile(sgd(), sgd())
    return gan


def dense_gan():
    gan = GAN(
        build_dense_generator(5, (8, 8, 1), (9, 9), normalize=True),
        build_dense_discriminator((8, 8, 1), (9,)),
    )
    gan.compile(sgd(), sgd())
    return gan


def vae(**kwargs):
    encoder = build_conv_encoder((8, 8, 1), 4, (4, 6))
    vae = VAE(encoder, build_conv_decoder(4, (8, 8, 1), widths=(4, 6)), **kwargs)
    vae.compile(keras.optimizers.SGD(0.003, momentum=0.9))
    return vae


def flow(classes=0, levels=None):
    network = build_unet_velocity((8, 8, 1), (4, 6), 7, 8, classes=classes)
    flow = Flow(network, levels=levels, label_dropout=0.4)
    flow.compile(sgd())
    return flow


def transformer(**kwargs):
    return {"width": 8, "num_layers": 1, "num_heads": 2, "dropout": 0.3, **kwargs}


def language_model():
    model = LanguageModel(TransformerDecoder(9, 6, **transformer()))
    model.compile(sgd(global_clipnorm=0.1))
    return model


def seq2seq():
    encoder = TransformerEncoder(9, 6, **transformer())
    decoder = TransformerDecoder(9, 6, **transformer(), cross_attention=True, start_token=True)
    model = Seq2Seq(encoder, decoder, label_smoothing=0.1)
    model.compile(sgd(global_clipnorm=0.1))
    return model


BINARY = batches((IMAGES + 1) / 2, binarize=True)


def difference(one, other):
    """The largest difference of two numbers."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


FAMILIES = {
    "dcgan": (dcgan, batches(IMAGES)),
    "conditional dcgan": (lambda: dcgan(3), batches(IMAGES, labels=LABELS, classes=3)),
    "dense gan": (dense_gan, batches(IMAGES)),
    "vae": (vae, BINARY),
    "vae with free bits": (lambda: vae(free_bits=0.01), BINARY),
    "iwae": (lambda: vae(importance_samples=3), BINARY),
    "flow": (lambda: flow(levels=9), batches(IMAGES)),
    "conditional flow": (lambda: flow(3), batches(IMAGES, labels=LABELS, classes=3)),
    "language model": (language_model, batches(TOKENS)),
    "encoder-decoder": (seq2seq, batches(TOKENS, TARGETS)),
}


def trained(make, data, devices="1", accumulate=1, precision="float32"):
    """Trains a model for four steps.

    Args:
        make: a function that returns a compiled model.
        data: its `Batches`.
        devices: as `on_devices` takes them; None for those of the current strategy.
        accumulate: number of parts of a batch.
        precision: the number format of the networks.

    Returns:
        The weights, the random states, and the history.
    """
    with on_devices(devices) if devices else contextlib.nullcontext():
        keras.utils.set_random_seed(7)
        keras.config.set_dtype_policy(precision)
        model = make()
        keras.config.set_dtype_policy("float32")
        model.accumulate = accumulate
        fitted = model.fit(
            training_batches(data),
            steps_per_epoch=2,
            epochs=2,
            **validation_batches(data),
            shuffle=False,
            verbose=0,
        )
        states = [v.numpy() for v in model.variables if v.path.endswith("seed_generator_state")]
        weights = [v.numpy() for v in model.variables if "float" in v.dtype]
        return weights, states, fitted.history
