# %% [markdown]
# # Chapter 7: how good is it?
#
# **What you will learn**
# - how images become features, and features become a distance;
# - what precision, recall and class coverage detect, by damaging real digits on purpose;
# - the likelihood ladder: lower bounds of a VAE beside the exact likelihood of a pixel model;
# - how to ask honestly whether generated images help a classifier.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt
from scipy import linalg, ndimage

from genai_keras import losses
from genai_keras.callbacks.images import ImageGrid
from genai_keras.callbacks.pixels import PixelGrid
from genai_keras.data.images import load_images
from genai_keras.data.pixels import as_images, load_pixels, to_images
from genai_keras.evaluation import distances, likelihood
from genai_keras.evaluation.augmentation import augmentation_experiment, vae_maker
from genai_keras.evaluation.bootstrap import bootstrap_mean
from genai_keras.evaluation.features import load_feature_extractor
from genai_keras.evaluation.images import score_images
from genai_keras.evaluation.report import comparison
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
from genai_keras.course.notebook import (
    Progress,
    new_run,
    plot_history,
    setting,
    show_images,
    show_source,
    show_tensorboard,
)
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The digits and their shapes
#
# We measure in two ways, each with its own images. For *distances* we use grey digits of 28 x 28
# pixels. For *likelihoods* we use the same digits at 8 x 8, each pixel drawn black or white: as
# images for a VAE, and as sequences of 64 tokens for a pixel model. Both models are judged on the
# very same drawn images.

# %%
SIDE = 8
train, validation = load_images("mnist5k", value_range=(0, 1))
real = validation.first(setting(500, fast=120))  # (500, 28, 28, 1)
sequences, held_out = load_pixels("mnist5k", batch_size=64, image_size=SIDE)
small = held_out.first(setting(500, fast=120))  # (500, 64)
print("grey digits    ", real.shape, "from", real.min(), "to", real.max())
print("binary pictures", to_images(small).shape, "with the values", np.unique(small))
print("binary sequences", small.shape)
show_images(real[:12], columns=12, value_range=(0, 1))
show_images(to_images(small[:12]), columns=12, value_range=(0, 1))

# %% [markdown]
# ## The network that measures
#
# The feature extractor is a LeNet that comes with the package, a small classifier of digits. Its
# last hidden layer describes each image by 84 numbers. Two images with similar features look like
# the same digit in the same handwriting, even if few of their pixels agree.
#
# A caveat: this LeNet was trained on all training images of MNIST, and `mnist5k` is taken from
# them. So it has seen our "held-out" images. The generative models have not, so a comparison
# between them is fair. But the accuracy of this LeNet here says little about new digits.

# %%
extractor = load_feature_extractor("mnist5k")
features, labels = extractor.look(real)
print("pictures", real.shape, "-> features", features.shape, "and labels", labels.shape)
right = labels == validation.labels[: len(real)]
print(
    f"{extractor.lenet.count_params():,} weights; right on {100 * right.mean():.1f} % of the pictures"
)

# %% [markdown]
# ## Two quantities by hand
#
# **The Frechet distance.** Fit a Gaussian to each of two samples of features. Their distance is
# $$\|m_1 - m_2\|^2 + \mathrm{tr}\bigl(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\bigr).$$
# We start with two samples of real digits, with nothing but NumPy and a matrix square root.

# %%
seen = train.first(len(real))
seen_features = extractor.features(seen).astype("float64")
means = [sample.mean(axis=0) for sample in (features.astype("float64"), seen_features)]
covariances = [np.cov(sample, rowvar=False) for sample in (features, seen_features)]
root = np.real(linalg.sqrtm(covariances[0] @ covariances[1]))  # (84, 84)
of_means = np.sum((means[0] - means[1]) ** 2)
of_covariances = np.trace(covariances[0] + covariances[1] - 2 * root)
print(f"of the means {of_means:.4f} + of the covariances {of_covariances:.4f}")
print(f"by hand     {of_means + of_covariances:.4f}")
print(f"the package {distances.frechet_distance(features, seen_features):.4f}")

# %% [markdown]
# Both samples are real, yet the distance is not 0. **Before you run the next cell, guess:** how
# does it change with fewer images?

