# %% [markdown]
# # Chapter 7: how good is it? Evaluation, the likelihood ladder, augmentation
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/chapter7_evaluation.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/chapter7_evaluation.ipynb)
#
# **What you will learn**
# - to measure samples on the features of a classifier: Frechet distance, precision, recall, and what each of them does not see;
# - why a figure needs an interval, and a *floor*: what real pictures score in place of generated ones;
# - bounds on $\log p(x)$ by importance sampling, and when a bound decides which of two models is better;
# - to test a claim, "generated pictures help a classifier", so that it can turn out false.
#
# About two minutes on two CPU cores.

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.quiet  # TensorFlow starts without its notes on this machine

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt
from scipy.special import logsumexp

from genai_keras.data.images import load_images
from genai_keras.data.pixels import as_pictures, load_pixels, to_images
from genai_keras.evaluation import distances
from genai_keras.evaluation.augmentation import augmentation_experiment, vae_maker
from genai_keras.evaluation.bootstrap import bootstrap_mean
from genai_keras.evaluation.lenet import build_lenet, load_ruler
from genai_keras.evaluation.likelihood import importance_weighted_bound, log_importance_weights
from genai_keras.evaluation.pictures import judge_pictures
from genai_keras.evaluation.report import comparison
from genai_keras.layers.reparameterization import Reparameterization
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.vae import VAE
from genai_keras.networks.dense import (
    build_dense_decoder,
    build_dense_discriminator,
    build_dense_encoder,
    build_dense_generator,
)
from genai_keras.networks.transformer import TransformerDecoder
from genai_keras.notebook import (
    new_run,
    plot_history,
    setting,
    show_pictures,
    show_source,
    show_tensorboard,
)
from genai_keras.training.tensorboard import EpochTensorBoard, write_figures

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# Of a model we have samples, as many as we like. Of the truth we have samples, too: 500 digits that no model of this
# chapter learns from. The question is whether the two kinds come from the same distribution.
#
# Pixels are poor witnesses, as we shall see. So each picture goes through a LeNet, a small classifier that comes with the
# package, and what we compare are the 84 numbers before its last layer, the **features**.

# %%
train, validation = load_images("mnist5k", low=0.0)
training, held_out = train.first(train.count), validation.first(validation.count)
ruler = load_ruler("mnist5k")
features, seen_as = ruler.look(held_out)
print("pictures", held_out.shape, "-> features", features.shape, "and labels", seen_as.shape)
show_pictures(held_out[:16], columns=16, low=0.0)

# %% [markdown]
# All 500 as one picture: a row is a digit, sorted by class, and a column is a feature. Digits of one class have much in
# common, and differ in details.

