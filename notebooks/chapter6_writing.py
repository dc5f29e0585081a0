# %% [markdown]
# # Chapter 6: a decoder that writes: text, then pixels
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/chapter6_writing.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/chapter6_writing.ipynb)
#
# **What you will learn**
# - $p(x) = \prod_i p(x_i\mid x_1\dots x_{i-1})$: a model that predicts the next token is a model of whole texts;
# - what the first loss must be, before any training, and what bits a character mean;
# - how to choose the next token: temperature, top-k and top-p;
# - the same network draws digits, pixel by pixel, and knows the exact probability of each.
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

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine

# %%
import itertools
import math

import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.callbacks.pixels import PixelGrid
from genai_keras.data.pixels import load_pixels, to_images
from genai_keras.data.text import load_text
from genai_keras.models.language_model import LanguageModel
from genai_keras.networks.transformer import TransformerDecoder
from genai_keras.course.notebook import (
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
# The text is Python's own manual, the part that `help()` shows: it is in every Python. Each character is a
# token. An element of a batch has one token more than the model's context: the first 64 are read, and the last 64 are
# what should be predicted, each from those before it.

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
# A decoder: the blocks of chapter 5 with the causal mask, and at the end a logit for each token that might come
# next. All 64 predictions of a text come from one pass.

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
# **Before you run the next cell, guess:** the model is untrained, so it finds all tokens alike. There are V of them.
# What is $-\log p$ of the right one, on average?

# %%
highest = np.max(logits, axis=-1, keepdims=True)  # subtracted, so that exp cannot overflow
log_sum = highest + np.log(np.sum(np.exp(logits - highest), axis=-1, keepdims=True))
log_p = logits - log_sum  # (batch, 64, vocabulary): a log-softmax
nats = -np.take_along_axis(np.array(log_p), targets.numpy()[..., None], axis=-1)  # (batch, 64, 1)
print(f"the model's own: {float(model.terms(batch)['loss']):.3f} nats")
print(f"first loss {np.mean(nats):.3f} nats; log V = {math.log(tokenizer.vocabulary_size):.3f}")
print(f"that is {np.mean(nats) / math.log(2):.2f} bits a character")

# %% [markdown]
# Another first loss than log V is a bug: targets that are not shifted, a softmax that is applied twice, weights that are far
# too large. Now the step itself.

# %%
show_source(LanguageModel.train_step)

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
# Some hundred steps, new pieces of text in each. Validation is on the last tenth of the manual.

# %%
run = new_run("chapter6")
history = model.fit(
    text.train.shuffled(),
    epochs=6,
    steps_per_epoch=max(steps // 6, 1),
    validation_data=text.validation.in_order().take(10),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "text" / "tensorboard", write_graph=False)],
)
plot_history(history, ["loss"], ["bits_per_character"], ["token_accuracy"])

# %% [markdown]
# ## Samples
#
# Before and after. It draws each letter from the distribution that it predicts, appends it, and reads on.

# %%
print("before:", untrained)
prompt = tokenizer.encode("The ")
for seed in range(3):
    written = model.generate(prompt, 200, temperature=0.7, seed=seed)[0]
    print(f"\nafter, seed {seed}:", tokenizer.decode(written))

# %% [markdown]
# It has words and something like the layout of the manual; it makes no sense. That takes more weights, more steps and a longer context
# than a minute allows.
#
# ### Choosing the next token
#
# After one beginning, the twelve likeliest next letters. **Temperature** divides the logits: below 1 it sharpens, above 1 it flattens.
# **top-k** keeps the k likeliest. **top-p** keeps the fewest whose probabilities reach p together: few where the
# model is sure, many where it is not.

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
# The slider sets the temperature. (The strip is for where sliders do not run.)


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
# A black-and-white digit of 14 x 14 pixels, read row by row, is a sequence of 196 tokens, each 0 or 1. The same
# network learns to write it. (A start token stands before the first pixel, so that it is predicted as well.)

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
history = painter.fit(
    train.shuffled(),
    epochs=4,
    steps_per_epoch=max(steps // 4, 1),
    validation_data=validation.in_order().take(4),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "pixels" / "tensorboard", write_graph=False),
        PixelGrid(run / "pixels", side**2, count=16),
    ],
)
plot_history(history, ["nats_per_image"], ["token_accuracy"])

# %% [markdown]
# Untrained, it is not exactly at 196 log 2: with two tokens only, its random weights lean to one of them, and most pixels are black.
#
# The model gives each picture a probability: the product of 196 factors, and the probabilities of all $2^{196}$ pictures sum to 1, as
# each factor does. So $\log p(x)$ is known exactly. A VAE has only bounds on it (chapter 7 lays both side by side), and a
# GAN has none at all.
#
# Is it so? $2^{196}$ pictures are too many to add up, but of 3 x 3 pixels there are only 512. Any
# decoder must do, an untrained one, too:

# %%
tiny = LanguageModel(TransformerDecoder(2, 9, width=8, num_layers=1, num_heads=2, start_token=True))
every_picture = np.array(list(itertools.product((0, 1), repeat=9)), "int32")  # (512, 9)
print("the probabilities of all sum to", np.exp(tiny.log_likelihood(every_picture)).sum().round(6))

# %% [markdown]
# What is a good figure? A model that knows no more than how often each pixel is white, and draws all
# of them independently, is the one to beat.

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
# Samples, then completions: a digit, its upper half, and three ways in which the model goes on.

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
# Both trainings side by side: `text` and `pixels` on the left choose between them.

# %%
show_tensorboard(run)

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_lm` has a training doctor that watches for these.
#
# **A first loss far from log V.** A model that has learnt nothing should find all V tokens about alike. A much larger loss says that it is
# sure of something, and wrong: its weights begin too large. A much smaller one says that it knows something already: mostly, that it
# sees what it should predict.
#
# **Overfitting.** The validation loss rises while the training loss falls: the model learns the text by heart. Stop where validation
# was best, take more text or a smaller network, or use `--dropout`.
#
# ## What to try next
#
# 1. Train the text model for one step with `targets = inputs` in your head: what would the loss fall to, and what would the
#    model write? (Why must the targets be shifted?)
# 2. Write with `temperature=0`. Why does the text soon repeat itself?
# 3. `load_text("python-docs", tokenizer="bpe", vocabulary_size=500)`: what is log V now? Why are *bits a character* the
#    number to compare, and not nats a token?
# 4. Which digits are least likely, and why? Does a likely digit look typical, or plain?
# 5. The exercises: `exercises/chapter6.ipynb`, then `python -m genai_keras.check chapter6`.
# 6. The command line, with more steps and weights: `python -m genai_keras.train_lm` and `... --preset pixels`.
