"""How the checkout becomes a site: pages from outside docs/, notebooks as pages, links, formulas.

Links are written as they work in a checkout. On the site, those to a page lead to the page, and
those to a file of the project lead to its public address, or nowhere while it has none.
"""

import configparser
import posixpath
import re
from html import unescape
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
OUTSIDE = {  # pages by their path in the checkout
    "README.md": "index.md",
    **{name: name for name in ("README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")},
    **{f"notebooks/{name}.md": f"notebooks/{name}.md" for name in ("README", "TEACHING")},
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_files(files, config):
    """Adds the pages and images that are not in docs/."""
    config.places = {}  # of each page: its path in the checkout
    for file in files.documentation_pages():
        config.places[file.src_uri] = f"docs/{file.src_uri}"
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
        config.places[page] = path
    for notebook in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        path = notebook.relative_to(ROOT).as_posix()
        if "/grading/" not in path:
            page = path.removesuffix(".ipynb") + ".md"
            config.places[page] = path
            for name, content in convert_notebook(notebook, page).items():
                files.append(File.generated(config, name, content=content))
    return files


def convert_notebook(notebook, page):
    """The Markdown of a notebook, and the images of its output, by their names on the site."""
    exporter = MarkdownExporter(exclude_output_prompt=True)
    stem = posixpath.basename(page).removesuffix(".md")
    resources = {"unique_key": stem, "output_files_dir": f"{stem}_files"}
    text, resources = exporter.from_notebook_node(nbformat.read(notebook, 4), resources)
    folder = posixpath.dirname(page)
    images = {posixpath.join(folder, k): v for k, v in resources["outputs"].items()}
    return {page: text, **images}


def on_page_markdown(markdown, page, config, files):
    """Turns links of the checkout into links of the site."""
    pages = {path: name for name, path in config.places.items()}
    place = config.places[page.file.src_uri]
    address = public_address()

    def follow(match):
        image, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or not path:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        on_site = pages.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(on_site):
            here = posixpath.dirname(page.file.src_uri)
            link = posixpath.relpath(on_site, here or ".") + (f"#{anchor}" if anchor else "")
            return f"{image}[{text}]({link})"
        return f"[{text}]({address}/blob/main/{path})" if address else text

    parts = re.split(r"(^```.*?^```|^(?: {4}[^\n]*\n)+)", markdown, flags=re.M | re.S)
    # A list needs a blank line before it here, though not in notebooks and checkouts.
    begin = re.compile(r"^(?![-*|] |\d+\. | )(.+)\n(?=[-*] |1\. )", re.M)
    parts[::2] = [begin.sub(r"\1\n\n", LINK.sub(follow, part)) for part in parts[::2]]
    return "".join(parts)


def on_page_content(html, page, config, files):
    """Writes formulas as MathML, which browsers draw without a script."""

    def formula(match):
        text = match[1].strip()
        block = text.startswith(r"\[")
        return convert(unescape(text[2:-2]), display="block" if block else "inline")

    return re.sub(
        r'<(?:span|div) class="arithmatex">(.*?)</(?:span|div)>', formula, html, flags=re.S
    )


def public_address():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    return settings["genai_keras"]["address"]
