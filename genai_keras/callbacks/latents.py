"""What the latents of a VAE mean: reconstructions, maps or walks of latent space, projections."""

import keras
import numpy as np
from PIL import Image

from genai_keras.callbacks.doctor import vae_doctor
from genai_keras.callbacks.images import EpochImage
from genai_keras.data.images import to_pixels
from genai_keras.plots.images import image_grid, labelled

SHOWN = 1_000  # validation images that are encoded; the first few are drawn
WALK = -3.0, 3.0  # the ends of a walk, in deviations of the prior
SPRITE_SIDE = 8192  # pixels; TensorBoard's limit for a sprite sheet


class Reconstructions(EpochImage):
    """Originals in the odd rows, and their reconstructions below them.

    Args:
        run_dir: the run folder.
        originals: `(n, height, width, channels)` in [0, 1], validation images; up to 32 are shown,
            in full rows.
        labels: `(n,)`, if the model is conditional.
        columns: images per row.
    """

    def __init__(self, run_dir, originals, labels=None, columns=8):
        super().__init__(run_dir, "reconstructions", stem="reconstruction")
        self.columns = min(columns, len(originals))
        shown = min(32, len(originals)) // self.columns * self.columns
        self.originals = originals[:shown]
        self.labels = None if labels is None else labels[:shown]

    def draw(self, logs):
        made = self.model.reconstruct(self.originals, self.labels)
        rows = []
        for start in range(0, len(made), self.columns):
            rows += [part[start : start + self.columns] for part in (self.originals, made)]
        grid = image_grid(np.concatenate(rows), columns=self.columns, value_range=(0, 1))
        names = ["original", "reconstruction"] * (len(rows) // 2)
        return labelled(grid, "Validation images and their reconstructions", rows=names)


class LatentSpace(EpochImage):
    """The plane of z if it has two dimensions; otherwise a walk along each of the most used ones.

    The points of the plane are quantiles of N(0, 1), so equal parts of the prior get equal space. A
    walk changes one latent from -3 to 3 deviations and keeps the others of the first original. A
    conditional model also keeps the label of that original.

    Args:
        run_dir: the run folder.
        originals: `(n, height, width, channels)` in [0, 1]; they show which latents are used.
        labels: `(n,)`, if the model is conditional.
        rows: points along each axis of the plane, or number of latents to walk along.
        steps: points of a walk.
    """

    def __init__(self, run_dir, originals, labels=None, rows=12, steps=11):
        super().__init__(run_dir, "latent space", stem="latent")
        self.originals = originals
        self.labels = labels
        self.rows = rows
        self.steps = steps

    def draw(self, logs):
        if self.model.latent_dim == 2:
            codes, title = plane(self.rows), "Decoded z: z1 grows to the right and z2 upwards"
            columns = [f"{z:.1f}" for z in codes[: self.rows, 0]]
            rows = [f"{z:.1f}" for z in codes[:: self.rows, 1]]
        else:
            means, _ = self.model.encode(self.originals, self.labels)
            codes = walks(means, self.rows, self.steps)
            title = "Decoded z of one validation image: in each row, one latent takes other values"
            columns = [f"{z:.1f}" for z in np.linspace(*WALK, self.steps)]
            rows = [f"z{latent + 1}" for latent in most_used(means, self.rows)]
        label = None if self.labels is None else np.repeat(self.labels[:1], len(codes))
        images = self.model.decode(codes, label)
        grid = image_grid(images, columns=len(columns), value_range=(0, 1))
        return labelled(grid, title, columns, rows)


def plane(points):
    """A grid of 2-D codes at the quantiles of N(0, 1), `(points * points, 2)`, row by row."""
    from scipy.special import ndtri  # here: only two latents need it

    axis = ndtri((np.arange(points) + 0.5) / points).astype("float32")
    columns, rows = np.meshgrid(axis, -axis)  # upwards, as in a plot
    return np.stack([columns.ravel(), rows.ravel()], axis=-1)


def walks(codes, latents, steps):
    """Walks from the first code along the latents that vary most, `(walks * steps, latent_dim)`."""
    walked = most_used(codes, latents)
    path = np.repeat(codes[None, :1], len(walked), axis=0).repeat(steps, axis=1)
    for row, latent in enumerate(walked):
        path[row, :, latent] = np.linspace(*WALK, steps)
    return path.reshape(-1, codes.shape[1])


def most_used(codes, latents):
    """The indices of the latents that vary most over codes, the most first."""
    return np.argsort(-codes.var(axis=0), kind="stable")[:latents]


class Projector(keras.callbacks.Callback):
    """Gives TensorBoard's projector the codes of validation images, with sprites and labels.

    The files, and the config that names them, are in the TensorBoard run `validation`. Codes of
    two numbers get a third, zero, because the projector draws points with three coordinates.

    Args:
        run_dir: the run folder.
        originals: `(n, height, width, channels)` in [0, 1].
        labels: `(n,)`, or None.
        class_names: names of the classes in the order of their labels.
    """

    def __init__(self, run_dir, originals, labels=None, class_names=()):
        super().__init__()
        self.class_names = class_names
        self.directory = run_dir / "validation"
        self.originals = originals
        self.labels = labels

    def on_train_end(self, logs=None):
        n, height, width, channels = self.originals.shape
        side = max(height, width)  # sprites of the projector are squares of equal size
        count = min(n, (SPRITE_SIDE // side) ** 2)
        given = self.labels[:count] if self.model.classes else None
        codes, _ = self.model.encode(self.originals[:count], given)
        self.directory.mkdir(parents=True, exist_ok=True)
        codes = np.pad(codes, [(0, 0), (0, max(0, 3 - codes.shape[1]))])
        np.savetxt(self.directory / "codes.tsv", codes, fmt="%.5f", delimiter="\t")
        columns = int(np.ceil(np.sqrt(count)))
        sheet = np.zeros((columns * side, columns * side, channels), "uint8")
        for index, image in enumerate(to_pixels(self.originals[:count], value_range=(0, 1))):
            y, x = index // columns * side, index % columns * side
            sheet[y : y + height, x : x + width] = image
        Image.fromarray(sheet.squeeze()).save(self.directory / "sprites.png")
        lines = ["embeddings {", '  tensor_name: "codes"', '  tensor_path: "codes.tsv"']
        if self.labels is not None:
            names = self.class_names or range(self.labels.max() + 1)
            names = "".join(f"{names[label]}\n" for label in self.labels[:count])
            (self.directory / "labels.tsv").write_text(names, encoding="utf-8")
            lines.append('  metadata_path: "labels.tsv"')
        lines += [
            '  sprite { image_path: "sprites.png"',
            f"    single_image_dim: {side} single_image_dim: {side} }}",
            "}",
        ]
        # Written by hand, because `embeddings_freq` of Keras needs an Embedding layer.
        config = "\n".join(lines) + "\n"
        (self.directory / "projector_config.pbtxt").write_text(config, encoding="utf-8")


def vae_callbacks(run_dir, validation, warmup_epochs=0.0, verbose=1):
    """All callbacks that show what a VAE learns, except its samples: those above and a doctor.

    Args:
        run_dir: the run folder.
        validation: `Batches` of images in [0, 1].
        warmup_epochs: number of epochs in which the weight of the KL rises.
        verbose: 0 prints nothing on the terminal.
    """
    shown = validation.first(SHOWN)
    labels = None if validation.labels is None else validation.labels[: len(shown)]
    given = labels if validation.classes else None
    return [
        Reconstructions(run_dir, shown, given),
        LatentSpace(run_dir, shown, given),
        Projector(run_dir, shown, labels, validation.class_names),
        vae_doctor(run_dir, shown, given, warmup_epochs, verbose),
    ]
