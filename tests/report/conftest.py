"""A headless browser for the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tests.report.browser import Browser, chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = chromium()
    if path is None:
        missing("Chromium not found: apt-get install chromium-headless-shell")
    assert path is not None
    found = Browser(path, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