# %%
for count in (len(real) // 4, len(real) // 2, len(real)):
    found = distances.frechet_distance(features[:count], seen_features[:count])
    print(f"{count:4} against {count:4} real digits: {found:.3f}")

# %% [markdown]
# The distance between two real samples is the *real-data baseline*. It depends on the number of
# images, because few images give a poor estimate of a covariance of 84 features. A Frechet distance
# without its sample size means nothing.
#
# **One importance weight.** A VAE cannot compute $p(x) = \int p(x\mid z)\,p(z)\,dz$. It can draw
# $z$ from its encoder and weight it: $\log w = \log p(x, z) - \log q(z\mid x)$. The expectation of
# $w$ is $p(x)$. So the logarithm of a mean of $k$ weights is, on average, a lower bound on
# $\log p(x)$. The VAE is still untrained.

# %%
LATENTS = 16
encoder = build_dense_encoder((SIDE, SIDE, 1), LATENTS, (256, 256))
decoder = build_dense_decoder(LATENTS, (SIDE, SIDE, 1), (256, 256))
vae = VAE(encoder, decoder, likelihood="bernoulli", seed=0)
x = to_images(small[:1])  # (1, 8, 8, 1)
mean, log_variance = (np.array(each, "float64") for each in encoder(x))  # (1, 16)
epsilon = np.random.default_rng(0).normal(size=(100, LATENTS))
z = mean + np.exp(log_variance / 2) * epsilon  # (100, 16)
logits = np.array(decoder(z.astype("float32")), "float64")  # (100, 8, 8, 1)
log_likelihood = np.sum(x * logits - np.logaddexp(0, logits), axis=(1, 2, 3))  # log p(x | z)
log_prior = -0.5 * np.sum(np.log(2 * np.pi) + z**2, axis=1)  # log p(z)
log_posterior = -0.5 * np.sum(np.log(2 * np.pi) + log_variance + epsilon**2, axis=1)  # log q(z | x)
log_weights = log_likelihood + log_prior - log_posterior  # (100,)
print(f"log p(x|z) {log_likelihood[0]:.3f} + log p(z) {log_prior[0]:.3f}")
print(f"- log q(z|x) {log_posterior[0]:.3f} = log w {log_weights[0]:.3f}")
print(f"64 pixels by the toss of a coin: {-64 * np.log(2):.3f}")

# %% [markdown]
# These are the bounds with $k = 1, 10, 100$, all from the same hundred weights. For $k = 10$, the
# weights form ten groups, and we average the bounds of the groups.

# %%
for k in (1, 10, 100):
    groups = log_weights.reshape(-1, k)  # (100 / k, k)
    by_hand = np.mean(np.log(np.mean(np.exp(groups), axis=1)))
    package = losses.importance_weighted_bound(tf.constant(groups.T, "float32"))  # (100 / k,)
    print(f"k = {k:3}: by hand {by_hand:.4f}, the package {np.mean(package):.4f}")

# %%
show_source(losses.importance_weighted_bound)

# %% [markdown]
# The bounds never fall as $k$ grows, because the logarithm of a mean is at least the mean of the
# logarithms.
#
# ## A short `fit`
#
# We train three models, none of them for long. The first is the VAE, on binary 8 x 8 images.

# %%
run = new_run("chapter7")
steps = setting(600, fast=10)
vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 5 * steps)))
vae_grid = ImageGrid(run / "vae")
vae_history = vae.fit(
    as_images(sequences).shuffled(),
    epochs=setting(5, fast=1),
    steps_per_epoch=steps,
    validation_data=as_images(held_out).in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "vae" / "tensorboard"),
        vae_grid,
        Progress(vae_grid),
    ],
)
plot_history(vae_history, ["loss"], ["reconstruction"], ["kl"])

# %% [markdown]
# The second is a small Transformer that predicts each pixel from those before it, on the same
# images. Its chain of conditional probabilities gives $\log p(x)$ itself, not a bound.

# %%
pixels = SIDE**2
transformer = TransformerDecoder(2, pixels, width=64, num_layers=2, num_heads=4, start_token=True)
pixel_model = LanguageModel(transformer, {"nats_per_image": pixels})
steps = setting(130, fast=5)
schedule = keras.optimizers.schedules.CosineDecay(
    0.0, 4 * steps, 0.05, warmup_target=3e-3, warmup_steps=steps // 2
)
pixel_model.compile(keras.optimizers.AdamW(schedule, beta_2=0.99, global_clipnorm=1.0))
pixel_grid = PixelGrid(run / "pixels", pixels)
pixel_history = pixel_model.fit(
    sequences.shuffled(),
    epochs=setting(4, fast=1),
    steps_per_epoch=steps,
    validation_data=held_out.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "pixels" / "tensorboard"),
        pixel_grid,
        Progress(pixel_grid),
    ],
)
plot_history(pixel_history, ["nats_per_image"])

