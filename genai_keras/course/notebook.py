"""Helpers that show things in notebooks; there is no model code here."""

import inspect
import os
import shutil
import time
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image as PillowImage

from genai_keras.plots.images import image_grid
from genai_keras.training.terminal import Pace, duration

try:
    from IPython.display import HTML, DisplayHandle, Markdown, Pretty, display
except ImportError as error:
    raise ImportError("notebooks need more packages: pip install genai_keras[notebooks]") from error

FAST = "GENAI_KERAS_FAST"  # environment variable that tests set to run notebooks in seconds
BAR = 32  # characters
REDRAWN = 0.25  # seconds between two states of the bar
SAMPLE = (800, 400)  # most pixels of what is shown below it, so that both are in sight


def setting(full, fast):
    """The number `full`, or `fast` when the notebooks are only tested."""
    return fast if os.environ.get(FAST) else full


def new_run(name):
    """An empty folder `runs/NAME`; files of an earlier execution are removed."""
    folder = Path("runs") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def show_source(*objects):
    """Shows the source of classes, functions or methods of the package."""
    for each in objects:
        lines, start = inspect.getsourcelines(each)
        file = "/".join(inspect.getmodule(each).__name__.split(".")) + ".py"
        code = inspect.cleandoc("\n" + "".join(lines))
        display(Markdown(f"`{file}`, line {start}\n```python\n{code}\n```"))


def show_images(images, columns=None, value_range=(-1, 1)):
    """Shows images `(n, height, width, 1 or 3)` as a grid."""
    display(PillowImage.fromarray(image_grid(images, columns, value_range=value_range)))


class Progress(keras.callbacks.Callback):
    """Shows below its cell how far `fit` is: a bar, the time left, figures and the newest samples.

    They change in place, and the last of them stay. It draws nothing of its own, so training gives
    the same numbers with it and without.

    Args:
        show: an `EachEpoch` that stands before it in the list of callbacks, whose newest image or
            text is shown; None for the bar and the figures alone.
    """

    def __init__(self, show=None):
        super().__init__()
        self.show = show

    def on_train_begin(self, logs=None):
        self.epochs, self.steps = self.params["epochs"], self.params["steps"]
        self.epoch, self.step, self.figures = 0, 0, ""
        self.pace = Pace(validation_steps=0)
        self.begun = self.redrawn = time.monotonic()
        self.bar = DisplayHandle()
        self.bar.display(self._bar())
        if self.show:
            self.sample = DisplayHandle()
            self.sample.display(self._sample())

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.step = epoch, 0
        self.pace.epoch(time.monotonic())

    def on_train_batch_end(self, batch, logs=None):
        self.step, now = batch + 1, time.monotonic()
        self.pace.step(now)
        if now - self.redrawn > REDRAWN:
            self.redrawn = now
            self.bar.update(self._bar())

    def on_epoch_end(self, epoch, logs=None):
        self.steps = self.steps or self.step  # unknown before the first epoch has ended
        names = [name for name in getattr(self.model, "headline", logs) if name in logs]
        self.figures = "   ".join(f"{name} {logs[name]:.3f}" for name in names)
        self.bar.update(self._bar())
        if self.show:
            self.sample.update(self._sample())

    def on_train_end(self, logs=None):
        self.bar.update(self._bar(f"{duration(time.monotonic() - self.begun)} in all"))

    def _bar(self, told=None):
        done = self.epoch + (self.step / self.steps if self.steps else 0)
        filled = round(BAR * done / self.epochs)
        left = None
        if self.steps and told is None:
            epochs = self.epochs - self.epoch
            left = self.pace.left(epochs * self.steps - self.step, epochs)
        told = told or ("" if left is None else f"{duration(left)} left")
        bar = "\N{FULL BLOCK}" * filled + "\N{LIGHT SHADE}" * (BAR - filled)
        return Pretty(f"epoch {self.epoch + 1}/{self.epochs} {bar} {told}\n{self.figures}".strip())

    def _sample(self):
        newest = self.show.newest
        if newest is None:  # the folder has samples of an earlier training
            return Pretty("")
        if newest.suffix == ".png":
            with PillowImage.open(newest) as image:
                image.load()  # a small one is left in its file, which is closed below
                image.thumbnail(SAMPLE)
                return image
        return Pretty(newest.read_text(encoding="utf-8"))


