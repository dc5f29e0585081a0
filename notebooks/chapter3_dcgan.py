# %% [markdown]
# # Chapter 3: DCGAN, or what convolutions add
#
# **What you will learn**
# - how a transposed convolution doubles the side of a small map, 7 -> 14 -> 28;
# - why its kernel size should be a multiple of its stride;
# - what batch normalization, LeakyReLU and `tanh` are for in a GAN;
# - what the averaged generator is, and what it is good for;
# - how to walk through the noise, and why to stay on a sphere.
#
# The game itself, with its two losses, is that of chapter 2.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras import losses
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.images import load_images
from genai_keras.evaluation.distances import frechet_distance
from genai_keras.evaluation.features import load_feature_extractor
from genai_keras.models.averaging import average_towards
from genai_keras.models.gan import GAN
from genai_keras.networks.dcgan import build_dcgan_discriminator, build_dcgan_generator
from genai_keras.course.notebook import (
    Progress,
    explore,
    new_run,
    plot_history,
    setting,
    show_images,
    show_source,
    show_tensorboard,
)
from genai_keras.plots.images import image_grid
from genai_keras.sampling.noise import interpolation
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# The digits are those of chapter 2, 4,500 of them for training. Black is -1 and white is 1.

# %%
train, validation = load_images("mnist5k", batch_size=64)
batch = next(iter(train.shuffled()))  # (64, 28, 28, 1)
noise = tf.random.normal((64, 64))
print("one batch:", batch.shape, f"from {np.min(batch):.0f} to {np.max(batch):.0f}")
print("noise for it:", noise.shape)
print(f"mean pixel {np.mean(batch):.2f}: most of a picture is black")
show_images(batch[:16], columns=8)

# %% [markdown]
# ## The network
#
# ### Transposed convolution
#
# A convolution of stride 2 halves an image: each output looks at a patch of the input. A transposed
# convolution goes the other way. Each input *stamps* its kernel, multiplied by its value, onto the
# output. Neighbouring stamps are two pixels apart, and where they overlap, they add up. Here is a
# single 1 among zeros:

# %%
dot = np.zeros((1, 5, 5, 1), "float32")
dot[0, 2, 2, 0] = 1.0
doubling = keras.layers.Conv2DTranspose(
    1, 4, strides=2, padding="same", kernel_initializer=keras.initializers.RandomUniform(0.2, 1)
)
stamp = doubling(dot)  # (1, 10, 10, 1)
_, axes = plt.subplots(1, 2, figsize=(5, 2.5))
for axis, (name, picture) in zip(
    axes, {"input 5x5": dot, "output 10x10": stamp}.items(), strict=True
):
    axis.imshow(picture[0, :, :, 0], vmin=0, vmax=1, cmap="gray")
    axis.set_title(name)
    axis.axis("off")
plt.show()

# %% [markdown]
# **Guess:** all inputs are 1, and so are all weights of the kernel. Each output then counts how
# many stamps it received. Is that number the same everywhere, with a kernel size of 4? With 5?

# %%
_, axes = plt.subplots(1, 2, figsize=(5, 2.7))
for axis, size in zip(axes, (4, 5), strict=True):
    count_stamps = keras.layers.Conv2DTranspose(
        1, size, strides=2, padding="same", kernel_initializer="ones"
    )
    counts = count_stamps(np.ones((1, 7, 7, 1)))[0, :, :, 0]  # (14, 14)
    axis.imshow(counts, vmin=0, vmax=9, cmap="gray")
    axis.set_title(f"kernel {size}x{size}")
    axis.axis("off")
    print(f"kernel {size}: in the middle {sorted({int(n) for n in np.ravel(counts[4:10, 4:10])})}")
plt.show()

# %% [markdown]
# With 4, a multiple of the stride, every output except those at the border gets 4 stamps. With 5,
# there is a checkerboard before anything is learned, and the network has to learn to undo it. So
# the generator's kernels here are 4x4.
#
# ### The generator, layer by layer
#
# A dense layer makes a small map with many channels: at each of 7x7 places, a few numbers say what
# to draw there. Two transposed convolutions each double its side. The widths are half the default,
# to keep the chapter short.

# %%
generator = build_dcgan_generator(latent_dim=64, image_shape=(28, 28, 1), widths=(32, 16))
for layer in generator.layers:
    shape = " x ".join(map(str, layer.output.shape[1:]))
    print(f"{type(layer).__name__:20} -> {shape:14} {layer.count_params():7,} weights")
