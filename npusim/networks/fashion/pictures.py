"""The pictures of Fashion-MNIST where Debian's package dataset-fashion-mnist puts them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATASET = Path("/usr/share/datasets/fashion-mnist")
HEADER_BYTES = {"images": 16, "labels": 8}


def read(part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images [N 28 28] and classes [N] of `train` (60,000) or `t10k` (10,000)."""
    images, labels = (
        np.frombuffer(
            gzip.decompress((DATASET / f"{part}-{kind}-idx{rank}-ubyte.gz").read_bytes()),
            np.uint8,
            offset=HEADER_BYTES[kind],
        )
        for kind, rank in (("images", 3), ("labels", 1))
    )
    return images.reshape(-1, 28, 28), labels
