# %% [markdown]
# # Chapter 8: flow matching, noise that follows a velocity
#
# **What you will learn**
# - how straight lines between noise and data teach a network a velocity;
# - why the network learns the *mean* velocity where lines cross, and why that is enough;
# - how samples and exact likelihoods come out of one equation;
# - how many steps a sample needs: Euler's method against Heun's;
# - how guidance makes samples obey their labels, and what it costs.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt
from PIL import Image

from genai_keras import losses
from genai_keras.callbacks.flow import Paths
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.images import load_images
from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.models.flow import Flow
from genai_keras.networks.flow import build_dense_velocity, build_unet_velocity
from genai_keras.sampling.noise import noise_block
from genai_keras.sampling.solvers import euler_step, heun_step
from genai_keras.course.notebook import (
    Progress,
    new_run,
    plot_history,
    setting,
    show_images,
    show_source,
    show_tensorboard,
)
from genai_keras.plots.flow import image_paths, number_paths
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# We begin with the numbers of chapter 1, from a mixture of two Gaussians, because we know everything
# about them. Draw a number $x$ from the data and a number $z$ from $\mathcal N(0, 1)$, and join the
# two by a straight line. At time $t$ between 0 and 1 the point on the line, and its velocity, are
# $$x_t = (1-t)\,z + t\,x, \qquad \frac{dx_t}{dt} = x - z.$$
# At time 0 the point is noise. At time 1 it is data. The velocity stays the same all the way.

# %%
mixture = GaussianMixture()
train, validation = load_mixture(batch_size=512)
batch = next(iter(train.shuffled()))  # (512, 1)
noise = tf.random.normal(batch.shape)  # (512, 1)
t = tf.random.uniform((512,))
point = (1 - t[:, None]) * noise + t[:, None] * batch  # (512, 1)
target = batch - noise  # (512, 1)
print("data", batch.shape, "noise", noise.shape, "times", t.shape)
print("-> points", point.shape, "and their velocities", target.shape)

plt.figure(figsize=(6, 3.6))
plt.plot([0, 1], np.stack([noise[:100, 0], batch[:100, 0]]), linewidth=0.6, color="C0")
plt.xlabel("time")
plt.ylabel("x")
plt.title("100 straight lines from noise to data")
plt.show()

# %% [markdown]
# Nobody paired the noise with the data: each $z$ got its $x$ by chance. So the lines cross. **Before
# you run the next cell, guess:** a point is at $x_t = 0$ at time 0.5. How fast is it moving?

# %%
z = np.random.default_rng(0).normal(size=(200_000, 1))
x = mixture.sample(len(z), seed=3)
here = np.abs(0.5 * z + 0.5 * x) < 0.05
plt.figure(figsize=(6, 3))
plt.hist((x - z)[here], 80, density=True)
plt.axvline(np.mean((x - z)[here]), color="tab:red", label="mean")
plt.xlabel("velocity of the lines that pass close to 0 at time 0.5")
plt.legend()
plt.show()
print(f"{here.sum():,} lines pass here; their mean velocity is {np.mean((x - z)[here]):.2f}")

# %% [markdown]
# There is no one answer. Some lines are on their way up to the right-hand hill, others are on their
# way down to the left-hand one, and hardly any moves at the mean velocity. A network has only one
# output for each place and time. Fitted by squared error, it gives the **mean** of all the
# velocities there. That is the lesson of chapter 1: squared error asks for the conditional mean.
#
# In chapter 1 the conditional mean ruined everything. Here it is just what we want, for a reason
# that is worth a minute of thought. Look at the place 0 at time 0.5 as a gate. How many points pass
# it upwards, and how many downwards, decides how the crowd changes on either side. For that
# difference, only the mean velocity counts. So a crowd that follows the mean velocity has the same
# density at every time as the crowd on the straight lines. It begins as noise, and it ends as data.
#
# For a mixture of Gaussians we can compute the mean velocity. If $x$ comes from the Gaussian $k$,
# then $x_t$ is Gaussian, too, with the mean $t\,m_k$ and the variance
# $v_k = (1-t)^2 + t^2 s_k^2$, and the best guess of the velocity is a straight line in $x_t$:
# $$\mathbb E[x - z\mid x_t, k] = m_k + \frac{t\,s_k^2 - (1-t)}{v_k}\,(x_t - t\,m_k).$$
# Each Gaussian counts by the probability that $x_t$ belongs to it.


