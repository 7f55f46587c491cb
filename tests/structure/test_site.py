"""The documentation site is built without a warning, and shows every document and public name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import npusim
from tests.conftest import ROOT, missing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("mkdocs") is None:
        missing("mkdocs is not installed: pip install 'npusim[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # an announcement of the theme
    built = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr, built.stderr
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    for path in (ROOT / "docs").glob("*.md"):
        page = site / ("index.html" if path.stem == "index" else f"{path.stem}/index.html")
        assert page.exists(), path.name


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    text = (site / "api" / "index.html").read_text()
    shown = {name.rpartition(".")[2] for name in re.findall(r'id="(npusim[\w.]+)"', text)}
    renamed = {"compile": "compile_checked"}
    assert {renamed.get(name, name) for name in npusim.__all__} <= shown
