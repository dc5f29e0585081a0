# %% [markdown]
# # Chapter 6: a decoder that writes: text, then pixels
#
# **What you will learn**
# - $p(x) = \prod_i p(x_i\mid x_1\dots x_{i-1})$: a model that predicts the next token is a model of
#   whole texts;
# - what the first loss must be, before any training, and what bits per character mean;
# - how to choose the next token: temperature, top-k and top-p;
# - how the same network draws digits, pixel by pixel, and knows the exact probability of each.

# %%
import itertools
import math

import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.callbacks.pixels import PixelGrid
from genai_keras.callbacks.text import TextSample
from genai_keras.data.pixels import load_pixels, to_images
from genai_keras.data.text import load_text
from genai_keras.models.language_model import LanguageModel
from genai_keras.networks.transformer import TransformerDecoder
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
from genai_keras.plots.pixels import completion_grid
from genai_keras.sampling import samplers
from genai_keras.sampling.continuation import complete
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# The text is Python's own manual, the part that `help()` shows; every Python includes it. Each
# character is a token. An element of a batch has one token more than the model's context. The model
# reads the first 64 and predicts the last 64, each from those before it.

# %%
text = load_text("python-docs", context_length=64, batch_size=24)
tokenizer = text.tokenizer
batch = next(iter(text.train.shuffled()))
inputs, targets = batch[:, :-1], batch[:, 1:]
print("one batch:", batch.shape, "of", tokenizer.vocabulary_size, "different tokens")
print("read:   ", repr(tokenizer.decode(inputs[0].numpy())))
print("predict:", repr(tokenizer.decode(targets[0].numpy())))

# %% [markdown]
# ## The network
#
# The network is a decoder: the blocks of chapter 5 with the causal mask, and at the end a logit for
# each possible next token. One pass gives all 64 predictions for a text.

# %%
decoder = TransformerDecoder(
    tokenizer.vocabulary_size, context_length=64, width=64, num_layers=2, num_heads=4
)
model = LanguageModel(decoder, {"bits_per_character": text.tokens_per_character / math.log(2)})
logits = decoder(inputs)
print("tokens", inputs.shape, "-> logits", logits.shape, f"{decoder.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# **Before you run the next cell, guess:** the model is untrained, so it finds all tokens about
# equally likely. There are V of them. What is $-\log p$ of the right one, on average?

# %%
highest = np.max(logits, axis=-1, keepdims=True)  # subtracted so that exp cannot overflow
log_sum = highest + np.log(np.sum(np.exp(logits - highest), axis=-1, keepdims=True))
log_p = logits - log_sum  # (batch, 64, vocabulary): a log-softmax
nats = -np.take_along_axis(np.array(log_p), targets.numpy()[..., None], axis=-1)  # (batch, 64, 1)
print(f"the model's own: {float(model.terms(batch)['loss']):.3f} nats")
print(f"first loss {np.mean(nats):.3f} nats; log V = {math.log(tokenizer.vocabulary_size):.3f}")
print(f"that is {np.mean(nats) / math.log(2):.2f} bits a character")

# %% [markdown]
# A first loss far from log V points to a bug: targets that are not shifted, a softmax applied
# twice, or weights that are far too large. Now the step itself. (`accumulated` calls `gradients`
# with the batch, or with parts of it if it does not fit into memory.)

# %%
show_source(LanguageModel.train_step, LanguageModel.gradients)

# %%
steps = setting(600, fast=20)
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps, alpha=0.05, warmup_target=5e-3, warmup_steps=steps // 10
)
model.compile(keras.optimizers.AdamW(rate, beta_2=0.99, global_clipnorm=1.0))
for _ in range(5):
    model.train_step(batch)
model.reset_metrics()
print(f"the same batch after five steps: {float(model.test_step(batch)['loss']):.3f} nats")
untrained = tokenizer.decode(model.generate(tokenizer.encode("The "), 120, seed=0)[0])

# %% [markdown]
# ## A short `fit`
#
# 600 steps, each with new pieces of text. Validation uses the last tenth of the manual. After each
# epoch the model writes with the same random numbers, so what changes is what it has learned.

