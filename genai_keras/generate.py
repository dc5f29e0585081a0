"""Makes samples with a finished run: images, numbers, texts or translations."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.tool_options import GenerateConfig
from genai_keras.errors import UsageError
from genai_keras.files import check_folder

# By what a run makes: the files it can be written to, and the options that have an effect.
SUFFIXES = {
    "pictures": (".png", ".npy"),
    "pixels": (".png", ".npy"),
    "numbers": (".png", ".npy", ".txt"),
    "text": (".txt",),
    "pairs": (".txt",),
}
SAMPLING = ("temperature", "top_k", "top_p")
OPTIONS = {
    "pictures": ("count", "label", "interpolate"),
    "pixels": ("count", "complete", "data_dir", *SAMPLING),
    "numbers": ("count",),
    "text": ("count", "prompt", "length", *SAMPLING),
    "pairs": ("prompt",),
}
MOST_DRAWN = 10_000  # samples in one image
STEPS = 10  # images of a walk


@command(GenerateConfig)
def main(config):
    """Makes samples with a finished run: images, numbers, texts or translations."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    from genai_keras.tasks.runs import load_run

    run = load_run(config.run, config.data_dir)
    check(config, run.kind)
    if run.kind in ("text", "pairs"):
        text = write_text(run, config) if run.kind == "text" else translate(run, config)
        if not config.out:
            print(text)
            return
        save_text(config.out, text)
    else:
        makers = {"pictures": make_images, "pixels": make_pixels, "numbers": make_numbers}
        config.out = config.out or config.run / "generated.png"
        save_samples(config.out, *makers[run.kind](run, config))
    print(f"samples   {config.out}")


def check(config, kind):
    """Refuses what cannot be written, and options that would do nothing."""
    if config.out:
        check_folder(config.out)
    if config.out and config.out.suffix not in SUFFIXES[kind]:
        raise UsageError(
            f"{config.out}: a run of {kind} is written to {' or '.join(SUFFIXES[kind])}"
        )
    others = {name for names in OPTIONS.values() for name in names} - set(OPTIONS[kind])
    config.check_unused(*sorted(others), on=f"a run of {kind}")


def make_images(run, config):
    """Images of a GAN or a VAE.

    Returns:
        How many; uint8 arrays that have them all together; and a function of all that draws them.
    """
    import numpy as np

    from genai_keras.data.images import to_pixels

    model = run.model
    if config.label and not model.classes:
        raise UsageError(f"{run.folder} knows no labels: --label needs a run made --conditional")
    if config.label and max(config.label) >= model.classes:
        raise UsageError(f"--label {max(config.label)}: it must be 0 to {model.classes - 1}")
    usual = 10 if config.interpolate else 100 if model.classes else 64
    count = config.count or usual
    labels = np.resize(config.label, count) if config.label else None
    if config.interpolate:
        parts, columns = model.walks(count, STEPS, config.seed, labels), STEPS
        count *= STEPS
    else:
        parts = model.stream(count, config.seed, labels)
        columns = None if config.label else model.classes or None
    return count, (to_pixels(part, run.config.low) for part in parts), grid_of(columns)


def make_pixels(run, config):
    """Images that a language model writes, or completes; returns what `make_images` does."""
    import numpy as np

    from genai_keras.callbacks.pixels import complete, completion_grid
    from genai_keras.data.images import to_pixels
    from genai_keras.data.pixels import to_images

    def images(sequences):
        return to_pixels(to_images(sequences), low=0.0)

    sampling = sampling_of(run, config)
    if config.complete:
        _, validation = run.data()
        given = validation.first(config.count or 12).astype("int32")
        completed = complete(run.model, given, **sampling)

        def draw(_):
            return completion_grid(given, completed)

        return len(given), iter([images(completed)]), draw
    count = config.count or 64
    nothing = np.zeros((count, 0), "int32")
    parts = run.model.stream(nothing, run.config.image_size**2, **sampling)
    return count, map(images, parts), grid_of(None)


def make_numbers(run, config):
    """Numbers of a GAN, float32; returns what `make_images` does."""
    from genai_keras.callbacks.density import density_plot
    from genai_keras.data.toy import GaussianMixture

    count = config.count or 1_000

    def draw(numbers):
        return density_plot(numbers, GaussianMixture().density, f"{count:,} samples")

    return count, run.model.stream(count, config.seed), draw


def write_text(run, config):
    """Continuations of the prompt; several are set apart by a line of dashes."""
    import numpy as np

    from genai_keras.data.tokenizers import encode_prompt

    tokenizer = run.tokenizer()
    prompt = run.config.prompt if config.prompt is None else config.prompt
    prompts = np.tile(encode_prompt(prompt, tokenizer), (config.count or 1, 1))
    length = config.length or run.config.sample_length
    parts = run.model.stream(prompts, length, **sampling_of(run, config))
    return f"\n{'-' * 20}\n".join(tokenizer.decode(each) for part in parts for each in part)


def translate(run, config):
    """What the model makes of the prompt, line by line."""
    from genai_keras.data.pairs import encode_sources

    sources = (config.prompt or "").splitlines()
    if not all(sources) or not sources:
        raise UsageError("give --prompt: what the model shall read, such as a date in words")
    tokens = encode_sources(sources, run.tokenizer("source"), run.model.encoder.context_length)
    written = run.model.generate(
        tokens, beam_width=run.config.beam_width, length_penalty=run.config.length_penalty
    )
    return "\n".join(run.tokenizer("target").decode(each) for each in written)


def sampling_of(run, config):
    """The arguments of `LanguageModel.stream`: those of the run, but for what was typed."""
    typed = {name: getattr(config, name) for name in SAMPLING}
    typed = {name: value for name, value in typed.items() if value is not None}
    return {**run.config.sampling(), "seed": config.seed, **typed}


def grid_of(columns):
    """A function of uint8 images that draws them, so many a row."""
    from genai_keras.callbacks.images import image_grid

    return lambda images: image_grid(images / 255.0, columns=columns, low=0.0)


def save_samples(path, count, parts, draw):
    """Writes samples in the format that the file's name asks for."""
    import numpy as np
    from PIL import Image

    from genai_keras.files import whole_file

    if path.suffix != ".npy" and count > MOST_DRAWN:
        raise UsageError(f"a {path.suffix} has room for {MOST_DRAWN:,} samples: name a .npy file")
    with whole_file(path) as unfinished:
        if path.suffix == ".npy":
            write_npy(unfinished, count, parts)
        elif path.suffix == ".txt":
            np.savetxt(unfinished, np.concatenate(list(parts)), fmt="%.7g")
        else:
            Image.fromarray(draw(np.concatenate(list(parts)))).save(unfinished)


def write_npy(path, count, parts):
    """Writes arrays to a `.npy` file one by one, as one array of `count`: memory holds one."""
    import numpy as np

    # Not by np.lib.format.open_memmap: on a full disk it ends the process, by SIGBUS.
    with open(path, "wb") as file:
        for number, part in enumerate(map(np.ascontiguousarray, parts)):
            if not number:
                header = np.lib.format.header_data_from_array_1_0(part)
                header["shape"] = (count, *part.shape[1:])
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.data)


def save_text(path, text):
    from genai_keras.files import whole_file

    with whole_file(path) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