# %%
def mean_velocity(x, t):
    """The mean velocity of all lines through x, `(n,)`, at the time t."""
    weights, m, s = (
        np.array(each) for each in (mixture.weights, mixture.means, mixture.deviations)
    )
    variance = (1 - t) ** 2 + (t * s) ** 2  # (2,)
    offset = np.asarray(x, "float64")[:, None] - t * m  # (n, 2)
    density = weights * np.exp(-(offset**2) / (2 * variance)) / np.sqrt(variance)
    belongs = density / density.sum(axis=1, keepdims=True)  # (n, 2)
    return np.sum(belongs * (m + (t * s**2 - (1 - t)) / variance * offset), axis=1)


print(f"the formula at 0, at time 0.5: {mean_velocity([0.0], 0.5)[0]:.2f}")

# %% [markdown]
# ## The network
#
# The network gets a point and a time, and returns a velocity. The time becomes a vector of sines and
# cosines, as positions do in chapter 5, because a network overlooks one number among many.

# %%
show_source(build_dense_velocity)

# %%
network = build_dense_velocity((1,))
print("points", point.shape, "and times", t.shape, "-> velocities", network([point, t]).shape)
print(f"{network.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# The loss is the squared error of the velocity. That is all: no second network, no lower bound, no
# chain of tokens.
#
# **Before you run the next cell, guess:** how small can this loss become?

# %%
flow = Flow(network, ema_decay=0.99, seed=0)
flow.compile(keras.optimizers.Adam(2e-3))


def loss_of(velocity):
    """The mean squared error of a velocity on the batch above."""
    return float(np.mean(losses.squared_error(target, velocity)))


best = np.stack([mean_velocity(p, time)[0] for p, time in zip(point, t, strict=True)])[:, None]
print(f"a velocity of 0       {loss_of(tf.zeros_like(target)):.3f}")
print(f"the untrained network {loss_of(network([point, t])):.3f}")
print(f"the mean velocity     {loss_of(tf.constant(best, tf.float32)):.3f}")

# %% [markdown]
# It cannot fall to 0. Where lines cross, even the best answer is wrong for each of them. What is
# left, about 3 for this batch, is the spread of the velocities around their mean. A flow whose loss
# stops far above 0 may be perfect.
#
# This is a training step of the package. `errors` draws new noise and new times for each batch, so
# the network never sees the same line twice.

# %%
show_source(Flow.train_step, Flow.gradients, Flow.errors)

# %%
before = loss_of(network([point, t]))
flow.train_step(batch)
print(f"loss of the same points {before:.4f} -> {loss_of(network([point, t])):.4f}")

# %% [markdown]
# ## A short `fit`
#
# `fit` repeats that step. After each epoch, a callback draws noise on its way.

# %%
run = new_run("chapter8")
epochs, steps = setting(8, fast=1), setting(train.steps_per_epoch, fast=5)
flow.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps)))
ways = Paths(run / "numbers")
history = flow.fit(
    train.shuffled(),
    epochs=epochs,
    steps_per_epoch=steps,
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "numbers" / "tensorboard"), ways, Progress(ways)],
)
plot_history(history, ["loss"])

# %% [markdown]
# The loss drops in the first epoch, and then there is nothing left to see in it. The curve is rough
# because the times and the noise are new in each epoch. The held-out points are few, so their dashed
# line is rougher still. Do not judge a flow by this curve. We can look at the velocity itself:

# %%
x = np.linspace(-4, 4, 200).astype("float32")
_, axes = plt.subplots(1, 3, figsize=(11, 3), sharey=True)
for axis, time in zip(axes, (0.1, 0.5, 0.9), strict=True):
    axis.plot(x, mean_velocity(x, time), color="black", label="mean of all lines")
    axis.plot(
        x, flow.velocity(tf.constant(x[:, None]), time)[:, 0], "--", color="C1", label="learned"
    )
    axis.set(title=f"time {time}", xlabel="x", ylim=(-8, 8))
axes[0].set_ylabel("velocity")
axes[0].legend()
plt.tight_layout()
plt.show()