# %%
plt.figure(figsize=(8, 3.6))
plt.imshow(features[np.argsort(validation.labels)], aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
plt.yticks(np.arange(25, 500, 50), range(10))
plt.ylabel("500 digits, by class")
plt.xlabel("84 features")
plt.colorbar()
plt.show()

# %% [markdown]
# ## The network
#
# The ruler is LeNet-5 with ReLUs, as LeCun et al. drew it in 1998, trained on all of MNIST and then frozen. Its features end in
# a tanh, so they lie between -1 and 1.

# %%
show_source(build_lenet)

# %%
print(f"{ruler.lenet.count_params():,} weights")
print(f"it knows {np.mean(seen_as == validation.labels):.1%} of our 500 digits")

# %% [markdown]
# Do not take that for a test: **this LeNet has trained on all 5,000 digits of `mnist5k`**, our 500 among them. (Of the 10,000 test digits of
# MNIST it knows 99.4 %.) So its features treat our real digits, all of them, a little too kindly. And 500 are few. Both are reasons to
# look at floors and intervals below, and to use `--dataset mnist` for figures that you want to publish.
#
# Why features at all? Move each digit one pixel to the right. It remains the same digit to any reader. Is it still closer to itself than to
# the digits of other classes?

# %%
moved = np.roll(held_out, 1, axis=2)
for name, look in (("pixels", lambda x: x.reshape(len(x), -1)), ("features", ruler.features)):
    here, there = look(held_out), look(moved)
    to_itself = np.linalg.norm(here - there, axis=1)  # (500,)
    to_others = np.empty(len(here))
    for label in range(10):
        own = validation.labels == label
        to_others[own] = distances.nearest(here[own], here[~own])[0]
    print(f"{name:9} {np.mean(to_itself > to_others):5.1%} are nearer to a digit of another class")

# %% [markdown]
# ## One step by hand
#
# ### The Frechet distance
#
# Fit a Gaussian to each cloud of features, and take the distance between the two Gaussians:
# $$d^2 = |m_1 - m_2|^2 + \mathrm{tr}\left(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\right)$$
# In one dimension this is $(m_1 - m_2)^2 + (\sigma_1 - \sigma_2)^2$: nothing but two differences, of the means and of the spreads.
#
# **Before you run the next cell, guess:** both clouds are *real* digits, 400 from the training part and the 500 held-out ones.
# What is the distance?

# %%
ours = ruler.features(training[:400]).astype("float64")  # (400, 84)
real = features.astype("float64")  # (500, 84)
means = np.sum((ours.mean(0) - real.mean(0)) ** 2)
first, second = np.cov(ours, rowvar=False), np.cov(real, rowvar=False)  # (84, 84) each
# The trace of a root is the sum of the roots of the eigenvalues; those of C1 C2 are not negative.
eigenvalues = np.linalg.eigvals(first @ second).real.clip(0)
spreads = np.trace(first) + np.trace(second) - 2 * np.sum(np.sqrt(eigenvalues))
print(f"means {means:.4f} + spreads {spreads:.4f} = {means + spreads:.4f}")
print(f"frechet_distance(ours, real) = {distances.frechet_distance(ours, real):.4f}")

# %% [markdown]
# Not 0. Two samples of one and the same distribution are never alike, and the fewer they are, the less. A covariance
# of 84 features has 3,570 numbers to estimate. So a Frechet distance alone means nothing: one needs to know of how many pictures it
# is, and what real pictures score, which is the **floor**. The *kernel distance* has no such bias; where there is no difference it
# scatters about 0.

# %%
print("real digits   Frechet    kernel")
for count in (50, 100, 200, 400):
    pair = ours[:count], real[:count]
    print(f"{count:11} {distances.frechet_distance(*pair):9.2f} {distances.kernel_distance(*pair):9.4f}")

# %% [markdown]
# ### An importance weight
#
# The other way to judge a model is to ask how likely it finds digits that it has never seen. For a VAE that is an integral,
# $p(x) = \int p(x\mid z)\,p(z)\,dz$. Draw $z$ from the encoder's $q(z\mid x)$ and weigh each draw:
# $$w = \frac{p(x, z)}{q(z\mid x)},\qquad \mathbb E_q[w] = p(x)$$
# We take small pictures for this, of 12x12 pixels, each black or white, and a VAE with only *two* latents, trained for a few seconds. Over
# two latents one can integrate on a grid, so for once we shall know the truth.

# %%
side = 12
sequences, unseen_sequences = load_pixels("mnist5k", batch_size=64, image_size=side)
small, small_unseen = as_pictures(sequences), as_pictures(unseen_sequences)
unseen = small_unseen.first(500)
keras.utils.set_random_seed(1)
flat_vae = VAE(
    build_dense_encoder((side, side, 1), latent_dim=2, widths=(128,)),
    build_dense_decoder(latent_dim=2, output_shape=(side, side, 1), widths=(128,)),
    seed=0,
)
flat_vae.compile(keras.optimizers.Adam(2e-3))
flat_vae.fit(small.shuffled(), steps_per_epoch=setting(1_000, fast=20), verbose=0)
print("unseen digits", unseen.shape, "with the values", np.unique(unseen))
show_pictures(unseen[:16], columns=16, low=0.0)

# %% [markdown]
# Three logarithms for each of 100 draws, for the first of these digits:

# %%
x = unseen[:1]  # (1, 12, 12, 1)
mean, log_variance = flat_vae.encode(x)  # (1, 2) each
z = Reparameterization(seed=3)(mean, log_variance, samples=100).numpy()[:, 0]  # (100, 2)
logits = flat_vae.decoder(z).numpy()  # (100, 12, 12, 1)
log_p_x_given_z = np.sum(x * logits - np.logaddexp(0, logits), axis=(1, 2, 3))  # (100,)
log_p_z = np.sum(-0.5 * z**2 - 0.5 * np.log(2 * np.pi), axis=1)
squares = (z - mean) ** 2 / np.exp(log_variance)
log_q = np.sum(-0.5 * (squares + log_variance) - 0.5 * np.log(2 * np.pi), axis=1)
log_w = log_p_x_given_z + log_p_z - log_q  # (100,)
print("the first draw:")
print(f"log p(x|z) {log_p_x_given_z[0]:7.2f}   the decoder gives the pixels so much")
print(f"log p(z)   {log_p_z[0]:7.2f}   the prior gives the code so much")
print(f"log q(z|x) {log_q[0]:7.2f}   the encoder gave it so much")
print(f"log w      {log_w[0]:7.2f}")
sampled_alike = Reparameterization(seed=3)
theirs = flat_vae.log_importance_weights(x, 100, sampled_alike).numpy()[:, 0]
print(f"largest difference to VAE.log_importance_weights: {np.abs(log_w - theirs).max():.1e} nats")

# %% [markdown]
# Now the bounds. Take the mean of $k$ weights, *then* the logarithm. With $k=1$ this is the ELBO. The logarithm of a mean is never less than
# the mean of the logarithms (Jensen), so the bound rises with $k$; and as the mean of many weights is close to $p(x)$, it
# rises towards $\log p(x)$.

# %%
for k in (1, 10, 100):
    by_hand = np.mean(logsumexp(log_w.reshape(100 // k, k), axis=1) - np.log(k))
    package = importance_weighted_bound(log_w[:, None], k)[0]
    print(f"k = {k:3}: {by_hand:.4f} nats by hand, {package:.4f} by importance_weighted_bound")

# %% [markdown]
# How far up does it have to go? The sum over a grid of codes, for all 500 digits:

# %%
line = np.linspace(-5, 5, 100)
grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype("float32")  # (10000, 2)
logits = flat_vae.decoder(grid).numpy().reshape(len(grid), -1)  # (10000, 144)
log_joint = unseen.reshape(len(unseen), -1) @ logits.T - np.logaddexp(0, logits).sum(1)
log_joint += np.sum(-0.5 * grid**2 - 0.5 * np.log(2 * np.pi), axis=1)  # (500, 10000)
integral = logsumexp(log_joint, axis=1) + 2 * np.log(line[1] - line[0])  # (500,)

draws = log_importance_weights(flat_vae, unseen, samples=setting(1_000, fast=100))
ks = [k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000) if k <= len(draws)]
bounds = [importance_weighted_bound(draws, k).mean() for k in ks]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.hist(log_w, bins=25, color="lightgrey")
left.axvline(log_w.mean(), color="C0", label="k = 1: their mean")
left.axvline(logsumexp(log_w) - np.log(100), color="C1", label="k = 100")
left.axvline(integral[0], color="black", linestyle="--", label="log p(x) by the grid")
left.set_xlabel("log w of 100 draws for one digit, nats")
left.legend(fontsize=8)
right.semilogx(ks, bounds, "o-", color="C0", label="bound")
right.axhline(integral.mean(), color="black", linestyle="--", label="log p(x) by the grid")
right.set_xlabel("k")
right.set_ylabel("nats a digit, mean of 500")
right.legend(fontsize=8)
plt.tight_layout()
plt.show()
print(f"k = 1 {bounds[0]:.3f}, k = {ks[-1]} {bounds[-1]:.3f}, the grid {integral.mean():.3f} nats")

# %% [markdown]
# ## A short `fit`, four times
#
# Two models of grey digits, 28x28, to be judged by their samples: a GAN of dense layers (chapter 2) and a VAE (chapter 4).

# %%
run = new_run("chapter7")


def learn(model, name, batches, epochs, steps=None, checked_on=None):
    """Fits a model and keeps its curves for TensorBoard."""
    return model.fit(
        batches.shuffled(),
        epochs=setting(epochs, fast=1),
        steps_per_epoch=setting(steps or batches.steps_per_epoch, fast=5),
        validation_data=checked_on.in_order() if checked_on else None,
        shuffle=False,
        verbose=0,
        callbacks=[EpochTensorBoard(run / name / "tensorboard", write_graph=False)],
    )


keras.utils.set_random_seed(0)
gan = GAN(
    build_dense_generator(64, (28, 28, 1), widths=(128, 256, 512), normalize=True),
    build_dense_discriminator((28, 28, 1), widths=(256, 128)),
    ema_decay=0.995,
    seed=0,
)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
history = learn(gan, "gan", load_images("mnist5k", low=-1.0)[0], epochs=30)
plot_history(history, ["generator_loss", "discriminator_loss"], ["d_real", "d_fake"])

# %%
vae = VAE(
    build_dense_encoder((28, 28, 1), latent_dim=16, widths=(256,)),
    build_dense_decoder(latent_dim=16, output_shape=(28, 28, 1), widths=(256,)),
    seed=0,
)
vae.compile(keras.optimizers.Adam(1e-3))
binary, binary_unseen = load_images("mnist5k", low=0.0, binarize=True)
history = learn(vae, "vae", binary, 30, checked_on=binary_unseen)
plot_history(history, ["loss"], ["kl"])

# %% [markdown]
# Two models of the small binary digits, to be judged by their likelihoods: a VAE, now with 16 latents, and a decoder that
# writes pixel by pixel (chapter 6).

# %%
steps = 25 * small.steps_per_epoch
small_vae = VAE(
    build_dense_encoder((side, side, 1), latent_dim=16, widths=(256,)),
    build_dense_decoder(latent_dim=16, output_shape=(side, side, 1), widths=(256,)),
    seed=0,
)
small_vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)))
history = learn(small_vae, "small_vae", small, 25, checked_on=small_unseen)
plot_history(history, ["loss"], ["kl"])