# %%
run = new_run("chapter6")
sample = TextSample(run / "text", tokenizer, "The ", 200, temperature=0.7)
history = model.fit(
    text.train.shuffled(),
    epochs=6,
    steps_per_epoch=max(steps // 6, 1),
    validation_data=text.validation.in_order().take(10),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "text" / "tensorboard"), sample, Progress(sample)],
)
plot_history(history, ["loss"], ["bits_per_character"], ["token_accuracy"])

# %% [markdown]
# ## Samples
#
# Before and after training. The model draws each character from the distribution that it predicts,
# appends it, and continues.

# %%
print("before:", untrained)
prompt = tokenizer.encode("The ")
for seed in range(3):
    written = model.generate(prompt, 200, temperature=0.7, seed=seed)[0]
    print(f"\nafter, seed {seed}:", tokenizer.decode(written))

# %% [markdown]
# The text has words and something like the layout of the manual, but it makes no sense. That takes
# more weights, more steps and a longer context than a minute allows.
#
# ### Choosing the next token
#
# The plots show the twelve most likely next characters after one beginning. **Temperature** divides
# the logits: below 1 it sharpens the distribution, above 1 it flattens it. **top-k** keeps the k
# most likely tokens. **top-p** keeps the smallest set of most likely tokens whose probabilities
# together reach p: few where the model is sure, many where it is not.

# %%
beginning = "The function is c"
next_logits = decoder(tokenizer.encode(beginning)[None])[:, -1]  # (1, vocabulary)
likeliest = np.argsort(-next_logits[0])[:12]
names = [tokenizer.name(token) for token in likeliest]
choices = {
    "as predicted": next_logits,
    "temperature 0.5": samplers.temper(next_logits, 0.5),
    "temperature 2": samplers.temper(next_logits, 2.0),
    "top-k, k = 3": samplers.keep_top_k(next_logits, 3),
    "top-p, p = 0.9": samplers.keep_top_p(next_logits, 0.9),
}
_, axes = plt.subplots(1, len(choices), figsize=(13, 2.3), sharey=True)
for axis, (name, chosen) in zip(axes, choices.items(), strict=True):
    axis.bar(names, np.array(tf.nn.softmax(chosen))[0][likeliest])
    axis.set_title(name, fontsize=10)
plt.show()

# %% [markdown]
# The slider sets the temperature. (The strip is for pages on which sliders do not work.)


# %%
def at_temperature(temperature):
    p = np.array(tf.nn.softmax(samplers.temper(next_logits, temperature)))[0][likeliest]
    picture = np.full((60, 12 * 10, 3), 255, "uint8")
    for place, height in enumerate(np.round(60 * p).astype(int)):
        picture[60 - height :, place * 10 + 1 : place * 10 + 9] = (31, 119, 180)
    return picture.repeat(3, axis=0).repeat(3, axis=1)


explore(at_temperature, temperature=(0.1, 3.0))

# %%
for temperature in (0.2, 1.0, 2.0):
    written = model.generate(prompt, 70, temperature=temperature, seed=1)[0]
    print(f"temperature {temperature}: {tokenizer.decode(written)!r}")

# %% [markdown]
# ## Pixels are tokens, too
#
# A black-and-white digit of 14 x 14 pixels, read row by row, is a sequence of 196 tokens, each 0
# or 1. The same kind of network learns to write it. (A start token stands before the first pixel,
# so that the first pixel is predicted as well.)

# %%
side = 14
train, validation = load_pixels("mnist5k", batch_size=32, image_size=side)
sequences = next(iter(train.shuffled()))
print(sequences.shape)
show_images(to_images(sequences[:16]), columns=16, value_range=(0, 1))

# %%
painter = LanguageModel(
    TransformerDecoder(2, side**2, width=48, num_layers=2, num_heads=4, start_token=True),
    {"nats_per_image": side**2},
)
steps = setting(320, fast=10)
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps, alpha=0.05, warmup_target=5e-3, warmup_steps=steps // 10
)
painter.compile(keras.optimizers.AdamW(rate, beta_2=0.99, global_clipnorm=1.0))
nats = -painter.log_likelihood(validation.first(20))
print(f"untrained: {nats.mean():.1f} nats a digit; 196 log 2 = {196 * math.log(2):.1f}")
grid = PixelGrid(run / "pixels", side**2, count=16)
history = painter.fit(
    train.shuffled(),
    epochs=4,
    steps_per_epoch=max(steps // 4, 1),
    validation_data=validation.in_order().take(4),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "pixels" / "tensorboard"),
        grid,
        Progress(grid),
    ],
)
plot_history(history, ["nats_per_image"], ["token_accuracy"])