# %% [markdown]
# At time 0.1 a point is mostly noise and says little about where it will end. So the velocity leads
# from both sides towards the middle, the mean of the data. At time 0.5 it parts the crowd: left of
# the valley, points go left, and right of it, right. At time 0.9 they only spread out into their
# hills. The learned curve is good where there are points, and poor where hardly any point ever
# comes.
#
# ## Samples
#
# To draw a sample, we start with noise at time 0 and follow the velocity to time 1,
# $\frac{dx}{dt} = v(x, t)$. Nothing else is random.

# %%
paths = flow.path(noise_block(0, 0, 1)[:100], points=41, steps=40)  # (100, 41, 1)
print("100 numbers at 41 times:", paths.shape)
Image.fromarray(number_paths(paths, mixture.density))

# %% [markdown]
# Compare this with the straight lines above. These paths bend, and no two of them cross: at each
# place and time there is only one velocity, so paths that met would be the same path. The order is
# kept. The lowest 60 % of the noise become the left-hand hill, and the rest the right-hand one. Yet
# at every time, the density is that of the straight lines.
#
# ### How likely is a number?
#
# A flow can also run backwards, from a number to the noise that it came from. On the way, points are
# squeezed together or pulled apart, and the divergence of the velocity says by how much. That gives
# the density of the model, without a bound. (For images, the divergence is estimated.)

# %%
x = np.linspace(-6, 6, setting(401, fast=41)).astype("float32")
density = np.exp(flow.log_likelihood(x[:, None]))
bins = np.linspace(-6, 6, 97)
plt.figure(figsize=(6, 3))
plt.hist(np.ravel(flow.generate(20_000, seed=1)), bins, density=True, color="lightgrey")
plt.plot(x, mixture.density(x), color="black", label="true density")
plt.plot(x, density, "--", color="C1", label="density of the flow")
plt.xlabel("x (grey: samples of the flow)")
plt.legend()
plt.show()
held_out = validation.first(setting(2_000, fast=50))
print(f"the flow's density adds up to {np.trapezoid(density, x):.4f}")
print(f"held-out points: the flow  {np.mean(flow.log_likelihood(held_out)):.3f} nats")
print(f"                 the truth {np.mean(np.log(mixture.density(held_out))):.3f} nats")

# %% [markdown]
# The density of the flow adds up to 1, as a density must, and it lies close to the true one. The
# flow has what the GAN of chapter 1 lacked: it can draw samples, and say how likely a number is.
#
# ## Few steps and many: Euler against Heun
#
# A computer follows a velocity in steps. **Euler's method** takes the velocity at the start of a
# step and walks straight on. **Heun's method** looks at the velocity at the end of that walk, too,
# and uses the mean of both. This is all of it:

# %%
show_source(euler_step, heun_step)

# %% [markdown]
# **Guess:** where do the samples go if we take a single Euler step, from time 0 to time 1?

# %%
once = flow.generate(5_000, seed=1, steps=1, solver="euler")
print(f"one Euler step: mean {once.mean():.2f}, standard deviation {once.std():.2f}")

# %% [markdown]
# All of them land near -0.4, the mean of the data. At time 0 the velocity is
# $\mathbb E[x] - z$, since the noise says nothing about the data. One step from $z$ leads to the
# mean: it is the regression of chapter 1 again. What makes a flow generate is that it may change its
# mind on the way.
#
# Now we count. First we follow the true mean velocity, for which the loop below is all that a sampler
# needs. Then we follow the learned one. The error is the mean distance to the end of the same path
# in a thousand steps.


# %%
def walk(step, steps):
    """Where noise ends that follows the true velocity, `(2000,)`."""
    x = np.random.default_rng(0).normal(size=2_000)
    for number in range(steps):
        x = step(mean_velocity, x, number / steps, 1 / steps)
    return x


counts = np.array([1, 2, 4, 8, 16, 32, 64])
many = setting(1_000, fast=100)
ends = walk(heun_step, many), flow.generate(2_000, seed=1, steps=many)
print("steps           ", *(f"{steps:7}" for steps in counts))
_, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for solver, step, velocities in (("euler", euler_step, 1), ("heun", heun_step, 2)):
    true = [np.mean(np.abs(walk(step, n) - ends[0])) for n in counts]
    learned = [
        np.mean(np.abs(flow.generate(2_000, seed=1, steps=n, solver=solver) - ends[1]))
        for n in counts.tolist()
    ]
    for axis, name, errors in zip(axes, ("true", "learned"), (true, learned), strict=True):
        axis.loglog(velocities * counts, errors, "o-", label=solver)
        axis.set(title=f"the {name} velocity", xlabel="number of velocities computed")
        print(f"{solver:6}{name:10}", *(f"{error:7.4f}" for error in errors))