# %%
pixels = LanguageModel(
    TransformerDecoder(
        2, side**2, width=32, num_layers=2, num_heads=4, hidden_units=64, start_token=True
    ),
    {"nats_per_image": side**2},
)
rate = keras.optimizers.schedules.CosineDecay(
    0.0, 350, alpha=0.05, warmup_target=5e-3, warmup_steps=50
)
pixels.compile(keras.optimizers.AdamW(rate, beta_2=0.99, global_clipnorm=1.0))
few_at_once, _ = load_pixels("mnist5k", batch_size=24, image_size=side)
history = learn(pixels, "pixels", few_at_once, 8, steps=50, checked_on=unseen_sequences)
plot_history(history, ["nats_per_image"], ["token_accuracy"])

# %% [markdown]
# ## Samples, side by side
#
# First row: real digits. Second: the GAN's. Third: the VAE's, which are the probabilities of white and so are blurred where the model is not sure.
#
# **Before you go on, decide:** which of the two models is better? Write down how sure you are.

# %%
count = setting(400, fast=100)  # of each that is judged
from_gan = (gan.generate(count, seed=1) + 1) / 2  # -1..1 to 0..1
from_vae = vae.generate(count, seed=1)
rows = np.concatenate([part[:16] for part in (held_out, from_gan, from_vae)])
show_pictures(rows, columns=16, low=0.0)

