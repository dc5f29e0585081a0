"""What to look at on TensorBoard while a model learns: a card in Markdown for each kind of it."""


def _card(title, first, curves, after):
    rows = [("curve", "healthy", "not healthy"), ("---", "---", "---"), *curves]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"### {title}\n\n{first}\n\n{table}\n\n{after}\n"


# By the name of the class, because runs are of any model.
GUIDES = {
    "GAN": _card(
        "How to read this GAN",
        "Look at the **images** first. The two networks compete, so no loss says how good the "
        "images are. Images and validation use the averaged generator.",
        [
            (
                "`discriminator_loss`",
                "settles above 0; at 1.386 it cannot tell real from generated",
                "near 0: the discriminator has won, and the generator learns little",
            ),
            (
                "`generator_loss`",
                "goes up and down, and may rise slowly; 0.693 goes with the 1.386 above",
                "rises steeply while `discriminator_loss` falls to 0",
            ),
            (
                "`diversity`",
                "rises towards 1, that of real samples",
                "falls to half of its best, or stays below 0.2: mode collapse",
            ),
            ("`wasserstein` (of numbers)", "falls towards 0", "stays where it began"),
        ],
        "Under **more curves**, `accuracy_real` and `accuracy_fake` should not both stay above "
        "0.99. `roughness` is 2 for white noise, and should fall to that of real images. If "
        "`d_real` is far higher in training than in validation, the discriminator knows its "
        "training images by heart.",
    ),
    "VAE": _card(
        "How to read this VAE",
        "`elbo` is a lower bound on log p(x), in nats per image. Higher is better.",
        [
            (
                "`elbo`",
                "rises fast, then slowly; validation follows training",
                "validation falls while training rises: overfitting",
            ),
            (
                "`kl`",
                "well above 0, and nearly level in the end",
                "below 0.1: the latents say nothing about the image",
            ),
        ],
        "Under **images**, each row of originals has its reconstructions below it, and `generated` "
        "are new images from noise. Reconstructions get sharp before new images do. Under **more "
        "curves**, `active_units` is the number of latents in use, and `clipped` should stay at 0. "
        "If `border_outside` is far above 0, images from noise have a background that real ones "
        "never have. "
        "When training has ended, the page **Projector** shows the codes of validation images, if "
        "you choose the run that ends in `validation`. Images that look alike should lie together.",
    ),
    "Flow": _card(
        "How to read this flow",
        "Look at the **images** first. The loss cannot reach 0: where lines from noise to data "
        "cross, several velocities are right, and the network learns their mean. So small "
        "differences of the loss mean much.",
        [
            (
                "`loss`",
                "falls fast, then very slowly; validation, with averaged weights, lies below",
                "validation rises while training falls: overfitting",
            ),
            (
                "`diversity`",
                "near 1, that of real samples",
                "far below 1: many samples are alike",
            ),
            ("`wasserstein` (of numbers)", "falls towards 0", "stays where it began"),
        ],
        "Under **images**, `from noise to samples` shows samples on their way. Their shape should "
        "be decided in the first half, and details in the second. `few steps and many` shows the "
        "same noise: the more the rows are alike, the straighter the paths. Under **more curves**, "
        "`roughness` is 2 for white noise, and should fall to that of real images.",
    ),
    "LanguageModel": _card(
        "How to read this language model",
        "`loss` is in nats per token. Lower is better.",
        [
            (
                "`loss`",
                "the first step is at log V, a guess among V tokens; the first point, the mean of "
                "an epoch, is lower. It falls fast, then slowly, and validation follows training",
                "validation rises while training falls: overfitting",
            ),
            (
                "`bits_per_character` or `nats_per_image`",
                "the same in units that other models share",
                "the same",
            ),
        ],
        "Validation can be better than training at first, because it is measured at the end of an "
        "epoch. Samples are on the page **Text**, those of pixels under **images**: noise first, "
        "then parts that fit together. The maps of `attention` are alike at first. Later some "
        "heads have found their work, such as looking one token back.",
    ),
    "Seq2Seq": _card(
        "How to read this encoder-decoder",
        "`exact_match` is the fraction of targets that are right in every token. Higher is better.",
        [
            (
                "`loss`",
                "the first step is at log V, a guess among V tokens; the first point, the mean of "
                "an epoch, is lower. It falls, and validation follows training",
                "validation rises while training falls: overfitting",
            ),
            (
                "`exact_match`",
                "near 0 at first, then it rises fast, because all tokens have to be right",
                "stays at 0 when `loss` no longer falls",
            ),
        ],
        "Translations are on the page **Text**, each with its true target in brackets. The maps of "
        "`attention` show which source tokens each written token looks at: anywhere at first, "
        "later at a few bright spots in each row.",
    ),
}


def guide_to(model):
    """The guide to a model of this package, or None."""
    return GUIDES.get(type(model).__name__)
