"""Small networks that onnxruntime's quantize_static wrote, against its default session.

QDQ and QOperator, int8 and uint8 activations: attention, pools, ConvTranspose, DepthToSpace,
divisions, hard activations, LayerNormalization, Pad, PRelu, Resize, squeeze-excite, Split, Sub.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from npusim.formats.files import load

from .onnxruntime_reference import ALL, npusim_run, session

pytestmark = pytest.mark.shared


def files(shared: Path) -> list[Path]:
    return sorted((shared / "corpus" / "onnx").glob("q_*.onnx"))


def test_every_output_has_the_bytes_of_the_default_session(shared: Path) -> None:
    paths = files(shared)
    assert len(paths) == 48
    differing: dict[str, int] = {}
    for path in paths:
        reference = session(onnx.load(path), ALL)
        network, rng = load(path), np.random.default_rng(7)
        (feed,) = reference.get_inputs()
        for scale in (0.5, 1, 3):
            x = (rng.standard_normal(feed.shape) * scale).astype(np.float32)
            expected = reference.run(None, {feed.name: x})
            found = npusim_run(network, {feed.name: x})
            for output, value in zip(reference.get_outputs(), expected, strict=True):
                count = int(np.count_nonzero(found[output.name] != value))
                differing[path.stem] = differing.get(path.stem, 0) + count
    assert not any(differing.values()), differing