# %% [markdown]
# The small ones: real, VAE, pixel by pixel. The VAE's probabilities are drawn black or white, as its data were.

# %%
noise = np.random.default_rng(0).random((16, side, side, 1))
drawn = noise < small_vae.generate(16, seed=1)
written = to_images(pixels.generate(np.zeros((16, 0), "int32"), side**2, seed=1))
show_pictures(np.concatenate([unseen[:16], drawn, written]), columns=16, low=0.0)

# %% [markdown]
# ## First, damage on purpose
#
# Before you trust an instrument, hold it against what you know. Four "models" that we understand, each made from real training digits:
# one **copies** them; one **blurs** them; one glues the upper **halves** of some to the lower halves of others; and
# one writes nothing but **sevens**.
#
# - *Precision* is the share of the samples that lie among the real digits: within reach of a real digit's fifth nearest neighbour.
# - *Recall* is the share of the real digits that lie among the samples.
# - *Class coverage* is 1 if all ten classes come as often as they should.
#
# **Before you run the next cells, guess:** which of the four loses precision, which loses recall, and which is found by none of the three?


# %%
def blurred(pictures, size):
    """Each pixel becomes the mean of the `size` x `size` around it."""
    return tf.nn.avg_pool2d(pictures, size, 1, "SAME").numpy()


