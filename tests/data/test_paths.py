"""Paths in little memory are those that were put in."""

import itertools
from pathlib import Path

from PIL import Image

from genai_keras.data.folder_listing import find_images
from genai_keras.data.paths import Paths


def test_they_are_the_paths_that_were_given():
    given = [Path("a/b.png"), Path("a.png"), Path("c")]
    paths = Paths(given)
    paths.append("d/e")
    assert list(paths) == [*given, Path("d/e")] and len(paths) == 4
    assert paths == [*given, Path("d/e")] and paths != given
    assert paths[1] == Path("a.png") and paths[-1] == Path("d/e")
    assert paths[1:3] == Paths([Path("a.png"), Path("c")])
    assert Path("c") in paths and Path("b") not in paths
    assert sorted(paths) == sorted([*given, Path("d/e")])


def test_images_are_found_in_the_order_of_their_parts(tmp_path):
    # Letters before and after the slash, and names that begin other names.
    names = ["".join(each) for n in (1, 2, 3) for each in itertools.product("b-.0", repeat=n)]
    for folder in ("", "a", "a-", "a.b", "a0", "b", "b-"):
        (tmp_path / folder).mkdir(exist_ok=True)
    for folder in ("", "a", "a-", "a.b", "a0"):
        for name in names:
            if not name.startswith(".") and not (tmp_path / folder / name).is_dir():
                Image.new("L", (1, 1)).save(tmp_path / folder / name, "png")
    found = find_images(tmp_path).paths
    assert len(found) > 200 and list(found) == sorted(found)