def plot_history(history, *groups):
    """Plots what `fit` returned: one panel per group of metrics, with dashed validation lines."""
    _, axes = plt.subplots(1, len(groups), figsize=(4.5 * len(groups), 3), squeeze=False)
    for axis, names in zip(axes[0], groups, strict=True):
        for name in names:
            line = axis.plot(
                np.arange(1, len(history.epoch) + 1), history.history[name], label=name
            )
            if f"val_{name}" in history.history:
                values = history.history[f"val_{name}"]
                color = line[0].get_color()
                axis.plot(np.arange(1, len(values) + 1), values, "--", color=color)
        axis.set_xlabel("epoch (dashed: validation)")
        axis.legend()
    plt.tight_layout()
    plt.show()


def explore(draw, **ranges):
    """Sliders that redraw an image, below a static strip for places where widgets do not run.

    Args:
        draw: a function of one number per slider that returns `(height, width, 3)` uint8.
        **ranges: `(least, most)` of each slider, by its name.
    """
    import ipywidgets as widgets

    middles = {name: (least + most) / 2 for name, (least, most) in ranges.items()}
    for name, (least, most) in ranges.items():
        strip = [draw(**{**middles, name: value}) for value in np.linspace(least, most, 7)]
        figure, axes = plt.subplots(1, 7, figsize=(9, 1.6))
        for axis, image, value in zip(axes, strip, np.linspace(least, most, 7), strict=True):
            axis.imshow(image)
            axis.set_title(f"{value:.1f}", fontsize=9)
            axis.axis("off")
        figure.suptitle(name, x=0.03, y=0.5, va="center", rotation=90, fontsize=10)
        plt.show()
    sliders = {
        name: widgets.FloatSlider(
            value=middles[name], min=least, max=most, step=(most - least) / 60, description=name
        )
        for name, (least, most) in ranges.items()
    }
    image = widgets.Image(format="png")

    def redraw(change=None):
        values = {name: slider.value for name, slider in sliders.items()}
        pixels = draw(**values)
        image.width = pixels.shape[1]
        image.value = PillowImage.fromarray(pixels)._repr_png_()

    for slider in sliders.values():
        slider.observe(redraw, "value")
    redraw()
    in_its_size = widgets.Layout(align_items="flex-start")
    display(widgets.VBox([*sliders.values(), image], layout=in_its_size))


# The page asks its own server, which hands on to TensorBoard: so it works at any address. Elsewhere
# than in Jupyter, such as in an editor, there is no such server.
TENSORBOARD = """
<iframe id="tensorboard-{port}" width="100%" height="{height}" style="border: 0"></iframe>
<p><a id="link-{port}" target="_blank">TensorBoard in a tab of its own</a></p>
<script>
(() => {{
  const config = document.getElementById("jupyter-config-data");
  const address = config
    ? new URL(JSON.parse(config.textContent).baseUrl + "proxy/{port}/", location.href).href
    : "http://localhost:{port}/";
  document.getElementById("tensorboard-{port}").src = address;
  document.getElementById("link-{port}").href = address;
}})();
</script>
"""


def show_tensorboard(folder, height=800):
    """Shows TensorBoard below the cell; the kernel serves it, so both end together."""
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(folder), "--port", "0", "--load_fast", "false"])
    port = int(server.launch().rstrip("/").rsplit(":", 1)[1])
    try:
        from google.colab import output
    except ImportError:
        display(HTML(TENSORBOARD.format(port=port, height=height)))
    else:
        output.serve_kernel_port_as_iframe(port, height=height)


def outcome(test):
    """Runs a test of the bug museum and prints whether it passes, without stopping the notebook."""
    try:
        test()
    except AssertionError as error:
        print(f"{test.__name__} FAILS: {error}")
    else:
        print(f"{test.__name__} passes")
