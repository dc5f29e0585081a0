"""What the documents promise is there: links, images, commands, options, presets, and Python."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from helpers import COMMANDS
from mkdocs.commands.build import build
from mkdocs.config import load_config

from genai_keras.cli.flow_options import FlowConfig
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import make_parser
from genai_keras.cli.text_options import LanguageModelConfig, Seq2SeqConfig
from genai_keras.cli.vae_options import VAEConfig

# The page of each family, and the small run in `helpers.RUNS` that its Python is tried with.
FAMILIES = {
    "gan.md": (GANConfig, "gan"),
    "vae.md": (VAEConfig, "vae"),
    "flow.md": (FlowConfig, "flow"),
    "language-models.md": (LanguageModelConfig, "text"),
    "encoder-decoder.md": (Seq2SeqConfig, "pairs"),
}
ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in (ROOT, ROOT / "docs", ROOT / "notebooks")
    for path in sorted(folder.glob("*.md"))
}
README, CHINESE = PAGES["README.md"], PAGES["README.zh-CN.md"]
each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_links_and_images_exist(name):
    assert "@@" not in PAGES[name]
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", PAGES[name]):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


@each_page
def test_tests_that_are_named_exist(name):
    for file, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGES[name]):
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


@each_page
def test_tables_are_whole(name):
    for table in tables(PAGES[name]):
        assert len({row.replace(r"\|", "").count("|") for row in table}) == 1, table


def tables(text):
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.M)]


def commands(text):
    """The commands in a text: names and arguments. In Chinese, one ends where its clause ends."""
    pattern = r"python -m genai_keras\.(?!COMMAND)(\w+)\b([^\n#`|\u3001\u3002\uff01-\uff60]*)"
    return re.findall(pattern, text)


@each_page
def test_commands_parse(name):
    for command, arguments in commands(PAGES[name]):
        cls = COMMANDS[command]
        words = shlex.split(arguments.replace("NAME", getattr(cls, "preset", "")))
        if "--help" not in words:
            make_parser(cls).parse_args(words)


def test_every_command_is_shown():
    shown = {command for text in PAGES.values() for command, _ in commands(text)}
    assert shown == COMMANDS.keys()


@pytest.mark.parametrize("page", FAMILIES)
def test_every_preset_is_on_the_page_of_its_family(page):
    for name in FAMILIES[page][0].presets:
        assert re.search(rf"^\| `{name}`", PAGES[f"docs/{page}"], re.M)


def test_the_readme_is_one_page():
    assert len(README.encode()) <= 8192
    assert len(CHINESE) <= 8192


def test_the_chinese_readme_is_its_equal():
    """The same commands, links and figures, table by table; and one table more: the glossary."""
    assert [command for command, _ in commands(CHINESE)] == [c for c, _ in commands(README)]
    links = [
        sorted(t for t in re.findall(r"\]\(([^)]+)\)", text) if "README." not in t)
        for text in (README, CHINESE)
    ]
    assert links[0] == links[1]
    english, chinese = tables(README), tables(CHINESE)
    assert len(chinese) == len(english) + 1
    for ours, theirs in zip(english, chinese, strict=False):
        assert len(ours) == len(theirs), theirs[0]
        for row, translated in zip(ours, theirs, strict=True):
            assert numbers(row) == numbers(translated), translated


def numbers(row):
    return sorted(re.findall(r"\d[\d.,]*\d|\d", row))


STUMBLES = (
    "are told the nearest that can", "pull at one rope", "is a good game", "look at the floor",
    "500 digits validate", "AdamW's decay of matrices, a step size",
)  # fmt: skip


def sources():
    for folder in ("genai_keras", "docs", "notebooks", "tests", ".binder", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())
    yield from (path for path in ROOT.iterdir() if path.is_file())


def texts():
    for path in sources():
        known = path.suffix in (".py", ".md", ".ipynb", ".cfg", ".toml", ".txt", ".yml", "")
        if known and path != Path(__file__):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_no_address_is_somebody_elses():
    """Nobody may be told to get code from an address that is not the project's."""
    examples = {"OWNER/NAME", "someone/something"}
    for name, text in texts():
        found = re.findall(r"github\.com[/:]+([\w.-]+/[\w.-]+)", text)
        assert set(found) <= examples, name
        if name not in ("notebooks/build.py", "tests/course/test_notebooks.py"):
            assert "mybinder.org" not in text and "colab.research" not in text, name


def test_what_stumbles_is_gone():
    for name, text in texts():
        assert not [each for each in STUMBLES if each in " ".join(text.split())], name


@pytest.mark.slow
@pytest.mark.parametrize("page", FAMILIES)
def test_python_of_a_family_runs(page, finished, tmp_path, monkeypatch, capsys):
    """Each piece by itself, in a folder in which `runs/mine` is a small run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished(FAMILIES[page][1]), "runs/mine")
    pieces = re.findall(r"^```python\n(.*?)^```", PAGES[f"docs/{page}"], flags=re.M | re.S)
    assert pieces
    for piece in pieces:
        assert len(piece.strip().splitlines()) < 20
        exec(compile(re.sub(r"epochs=\d+", "epochs=1", piece), page, "exec"), {})


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder))
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


def test_the_site_asks_no_other_host(site):
    """Links may lead elsewhere; scripts, styles, fonts and images come from the site."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for path in [*pages, *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", text):
            assert not re.search(r'(?:src|href)="?(?:https?:)?//', tag), (path, tag)
        assert not re.search(r"url\([\"']?(?:https?:)?//", text), path


def test_the_site_has_notebooks_formulas_and_the_api(site):
    chapter = (site / "notebooks/chapter4_vae.html").read_text(encoding="utf-8")
    assert "<math" in chapter and "\\mathbb" not in re.sub(
        r"<code.*?</code>", "", chapter, flags=re.S
    )
    assert re.search(r'<img [^>]*src="chapter4_vae_files/', chapter)
    assert 'href="exercises/chapter4.html"' in (site / "notebooks/index.html").read_text("utf-8")
    assert 'id="genai_keras.models.gan.GAN.train_step"' in (site / "api.html").read_text("utf-8")
    assert ".ipynb" not in "".join(re.findall(r'href="([^"]*)"', chapter))