axes[0].set_ylabel("mean error of a sample")
axes[0].legend()
plt.tight_layout()
plt.show()

# %% [markdown]
# On the left, with twice the steps, Euler's error halves and Heun's falls to about a quarter, as the
# theory says. The axis counts velocities, because they are what takes time, and Heun's method
# computes two in each step. With one or two of them, both methods are equally poor. From four on,
# Heun's is better, and soon far better.
#
# On the right, both do the same with the learned velocity. It is not the true one, but it is as
# smooth, and the theory asks for no more. Nobody needs an error below 0.01 here: the learned
# velocity itself is not that exact.
#
# ## The same with digits
#
# Nothing changes but the network and the shapes. The digits have 16 x 16 pixels here, to save time.
# Each comes with its label. A tenth of the labels are hidden in training, so the network learns the
# velocity of each digit *and* the velocity of all digits together.

# %%
SIDE = 16
digits, unseen = load_images("mnist5k", batch_size=64, image_size=SIDE, conditional=True)
images, label = next(iter(digits.shuffled()))
print("images", images.shape, "labels", label.shape)
numbers = digits.first(1_000)
unet = build_unet_velocity(
    (SIDE, SIDE, 1), classes=10, mean=float(numbers.mean()), deviation=float(numbers.std())
)
print(f"the U-Net has {unet.count_params():,} weights")
noise = tf.random.normal(images.shape)
print("its velocity", unet([noise, tf.zeros(len(noise)), label]).shape)

# %% [markdown]
# A **U-Net** makes an image smaller step by step, looks at all of it, and makes it larger again. On
# the way back, each stage also sees what the stage of the same size saw on the way down, so that
# details are not lost. The mean and the standard deviation of the pixels help it to start: it knows
# the best velocity for pixels that have nothing to do with each other, and learns the rest. The code
# is in [`networks/flow.py`](../genai_keras/networks/flow.py).

# %%
painter = Flow(unet, ema_decay=0.99, levels=256, seed=0)
epochs, steps = setting(16, fast=1), setting(digits.steps_per_epoch, fast=2)
rate = keras.optimizers.schedules.CosineDecay(
    0.0, epochs * steps, warmup_target=2e-3, warmup_steps=steps
)
painter.compile(keras.optimizers.Adam(rate))
grid = ImageGrid(run / "digits", count=setting(40, fast=10))
history = painter.fit(
    digits.shuffled(),
    epochs=epochs,
    steps_per_epoch=steps,
    validation_data=unseen.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "digits" / "tensorboard"), grid, Progress(grid)],
)
plot_history(history, ["loss"])

# %% [markdown]
# Each column was asked for one digit. Most samples are the digit that was asked for, drawn with a
# firm pen. Some are broken, and some are another digit: the training was short. Here are eight others
# on their way:

# %%
labels = np.array([0, 2, 3, 4, 5, 6, 7, 9])
start = noise_block(6, 0, painter.latent_dim)[: len(labels)]
path = painter.path(start, labels, points=9, steps=16)  # (8, 9, 16, 16, 1)
Image.fromarray(image_paths(path))

# %% [markdown]
# Up to about time 0.3 you see nothing but noise. Then a digit shows through it, and at 0.6 most of
# them can be read. What does the network see before we do? If a point kept its velocity to the end,
# it would arrive at $x_t + (1-t)\,v(x_t, t)$. That is the network's guess of the digit, the mean of
# all the digits that are still possible:

# %%
shown = labels[:4]
one_hot = tf.one_hot(shown, 10)
guesses = []
for time, x in zip(np.linspace(0, 1, 9), np.moveaxis(path[:4], 1, 0), strict=True):
    velocity = painter.velocity(tf.constant(x), tf.constant(time, tf.float32), one_hot)
    guesses.append(x + (1 - time) * velocity.numpy())