copies = training[1_000 : 1_000 + count]
others = training[2_000 : 2_000 + count]
damaged = {
    "copies": copies,
    "blurred": blurred(copies, 5),
    "halves": np.concatenate([copies[:, :14], others[:, 14:]], axis=1),
    "only sevens": training[train.labels == 7][:count],
}
show_pictures(np.concatenate([part[:16] for part in damaged.values()]), columns=16, low=0.0)


# %%
def draw_figures(reports, names):
    """A panel for each figure: estimates with intervals, and the floor as a dashed line."""
    _, axes = plt.subplots(1, len(names), figsize=(9, 2.2), sharey=True)
    for axis, name in zip(axes, names, strict=True):
        for place, rows in enumerate(reports.values()):
            row = next(row for row in rows if row.name == name)
            axis.plot([row.figure.low, row.figure.high], [place, place], color=f"C{place}", lw=2)
            axis.plot(row.figure.value, place, "o", color=f"C{place}")
            axis.axvline(row.floor, color="grey", linestyle="--", lw=1)
        axis.set_title(name, fontsize=10)
        axis.set_yticks(range(len(reports)), reports)
        axis.margins(0.1, 0.2)
    axes[0].invert_yaxis()
    plt.tight_layout()
    plt.show()


shown = ("frechet_distance", "precision", "recall", "nearest_training")
found = {
    name: judge_pictures(pictures, held_out, training, ruler)[0]
    for name, pictures in damaged.items()
}
draw_figures(found, shown)
print(comparison(found))

# %% [markdown]
# PROSE
#
# How much blur is too much? And would the pixels themselves have been the better ruler?

# %%
sizes = (1, 3, 5, 7, 9)
_, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
for axis, look in zip(axes, (ruler.features, lambda x: x.reshape(len(x), -1)), strict=True):
    pairs = [
        distances.precision_recall(look(blurred(copies, size)), look(held_out)) for size in sizes
    ]
    for number, name in enumerate(("precision", "recall")):
        axis.plot(sizes, [pair[number].mean() for pair in pairs], "o-", label=name)
    axis.set_xlabel("side of the blur, pixels")
axes[0].set_title("on LeNet features", fontsize=10)
axes[1].set_title("on raw pixels", fontsize=10)
axes[0].legend()
plt.tight_layout()
plt.show()

# %% [markdown]
# PROSE
#
# ## The two models, judged
#
# As many samples of each, against the same 500 held-out digits.

# %%
judged = {
    name: judge_pictures(pictures, held_out, training, ruler)[0]
    for name, pictures in (("GAN", from_gan), ("VAE", from_vae))
}
draw_figures(judged, shown)
print(comparison(judged))

# %% [markdown]
# PROSE
#
# ## The likelihood ladder
#
# Likelihood asks another question, and it needs no ruler: how probable does a model find digits that it has not seen? It compares only
# on *the very same* data. Ours are 500 digits of 12x12 pixels, binarized once; let us make sure.

