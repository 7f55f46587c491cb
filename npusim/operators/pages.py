"""The list of operators: every page there is."""

from __future__ import annotations

from npusim.operators import sigmoid
from npusim.operators.page import Page

PAGES: tuple[Page, ...] = (sigmoid.PAGE,)

PAGE_OF = {page.operator: page for page in PAGES}