print(f"{generator.count_params():,} weights in all; the dense one of chapter 2 had 1,491,728")

# %% [markdown]
# Nearly all weights are in the dense layer. A convolution uses the same kernel everywhere, so it
# needs few weights. If it learns to draw a stroke in one place, it can draw that stroke in all
# others.
#
# The discriminator goes the other way. Convolutions of stride 2 lead from 28 to 14 to 7, and then
# comes one logit:

# %%
discriminator = build_dcgan_discriminator((28, 28, 1), widths=(16, 32), dense_units=0)
for layer in discriminator.layers:
    shape = " x ".join(map(str, layer.output.shape[1:]))
    print(f"{type(layer).__name__:20} -> {shape:14} {layer.count_params():7,} weights")

# %%
show_source(build_dcgan_discriminator)

# %% [markdown]
# ### Three rules of the paper
#
# **Batch normalization** shifts and scales each channel to mean 0 and standard deviation 1 over the
# batch, and then scales and shifts it by two learned numbers. The initial weights are small, drawn
# from $\mathcal N(0, 0.02^2)$. Without batch normalization, the signal would fade from layer to
# layer. (A generator in use, after training, takes running averages of mean and deviation, so that
# an image does not depend on the others in its batch.)
#
# **LeakyReLU** in the discriminator, $\max(l, 0.2\,l)$: the generator learns only from the gradient
# that comes back through the discriminator, and where a ReLU is 0, no gradient comes back.
#
# **tanh** at the generator's output, because the data are in [-1, 1]. The output layer has no
# normalization and no other activation.
#
# Here are the first two in numbers:

# %%
normalize = next(
    each for each in generator.layers if isinstance(each, keras.layers.BatchNormalization)
)
before = keras.Model(generator.inputs, normalize.input)(noise)  # (64, 7, 7, 32)
after = normalize(before, training=True)
for name, value in (("before", before), ("after", after)):
    channels = np.reshape(value, (-1, value.shape[-1]))  # (64 * 7 * 7, 32)
    print(
        f"{name:6} normalization: standard deviation of a channel {channels.std(axis=0).mean():.3f}"
    )

for activation in (tf.nn.relu, tf.nn.leaky_relu):
    place = tf.constant([-3.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(place)
        value = activation(place)
    print(f"{activation.__name__:10} slope at -3 and 3: {tape.gradient(value, place).numpy()}")

# %% [markdown]
# ## One training step by hand
#
# **Guess first:** with initial weights this small, how close to $2\log 2 = 1.386$ and
# $\log 2 = 0.693$ will the losses be? In chapter 2 they were 1.50 and 0.74.

# %%
fake = generator(noise, training=True)  # (64, 28, 28, 1)
real_logits = discriminator(batch, training=True)  # (64, 1)
fake_logits = discriminator(fake, training=True)  # (64, 1)
print(f"logits of real between {np.min(real_logits):.3f} and {np.max(real_logits):.3f}")
print(f"pixels of the generated between {np.min(fake):.3f} and {np.max(fake):.3f}")
print(f"discriminator loss {losses.discriminator_loss(real_logits, fake_logits):.4f}")
print(f"generator loss     {losses.non_saturating_generator_loss(fake_logits):.4f}")

# %% [markdown]
# About three times closer. They are not closer still because the discriminator's last layer sums
# 1,568 numbers that batch normalization has scaled to about 1.
#
# Three steps of the model, all on the same digits:

# %%
gan = GAN(generator, discriminator, seed=0)
gan.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5))
for step in range(1, 4):
    gan.reset_metrics()
    values = {name: round(float(value), 3) for name, value in gan.train_step(batch).items()}
    print(step, values)

# %% [markdown]
# The first step shows what we computed, but with other noise. By the third, `d_real` is far above
# `d_fake`: the discriminator can tell the two apart. It still says "real" of everything, only more
# surely of digits. It learns gradually where to draw the line.
#
# ### The averaged generator
#
# Each step pulls the generator towards what deceives the discriminator *now*, and the next step may
# pull it back. The average of its weights over the last steps is calmer. The model keeps such an
# average, and `generate` uses it. The averaged generator gets no gradients of its own, and the
# discriminator does not learn from it.

# %%
show_source(average_towards)