show_images(np.stack(guesses, axis=1).reshape(-1, SIDE, SIDE, 1), columns=9)

# %% [markdown]
# The first guess is nearly the mean of all digits with that label: one Euler step again. As time
# passes, it becomes one digit, with its own slant and its own strokes.
#
# The rows below begin with the same noise. They follow it with Heun's method in 1, 2, 3, 5 and 20
# steps.

# %%
rows = [painter.generate(10, seed=2, steps=steps) for steps in (1, 2, 3, 5, setting(20, fast=6))]
show_images(np.concatenate(rows), columns=10)

# %% [markdown]
# One step gives a blur with noise on it. After two or three steps, most digits can be read. From five
# to twenty, little changes: the shapes stay, and only some strokes move.
#
# ### Guidance
#
# The network knows two velocities: that of the digit we ask for, $v(x, t\mid c)$, and that of all
# digits together, $v(x, t)$. Their difference points to what makes this digit different from others.
# Guidance goes further in that direction, with a weight $w$:
# $$v(x, t) + w\,\bigl(v(x, t\mid c) - v(x, t)\bigr).$$
# With $w = 0$ the label does not count. With $w = 1$ we get the model as it was trained. The rows
# have the same noise and the weights 0, 1, 2 and 4.

# %%
weights = (0.0, 1.0, 2.0, 4.0)
guided = {w: painter.generate(setting(200, fast=20), seed=2, guidance=w) for w in weights}
show_images(np.concatenate([each[:10] for each in guided.values()]), columns=10)

# %%
real, classes = unseen.first(unseen.count), unseen.labels[: unseen.count]


def spread(images, classes):
    """The standard deviation of a pixel among the images of one class, in the mean."""
    return np.mean([images[classes == digit].std(axis=0) for digit in range(10)])


for w, made in guided.items():
    print(f"guidance {w:.0f}: spread {spread(made, np.arange(len(made)) % 10):.3f}")
print(f"held-out digits: {spread(real, classes):.3f}")

# %% [markdown]
# With a weight of 0, the columns mean nothing. With 2, nearly every digit is the one that was asked
# for, and is well drawn. The price is in the numbers: the larger the weight, the more the digits of
# one class look alike. Guided samples are typical rather than diverse. They are no longer samples of
# the distribution that was learned, so do not compare their likelihoods.
#
# ## TensorBoard
#
# The curves of both runs are under *Scalars*, and the paths and digits of all epochs under *Images*.
# (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_flow` has a training doctor that watches for some of these problems.
#
# **The loss stands still.** It does so in every flow, soon after the start, because the lines cross.
# Look at the samples instead. Only compare losses of runs with the same data and the same scale of
# pixels.
#
# **Samples with grain.** Noise that is still there at the end means that the velocity is poor near
# time 1, where details are decided. Train longer, or use more `--steps`. Because the loss of each
# batch is so random, samples come from weights that are averaged over training: see `--ema`.
#
# **Blurred samples** come from too few steps, or from a network that does not know the time. Look at
# [the bug museum](bugs/deaf_to_time.ipynb) before you blame the data.
#
# **Digits that do not obey.** Use more guidance, or train longer. If nothing helps, see whether the
# label reaches the network at all.
#
# **Overfitting.** Validation loss rises while training loss falls. On a few thousand images, a large
# U-Net gets there in time. Stop earlier, or use smaller `--widths`.
#
# ## What to try next
#
# 1. Pair noise and data on purpose: sort the 512 numbers of a batch and the 512 of its noise, and
#    join the smallest to the smallest. Draw the lines. How small can the loss become now, and how
#    many steps does a sample need?
# 2. Draw `flow.generate(2_000, seed=1, steps=4)` and the same with `solver="euler", steps=8`: both
#    compute eight velocities. Which comes closer to the density?
# 3. Ask `painter` for a guidance of 10. What happens to the strokes, and why?
# 4. Is a digit likely? Compute `painter.log_likelihood` of a few held-out digits, of the same digits
#    upside down, and of an image that is all black. Which is the likeliest, and do you trust it?
# 5. Do the exercises in `exercises/chapter8.ipynb`, then run
#    `python -m genai_keras.check chapter8`.
# 6. Do all this from the command line, with larger digits:
#    `python -m genai_keras.train_flow --conditional --guidance 2`.
