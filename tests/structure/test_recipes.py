"""The recipes of CONTRIBUTING.md work: executed on a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
SECTIONS = dict(re.findall(r"^## Add (?:an? )([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
RECIPES = [name for name, text in SECTIONS.items() if "```sh" in text]
COPIED = ("npusim", "rtl", "tests", "pyproject.toml")


def blocks(section: str, language: str) -> list[str]:
    """Return the contents of a section's blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)


def edited(text: str, edit: str) -> str:
    """Return `text` with what an edit removes and adds.

    A line of it begins with "- " (this text goes, and the lines added behind take its place), "+ "
    (this line comes behind the last one) or two spaces (a line to stand at).
    """
    place = removed = None
    for line in edit.splitlines():
        mark, body = line[:2], line[2:]
        if mark == "- ":
            assert text.count(body) == 1, body
            removed, place = body, text.index(body)
            text = text.replace(body, "")
        elif mark == "  ":
            assert body in text, body
            place = text.index(body) + len(body)
        elif removed is not None:
            text, removed = f"{text[:place]}{body}{text[place:]}", None
            place += len(body)
        else:
            assert place is not None, line
            end = text.index("\n", place)
            text = f"{text[:end]}\n{body}{text[end:]}"
            place = end + 1 + len(body)
    return text


def test_four_recipes_are_there() -> None:
    assert SECTIONS.keys() == {"operator", "rounding mode", "weight code", "machine parameter"}
    assert set(RECIPES) == SECTIONS.keys()


@pytest.mark.rtl
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works(name: str, tmp_path: Path) -> None:
    for entry in COPIED:
        source = ROOT / entry
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / entry)
    section = SECTIONS[name]
    for block in blocks(section, "(?:python|toml)"):
        path = tmp_path / block.partition("\n")[0].removeprefix("# ")
        assert not path.exists()
        path.write_text(block.partition("\n")[2])
    for block in blocks(section, "edit"):
        path = tmp_path / block.partition("\n")[0].removeprefix("# ")
        path.write_text(edited(path.read_text(), block.partition("\n")[2]))
    (command,) = blocks(section, "sh")
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NPUSIM_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