# %% [markdown]
# The third is a GAN of dense layers, on grey 28 x 28 images in [-1, 1]. It has no likelihood at
# all, so we can judge only its images.

# %%
batches, _ = load_images("mnist5k", batch_size=64, value_range=(-1, 1))
gan = GAN(
    build_dense_generator(100, (28, 28, 1), (128, 256, 512), normalize=True),
    build_dense_discriminator((28, 28, 1), (256, 128)),
    ema_decay=0.99,
    seed=0,
)
gan.compile(*(keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in range(2)))
gan_grid = ImageGrid(run / "gan")
gan_history = gan.fit(
    batches.shuffled(),
    epochs=setting(6, fast=1),
    steps_per_epoch=setting(100, fast=5),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "gan" / "tensorboard"),
        gan_grid,
        Progress(gan_grid),
    ],
)
plot_history(gan_history, ["generator_loss", "discriminator_loss"], ["d_real", "d_fake"])

# %% [markdown]
# ## Samples
#
# Three kinds of 8 x 8 images, two rows each: held-out ones, those of the VAE, binarized like the
# data, and those of the pixel model. Try to rank the two models by eye.

# %%
probabilities = vae.generate(24, seed=1)  # (24, 8, 8, 1)
coins = np.random.default_rng(1).random(probabilities.shape)
from_vae = (coins < probabilities).astype("float32")
from_pixels = to_images(pixel_model.generate(np.zeros((24, 0), "int32"), pixels, seed=1))
show_images(
    np.concatenate([to_images(small[:24]), from_vae, from_pixels]), columns=12, value_range=(0, 1)
)

# %% [markdown]
# And the GAN, at 28 x 28:

# %%
from_gan = (gan.generate(len(real), seed=1) + 1) / 2  # (500, 28, 28, 1) in [0, 1]
show_images(from_gan[:24], columns=12, value_range=(0, 1))

# %% [markdown]
# ## Damage on purpose
#
# Before we trust what the measures say about the GAN, we look at what they say about images whose
# faults we know. From real *training* digits we make four samples: exact copies, blurred ones,
# noisy ones, and one digit again and again. The fifth sample is the GAN's.
#
# **Before you run the cell, guess** which measure in the table each kind of damage spoils.

# %%
copies = train.first(2 * len(real))[len(real) :]
noise = np.random.default_rng(0).normal(0, 0.4, copies.shape)
samples = {
    "copies": copies,
    "blurred": ndimage.gaussian_filter(copies, sigma=(0, 1.8, 1.8, 0)),
    "noisy": np.clip(copies + noise, 0, 1),
    "one digit": np.repeat(copies[:1], len(copies), axis=0),
    "GAN": from_gan,
}
show_images(
    np.concatenate([each[:12] for each in samples.values()]), columns=12, value_range=(0, 1)
)
training = train.first(train.count)
reports = {name: score_images(each, real, training, extractor)[0] for name, each in samples.items()}
print(len(real), "pictures of each kind against", len(real), "held-out ones\n")
print(comparison(reports))
print("\nreal-data baseline, real against real:")
for row in reports["GAN"]:
    print(f"  {row.name:18}{row.real_data:8.3f}")

# %% [markdown]
# Read the table column by column, and compare each value with its baseline.
# - **Copies** score like real digits in every measure but one: `nearest_training` is 0, where
#   held-out digits have 1.9. A model that memorizes passes all the other tests.
# - **Blurring** costs little precision, 0.89 instead of 0.94: to the LeNet, a blurred digit still
#   lies among the real ones. It costs recall, 0.07 instead of 0.93. Blurred digits are too similar,
#   and they leave most of the variety of real handwriting uncovered.
# - **Noise** costs recall, and all precision: a second network, the detector, no longer recognizes
#   these images as digits (`recognized`), and only recognized ones count. To the LeNet alone,
#   many of them still lie among the real ones.
# - **One digit** has perfect precision. Recall (0), class coverage (about a tenth) and both
#   distances show what is wrong. Do not report precision alone.
# - The **GAN** has the second largest Frechet distance, low precision, and almost no recall, like
#   the blurred digits. Some classes occur too often. After 600 steps, that is no surprise.
#
# No single number tells these faults apart. And `±` is part of the result. The kernel distance of
# the copies is slightly below 0, as an unbiased estimate may be, and 0 lies well within its
# interval.
#
# ## The likelihood ladder
#
# We compare four values on the same held-out binary images: three bounds on the VAE's $\log p(x)$,
# and the exact $\log p(x)$ of the pixel model.

