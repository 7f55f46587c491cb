"""The list of operators: every page there is."""

from __future__ import annotations

from npusim.operators import (
    batch_to_space,
    broadcast_to,
    depth_to_space,
    mirror_pad,
    reverse,
    sigmoid,
    space_to_batch,
    space_to_depth,
    strided_slice,
    tile,
)
from npusim.operators.page import Page

PAGES: tuple[Page, ...] = (
    batch_to_space.PAGE,
    broadcast_to.PAGE,
    depth_to_space.PAGE,
    mirror_pad.PAGE,
    reverse.PAGE,
    sigmoid.PAGE,
    space_to_batch.PAGE,
    space_to_depth.PAGE,
    strided_slice.PAGE,
    tile.PAGE,
)

PAGE_OF = {page.operator: page for page in PAGES}
