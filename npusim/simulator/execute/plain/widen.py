"""Elements of scratchpads as the integers that the datapath's scalars take."""

from __future__ import annotations

from typing import Any

import numpy as np

from npusim.datapath.jit import scalar


@scalar
def widen(element: Any) -> Any:
    """Return an int8, uint8 or int32 element as a 64-bit integer: kernels take no unsigned ones."""
    return np.int64(element)