# %%
log_weights = likelihood.log_importance_weights(vae, to_images(small), samples=100)  # (100, 500)
ladder = {
    f"VAE, k = {k}": likelihood.importance_weighted_bound(log_weights, k) for k in (1, 10, 100)
}
ladder["pixel model, exact"] = pixel_model.log_likelihood(small)
figures = {name: bootstrap_mean(nats) for name, nats in ladder.items()}
plt.figure(figsize=(7, 2.6))
for height, (name, figure) in enumerate(figures.items()):
    bound = name.startswith("VAE")
    plt.plot(figure.value, height, ">" if bound else "o", color="C0" if bound else "C1")
    plt.text(figure.value, height + 0.18, f"{figure.value:.2f}", ha="center")
plt.yticks(range(len(figures)), figures)
plt.ylim(-0.5, len(figures) - 0.2)
plt.margins(x=0.2)
plt.xlabel("nats a picture (an arrow: the truth is at least here, on average)")
plt.tight_layout()
plt.show()
for name, figure in figures.items():
    print(f"{name:20}{figure.value:8.2f}   95 %: {figure.low:.2f} to {figure.high:.2f}")

# %% [markdown]
# The intervals are wide because images differ: some digits have more uncertain pixels. But both
# models were given the same images, so we can look at the difference for each image.

# %%
for k in (1, 100):
    gap = bootstrap_mean(ladder["pixel model, exact"] - ladder[f"VAE, k = {k}"])
    print(f"exact - bound of k = {k:3}: {gap.value:+.3f}   95 %: {gap.low:+.3f} to {gap.high:+.3f}")

# %% [markdown]
# What can we conclude? The pixel model's value is exact, and it lies *below* the bounds of the VAE.
# A bound is at most the truth, on average. So this VAE is better on these images than this pixel
# model, by about 0.2 nats or more, and the interval of the difference does not contain 0. If the
# exact value had been *above* the bounds, the bounds alone would have proved nothing: the truth
# about the VAE could still have been higher. From k = 10 to k = 100 the bound gains little. That
# suggests, but does not prove, that not much is missing.
#
# What can we not conclude? That VAEs are better than pixel models. Both were trained only for
# seconds, with one seed, and 8 x 8 pixels drawn at random are largely coin tosses that no model can
# predict. Nor does the ladder say whose images look better. Likelihood answers a different question
# from the measures in the table above, and the GAN has no likelihood.
#
# ## Do generated images help a classifier?
#
# Take 10 real digits of each class. Train a conditional VAE on them, and train a LeNet twice: on
# the real digits alone, and on the real and generated ones together. Everything else is equal.
# Repeat this with other seeds, and look at the differences.

# %%
(experiment,) = augmentation_experiment(
    training,
    train.labels,
    validation.first(validation.count),
    validation.labels,
    vae_maker(steps=setting(300, fast=5)),
    per_class=(10,),
    generated=20,
    seeds=setting(3, fast=2),
    steps=setting(150, fast=5),
)
gain, half_width = (100 * each for each in experiment.interval)
print(f"gain {gain:+.1f} points, 95 % interval +- {half_width:.1f}: {experiment.conclusion}")

# %% [markdown]
# Here the generated images do harm, with each of the three seeds, and the interval lies below 0.
# The VAE learned from the same hundred digits, so it cannot know more about digits than they tell.
# Its images are smooth probabilities, and they make up two thirds of what the second LeNet sees.
# The interval is wide, as it must be with three seeds. A negative result with an interval is still
# a result, for these settings. `python -m genai_keras.augment` uses larger ones: several numbers of
# real images and longer training.
#
# ## TensorBoard
#
# All three runs are in one place: the curves under *Scalars*, the images after each epoch under
# *Images*. (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## What to try next
#
# 1. Add to `samples` a model that leaves out half of the classes:
#    `training[train.labels < 5][:500]`. Which measures notice, and which do not?
# 2. Use half the noise, then a quarter. Down to which level does the Frechet distance notice it,
#    judged by its interval? Can you still see what the measure does not?
# 3. Draw `samples=1000` weights and compute the bounds with k = 100 and k = 1000 from them. How
#    much is left to gain?
# 4. Train the pixel model twice as long. Does the order on the ladder change? What would you have
#    to show to say that one *kind* of model is better?
# 5. Do the exercises in `exercises/chapter7.ipynb`, then run
#    `python -m genai_keras.check chapter7`. The commands `python -m genai_keras.evaluate RUN` and
#    `python -m genai_keras.augment` do all this for whole runs.