# %% [markdown]
# This is an *exponential* moving average: each step keeps a fraction `decay` of the old average.
# With 0.999, it remembers about a thousand steps. That is too long when training starts from random
# weights, so the decay rises slowly. **Guess:** what is it in step 1, and after how many steps is
# it 0.99?

# %%
steps = np.array([1, 3, 10, 100, 890, 2800, 10_000])
for step, decay in zip(steps, np.minimum(0.999, (1 + steps) / (10 + steps)), strict=True):
    print(f"step {step:6,}: decay {decay:.4f}, a memory of about {1 / (1 - decay):5.0f} steps")

# %% [markdown]
# ## A short `fit`

# %%
run = new_run("chapter3")
grid = ImageGrid(run)
history = gan.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "tensorboard"), grid, Progress(grid)],
)
plot_history(history, ["generator_loss", "discriminator_loss"], ["d_real", "d_fake"])

# %% [markdown]
# As in chapter 2, the curves soon change only slowly. That does not mean that nothing is learned,
# as you will see below. The discriminator stays further ahead than in chapter 2, at about 0.7 for
# real images and 0.3 for generated ones.
#
# ## Samples
#
# The callback drew images from the same noise before training and after each epoch. Each row is an
# epoch, each column one noise vector:

# %%
files = grid.shown()
epochs = [epoch for epoch in (0, 1, 2, 4, 8, 16, 40) if epoch < len(files)]
_, axes = plt.subplots(len(epochs), 1, figsize=(8, 1.05 * len(epochs)))
for axis, epoch in zip(axes, epochs, strict=True):
    picture = plt.imread(files[epoch])
    axis.imshow(picture[: len(picture) // 8])  # the first of eight rows
    axis.set_ylabel(epoch, rotation=0, labelpad=14)
    axis.set(xticks=[], yticks=[])
plt.tight_layout()
plt.show()

# %% [markdown]
# First there is flat grey, then strokes, then strokes that belong together. In epochs 1 and 2 you
# can see the stamps, dot by dot. Kernels of 4x4 overlap evenly, but their contents are not smooth
# before they have been learned.
#
# Sixty digits that nobody wrote:

# %%
show_images(gan.generate(60, seed=1), columns=12)

# %% [markdown]
# Unlike in chapter 2, the strokes are sharp and the black is black, and this generator has a
# fourteenth of the weights. Most digits are readable. Some are blots, or half of one digit and half
# of another. A network this small gets no further in a training this short; `make gan` has twice
# the widths, and a discriminator with a layer that sees the whole digit.
#
# ### What the average is good for
#
# We train for 24 more steps, and after each we look at what both generators make from the same
# noise. How far is it from what they made after the first of these steps?

# %%
some = tf.random.stateless_normal((24, 64), seed=(2, 0))
generators = {"learning": generator, "averaged": gan.averaged_generator}
frames = {name: [] for name in generators}
for batch in train.shuffled().take(setting(24, fast=4)):
    gan.train_step(batch)
    for name, each in generators.items():
        frames[name].append(each(some).numpy())  # (24, 28, 28, 1)
plt.figure(figsize=(5, 3))
for name, made in frames.items():
    made = np.array(made)  # (steps, 24, 28, 28, 1)
    plt.plot(np.abs(made - made[0]).mean(axis=(1, 2, 3, 4)), label=name)
    print(f"{name}: a pixel changes by {np.abs(np.diff(made, axis=0)).mean():.4f} a step")
plt.xlabel("further steps")
plt.ylabel("mean change of a pixel")
plt.legend()
plt.show()

# %% [markdown]
# The learning generator never stands still, and what you get from it depends on the step at which
# you stop. The averaged one hardly moves. Is it also better? Chapter 7 has a distance between
# generated and real digits; smaller is better:

# %%
extractor = load_feature_extractor("mnist5k")
count = setting(2_000, fast=200)
# (count, 84), of pictures in [0, 1]
real_features = extractor.features((train.first(count) + 1) / 2)
many = tf.random.stateless_normal((count, 64), seed=(3, 0))
for name, each in generators.items():
    features = extractor.features((each.predict(many, verbose=0) + 1) / 2)
    print(f"{name}: Frechet distance {frechet_distance(features, real_features):.2f}")

# %% [markdown]
# The two are about equally close to the real digits: in one of our runs the averaged generator was
# slightly closer, in another the learning one. What the average does give is calm. After 2,800
# steps both generators still improve, and an average over a few hundred steps lags behind a little.
# Measure again after a long training.
#
# ### How a digit emerges
#
# One noise vector on its way through the trained generator: the 32 channels of 7x7, the 16 of
# 14x14, and the image. A channel is white where it is strongly active.

# %%
trained = gan.averaged_generator
inside = [layer.output for layer in trained.layers if isinstance(layer, keras.layers.ReLU)]
small, middle, picture = keras.Model(trained.inputs, [*inside, trained.output])(some[5:6])
stages = {"7x7, 32 channels": small, "14x14, 16 channels": middle, "28x28": picture}
_, axes = plt.subplots(1, 3, figsize=(10, 3.2))
for axis, (title, maps) in zip(axes, stages.items(), strict=True):
    channels = np.moveaxis(maps, -1, 0).reshape(maps.shape[-1], *maps.shape[1:3], 1)
    black = -1.0 if maps is picture else 0.0
    axis.imshow(image_grid(channels / np.max(channels), value_range=(black, 1)))
    axis.set_title(title)
    axis.axis("off")
plt.tight_layout()
plt.show()

# %% [markdown]
# ### A walk
#
# Between any two noise vectors there are others. Do they make digits, too? First, where does noise
# lie at all? **Guess** the length of a vector of 64 numbers from $\mathcal N(0, 1)$.

# %%
lengths = np.linalg.norm(noise, axis=1)
print(f"lengths between {lengths.min():.1f} and {lengths.max():.1f}, root of 64 = 8")
first, last = some.numpy()[3], some.numpy()[4]
for method in ("linear", "spherical"):
    path = interpolation(first, last, 12, method).astype("float32")
    print(f"{method:9}", np.linalg.norm(path, axis=1).round(1))
    show_images(gan.decode(path), columns=12)

# %% [markdown]
# All noise lies near a sphere of radius 8. The straight path leaves it in the middle, where the
# generator has hardly ever been asked for an image. The spherical path stays on it. Here are five
# more walks of the spherical kind:

# %%
show_images(np.concatenate(list(gan.walks(5, points=12, seed=3))), columns=12)

# %% [markdown]
# Three noise vectors span a piece of the sphere, and two angles give a position on it. (The strips
# are for pages on which sliders do not work. The sliders are below them.)


# %%
def digit_at(longitude, latitude):
    east, north, up = np.array(some[5:8])
    around = np.cos(longitude) * east + np.sin(longitude) * north
    direction = np.cos(latitude) * around + np.sin(latitude) * up
    return image_grid(gan.decode(direction[None].astype("float32")), least_side=196)


explore(digit_at, longitude=(0.0, 6.2), latitude=(-1.5, 1.5))

# %% [markdown]
# ## TensorBoard
#
# The curves are under *Scalars*. The 64 images of each epoch are under *Images*, with a slider.
# (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run / "tensorboard")

# %% [markdown]
# ## What to try next
#
# 1. Give `build_dcgan_generator` the argument `kernel_size=5`. Do you find the checkerboard in the
#    images of the first epochs? Is it still there at the end?
# 2. `GAN(..., ema_decay=0.9999)` instead of 0.999 changes nothing at all here. Why? (The table of
#    decays has the answer.) And `ema_decay=0.0`?
# 3. Learn from less: `limit=500` and, in `fit`, `validation_data=validation.in_order()`. What does
#    it say about the discriminator when `d_real` is far above `val_d_real`? What do the samples
#    look like?
# 4. Leave out LeakyReLU's slope or the batch normalization: copy a builder from the package, change
#    it, and pass the result to `GAN`. Which of the rules can you do without?
# 5. Leave out `dense_units=0`. The discriminator then has a dense layer after its convolutions, which
#    is the default of the package. Without it, the logit is a sum over places, and no place sees the
#    whole digit. What happens to the samples that are half of one digit and half of another?
# 6. Do the exercises in `exercises/chapter3.ipynb`, then run
#    `python -m genai_keras.check chapter3`.
# 7. Do all this from the command line: `python -m genai_keras.train_gan`, or `make gan`, with twice
#    the widths, a dense layer and 50 epochs. For the settings of this chapter, run
#    `python -m genai_keras.train_gan --epochs 40 --learning-rate 2e-3 --generator-widths 32 16 --discriminator-widths 16 32 --dense-units 0 --instance-noise 0`.