# %%
same = unseen_sequences.first(500)
print("the same pixels:", np.array_equal(to_images(same), unseen))
share = np.mean(sequences.first(sequences.count), axis=0)  # how often each pixel is white
share = np.clip(share, 1e-3, 1 - 1e-3)
small_draws = log_importance_weights(small_vae, unseen, samples=100)
nats = {  # of each of the 500 digits
    "each pixel alone: exact": np.sum(same * np.log(share) + (1 - same) * np.log(1 - share), 1),
    **{f"VAE, 2 latents: k = {k}": importance_weighted_bound(draws, k) for k in (1, 10, 100)},
    "VAE, 2 latents: the grid": integral,
    **{f"VAE, 16 latents: k = {k}": importance_weighted_bound(small_draws, k) for k in (1, 10, 100)},
    "pixel by pixel: exact": pixels.log_likelihood(same),
}
rungs = {name: bootstrap_mean(each) for name, each in nats.items()}
rungs = dict(sorted(rungs.items(), key=lambda item: item[1].value))
plt.figure(figsize=(8, 3.4))
for place, (name, rung) in enumerate(rungs.items()):
    exact = "k =" not in name
    color = "C1" if exact else "C0"
    plt.plot([rung.low, rung.high], [place, place], color=color, alpha=0.4, lw=6)
    plt.plot(rung.value, place, "D" if exact else ">", color=color)
plt.yticks(range(len(rungs)), rungs)
plt.xlabel("log p(x), nats a digit; diamonds are exact, triangles are lower bounds")
plt.tight_layout()
plt.show()
for name, rung in reversed(rungs.items()):
    print(f"{rung.value:8.2f}  ({rung.low:.2f} to {rung.high:.2f})  {name}")

# %% [markdown]
# PROSE: paired

# %%
best = "VAE, 16 latents: k = 100"
for name in ("VAE, 2 latents: the grid", "pixel by pixel: exact", "VAE, 16 latents: k = 10"):
    gap = bootstrap_mean(nats[best] - nats[name])
    share_above = np.mean(nats[best] > nats[name])
    print(f"{best} minus {name}:")
    print(f"  {gap.value:.2f} nats ({gap.low:.2f} to {gap.high:.2f}), above 0 for {share_above:.0%}")

# %% [markdown]
# PROSE
#
# ## Do generated pictures help a classifier?
#
# Many a tutorial promises it. It is a claim about the world, so let us test it. Two LeNets start with the same weights and take the same number
# of steps: one learns from ten real digits of each class, the other from these and from 50 generated ones of each class. The generator is a
# conditional VAE that has seen *the same hundred digits and nothing else*. Each seed changes everything: the digits, the VAE, the weights, the order.
#
# **Before you run the next cell, guess:** by how many points of accuracy will the generated digits help?

# %%
(result,) = augmentation_experiment(
    training,
    train.labels,
    held_out,
    validation.labels,
    vae_maker(steps=setting(400, fast=5)),
    per_class=(10,),
    generated=50,
    seeds=setting(3, fast=2),
    steps=setting(200, fast=5),
)
for without, augmented in zip(result.without, result.augmented, strict=True):
    plt.plot([100 * without, 100 * augmented], "o-")
plt.xticks([0, 1], ["100 real digits", "and 500 generated"])
plt.xlim(-0.3, 1.3)
plt.ylabel("accuracy, %")
plt.gcf().set_size_inches(4, 2.8)
plt.show()
mean, half_width = result.interval
print(f"difference {100 * mean:+.1f} +- {100 * half_width:.1f} points: {result.conclusion}")

# %% [markdown]
# PROSE
#
# ## TensorBoard
#
# The curves of all four trainings. The figures of this chapter go in beside them, as `evaluate` does it with any run: TensorBoard's page of
# hyperparameters shows them as columns.

# %%
for name, rows in (("gan", judged["GAN"]), ("vae", judged["VAE"])):
    write_figures(run / name, {row.name: row.figure.value for row in rows})
write_figures(run / "small_vae", {"iw_bound_100": rungs[best].value})
write_figures(run / "pixels", {"log_likelihood": rungs["pixel by pixel: exact"].value})
show_tensorboard(run)

# %% [markdown]
# ## What to try next
#
# 1. x
