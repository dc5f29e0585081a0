"""What the terminal shows of a run: a line per epoch, the time left, and samples."""

import statistics
import sys
import time

import keras
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from genai_keras.errors import cleaning_up
from genai_keras.plots.strips import image_strip

WARM_UP = 2  # steps that compile, and tell nothing of the pace
# When the first estimate is printed: after so many steps, and two pauses or so many seconds.
TOLD_AFTER = 20
LONG_EPOCH = 10.0
WIDTH = 80


class Pace:
    """How long a run will take: the time of a step, and that between the epochs.

    Args:
        validation_steps: number of validation steps per epoch, for a guess before the first one.
    """

    def __init__(self, validation_steps):
        self.validation_steps = validation_steps
        self.steps = 0
        self.seconds = 0.0
        self.between = []
        self.last = None

    def step(self, now):
        """A step has ended."""
        self.steps += 1
        if self.last is not None and self.steps > WARM_UP:
            self.seconds += now - self.last
        self.last = now

    def epoch(self, now):
        """An epoch begins; since the last step there was validation, saving and drawing."""
        if self.last is not None:
            self.between.append(now - self.last)
            self.last = None  # the first step of an epoch also waits for its data
            self.steps -= 1

    @property
    def seconds_per_step(self):
        """The mean so far, without what is between epochs; None if unknown."""
        measured = self.steps - WARM_UP
        # Some clocks, as on Windows, stand still for several steps.
        return self.seconds / measured if measured > 0 and self.seconds else None

    def left(self, steps, epochs):
        """Seconds that so many steps, and so many ends of epochs, will take; None if unknown."""
        step = self.seconds_per_step
        if step is None:
            return None
        # A validation step needs no gradient, so it takes about half as long.
        pause = self.validation_steps * step / 2
        if self.between:  # the first one also compiles
            pause = statistics.median(self.between[1:] or self.between)
        return steps * step + epochs * pause


class Terminal(keras.callbacks.Callback):
    """Prints a line per epoch; on a terminal also a progress bar, the time left, and samples.

    It is a context manager, so that the terminal is left in order however training ends.

    Args:
        epochs: number of epochs of the run.
        train, validation: `Batches`.
        checkpoint: the `CheckpointCallback`, which counts the steps.
        shows: callbacks with a `preview`.
        live: whether to use a progress bar if there is a terminal.
        previews: whether to show samples.
        max_minutes: time limit of the run, or None.
        units: what the speed is told in, and how many of these a sample has.
    """

    def __init__(
        self,
        epochs,
        train,
        validation,
        checkpoint,
        shows,
        live,
        previews,
        max_minutes=None,
        units=("samples", 1),
    ):
        super().__init__()
        self.epochs = epochs
        self.unit, self.units_per_step = units[0], units[1] * train.batch_size
        self.steps_per_epoch = train.steps_per_epoch
        self.checkpoint = checkpoint
        self.previews = [each for each in shows if hasattr(each, "preview")] if previews else []
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        self.console = Console(
            force_terminal=None if is_terminal else False,  # a file is none, despite FORCE_COLOR
            force_jupyter=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        moves = self.console.is_terminal and not self.console.is_dumb_terminal
        self.is_live = live and moves
        self.width = min(self.console.width, WIDTH) if moves else WIDTH
        self.pace = Pace(-(-validation.count // validation.batch_size))
        self.limit = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.names = None
        self.told = False
        self.shown = []
        # Last, because it asks for the first frame.
        self.live = Live(get_renderable=self._frame, console=self.console)

    def __enter__(self):
        if self.is_live:
            self.live.start()
        return self

    def __exit__(self, *failure):
        with cleaning_up("the progress bar did not end in order"):
            self.live.stop()

    def on_train_begin(self, logs=None):
        self.shown = self._previews()

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.monotonic()
        self.pace.epoch(self.begun)

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self.pace.step(now)
        known = len(self.pace.between) >= 2 or now - self.begun > LONG_EPOCH
        if not self.told and known and self.pace.steps >= TOLD_AFTER and self._left() is not None:
            self.told = True
            left = duration(self._left())
            self._print(f"about {left} to go, measured on the first steps: {self._speed()}")

    def on_epoch_end(self, epoch, logs=None):
        if self.names is None:
            self.names = self._fitting([name for name in self.model.headline if name in logs])
            self._print("epoch" + "".join(f"  {n:>8}" for n in self.names) + "      time")
        figures = "".join(f"  {logs[n]:>{max(8, len(n))}.4f}" for n in self.names)
        took = duration(time.monotonic() - self.begun)
        self._print(f"{epoch + 1:5}{figures}  {took:>8}")
        self.shown = self._previews()
        for text in () if self.is_live else self.shown:
            self._print(text)

    def _fitting(self, names):
        """As many of the names as fit into a line."""
        kept, used = [], len("epoch") + 10
        for name in names:
            used += 2 + max(8, len(name))
            if used <= self.width:
                kept.append(name)
        return kept

    def _print(self, line):
        if self.is_live:
            self.console.print(line)
        else:
            print(line, flush=True)

    def _left(self):
        """Seconds that are left, or None."""
        steps = self.epochs * self.steps_per_epoch - self.checkpoint.step
        left = self.pace.left(steps, -(-steps // self.steps_per_epoch))
        if left is None or self.limit is None:
            return left
        return min(left, max(0.0, self.limit - time.monotonic()))

    def _speed(self):
        return f"{self.units_per_step / self.pace.seconds_per_step:,.0f} {self.unit}/s"

    def _frame(self):
        """What moves: samples, and a line with a bar. Called from another thread."""
        step, total = self.checkpoint.step, self.epochs * self.steps_per_epoch
        epoch = min(step // self.steps_per_epoch + 1, self.epochs)
        left = self._left()
        line = Table.grid(padding=(0, 2))
        line.add_row(
            f"epoch {epoch}/{self.epochs}",
            ProgressBar(total, step, width=16),
            f"step {step - (epoch - 1) * self.steps_per_epoch}/{self.steps_per_epoch}",
            *(() if left is None else (self._speed(), f"{duration(left)} left")),
        )
        return Group(*self.shown, line)

    def _previews(self):
        """What the callbacks have to show: text, and on a terminal that has them also images."""
        previews = [each.preview for each in self.previews if each.preview is not None]
        has_images = self.is_live and self.console.encoding.startswith("utf")
        return [
            each if isinstance(each, str) else image_strip(each, self.width)
            for each in previews
            if isinstance(each, str) or has_images
        ]


def duration(seconds):
    """A time in words of at most 8 characters, such as `45 s` or `2:10 min`."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 595:  # whole minutes would be wrong by up to a third
        return f"{seconds // 60:.0f}:{seconds % 60 // 10:.0f}0 min"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 99.5 else f"{minutes / 60:.1f} h"
