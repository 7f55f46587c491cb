"""bucketize: between which of rising boundaries each value lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import as_they_stand
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.words import Rule


@dataclass(frozen=True)
class Bucketize(Unary):
    """How many of `boundaries`, float32 and rising, are at most x."""

    boundaries: tuple[float, ...]


def real(operator: Bucketize, x: NDArray) -> NDArray[np.int32]:
    """Return the numbers of the buckets."""
    ends = np.array(operator.boundaries, np.float32)
    found = np.searchsorted(ends, x.astype(np.float32), side="right")
    return np.asarray(found, np.int32)


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    return as_they_stand(real)(network, node)


def _read(layer: TfliteLayer) -> Bucketize:
    ends: Any = layer.option("Boundaries")
    return Bucketize(tuple(float(end) for end in ends))


PAGE = Page(
    operator=Bucketize,
    tflite=(TfliteForm("BUCKETIZE", 1, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("takes no quantized integers"),
    quantized=Absent("takes no quantized integers"),
    float32=single,
    plain=as_they_stand(real),
    macs=no_macs,
    unit="host",
)