# %% [markdown]
# The untrained model is not exactly at 196 log 2. With only two tokens, its random weights lean
# towards one of them, and most pixels are black.
#
# The model gives each image a probability, the product of 196 factors. Each factor is a
# distribution that sums to 1, so the probabilities of all $2^{196}$ images sum to 1 as well. So
# $\log p(x)$ is known exactly. For a VAE, there are only bounds on it (chapter 7 puts the two side
# by side). A GAN does not even give bounds.
#
# Is this true? $2^{196}$ images are too many to add up, but there are only 512 images of 3 x 3
# pixels. The sum must be 1 for any decoder, even an untrained one:

# %%
tiny = LanguageModel(TransformerDecoder(2, 9, width=8, num_layers=1, num_heads=2, start_token=True))
every_picture = np.array(list(itertools.product((0, 1), repeat=9)), "int32")  # (512, 9)
print("the probabilities of all sum to", np.exp(tiny.log_likelihood(every_picture)).sum().round(6))

# %% [markdown]
# What is a good value? The model to beat knows only how often each pixel is white, and draws all
# pixels independently.

# %%
held_out = validation.first(setting(500, fast=20))
log_p = painter.log_likelihood(held_out)
print(
    f"log p(x) = {log_p.mean():.1f} nats a digit, exactly, of {len(log_p)} that it has never seen"
)
seen = train.first(train.count)
white = (seen.sum(axis=0) + 1) / (len(seen) + 2)  # (196,), never 0 or 1
alone = (held_out * np.log(white) + (1 - held_out) * np.log(1 - white)).sum(axis=1)
print(f"each pixel by its own frequency: {alone.mean():.1f} nats")
order = np.argsort(log_p)
print("the eight least and the eight most likely of them:")
show_images(to_images(held_out[[*order[:8], *order[-8:]]]), columns=8, value_range=(0, 1))

# %% [markdown]
# First samples, then completions: a digit, its upper half, and three continuations by the model.

# %%
show_images(
    to_images(painter.generate(np.zeros((32, 0), "int32"), side**2, seed=0)), 16, value_range=(0, 1)
)

# %%
some = held_out[:10]
plt.figure(figsize=(8, 4.2))
plt.imshow(completion_grid(some, complete(painter, some, 3, seed=0)))
plt.axis("off")
plt.show()

# %% [markdown]
# ## TensorBoard
#
# Both trainings are side by side. Choose between `text` and `pixels` on the left.

# %%
show_tensorboard(run)

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_lm` has a training doctor that watches for these problems.
#
# **A first loss far from log V.** A model that has learned nothing should find all V tokens about
# equally likely. A much larger loss means that the model is sure of something and wrong: its
# initial weights are too large. A much smaller loss means that it already knows something: usually,
# it sees what it should predict.
#
# **Overfitting.** The validation loss rises while the training loss falls: the model memorizes the
# text. Stop where validation was best, use more text or a smaller network, or use `--dropout`.
#
# ## What to try next
#
# 1. In your head, train the text model for one step with `targets = inputs`: what would the loss
#    fall to, and what would the model write? (Why must the targets be shifted?)
# 2. Write with `temperature=0`. Why does the text soon repeat itself?
# 3. `load_text("python-docs", tokenizer="bpe", vocabulary_size=500)`: what is log V now? Why should
#    you compare *bits per character*, and not nats per token?
# 4. Which digits are least likely, and why? Does a likely digit look typical, or plain?
# 5. Do the exercises in `exercises/chapter6.ipynb`, then run
#    `python -m genai_keras.check chapter6`.
# 6. Use the command line, with more steps and weights: `python -m genai_keras.train_lm` and
#    `... --preset pixels`.
