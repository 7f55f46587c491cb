"""Weights of a linear layer as integer planes, whatever their scheme."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.codes.points import planes_of_points
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.graph.weights import EncodedWeights


def weight_planes(network: Network, node: Node) -> NDArray[np.int16]:
    """Return int16 [J OC KH KW IC/groups], zero point subtracted; fully connected has KH = KW = 1.

    Raises
    ------
    UnsupportedError
        The weights are computed while the network runs, or of another type than 8 bits.
    RangeError
        A code has more bits than its scheme.
    """
    encoded: EncodedWeights | None = getattr(node.operator, "encoding", None)
    if encoded is None:
        planes = _plain(node, network.inputs_of(node)[1])
    else:
        planes = _decoded(encoded)
    return planes[:, :, None, None, :] if planes.ndim == 3 else planes


def _plain(node: Node, weights: Tensor) -> NDArray[np.int16]:
    if weights.data is None or weights.dtype not in (np.int8, np.uint8):
        found = "computed" if weights.data is None else str(weights.dtype)
        raise UnsupportedError(
            f"{node.name}: expected constant 8-bit weights in {weights.name}, found {found} values"
        )
    zero_point = np.zeros((), np.int64)
    if weights.quantization is not None:
        zero_point = weights.quantization.zero_point
    channels = zero_point.reshape(-1, *(1,) * (weights.data.ndim - 1))
    return (weights.data.astype(np.int16) - channels.astype(np.int16))[None]


def _decoded(encoded: EncodedWeights) -> NDArray[np.int16]:
    """Return the planes of coded weights in the order of the layer's multipliers.

    The forms of a channel's first point come first (pwlq: centre, tail, and the tail's sign where
    there is a third multiplier), then those of its second. A window sum is one more plane of ones.
    """
    decoded = encoded.code.decode(encoded.codes, encoded.bits, encoded.levels, encoded.forms)
    planes = planes_of_points(decoded, encoded.points)
    if encoded.window_sum.any():
        sign = np.sign(encoded.window_sum).astype(np.int16)
        ones = np.broadcast_to(sign.reshape(-1, *(1,) * (planes.ndim - 2)), planes.shape[1:])
        planes = np.concatenate([planes, ones[None]])
    return planes
