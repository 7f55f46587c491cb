"""What each node of a quantized network is in npusim's ONNX form: function, constants, attributes.

The exporter writes these calls; the importer rebuilds the operators and then requires that the
calls of the network it built are those of the file, so that a file cannot say one thing to
onnxruntime and another to npusim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto

from npusim.errors import UnsupportedError
from npusim.formats.own import elementwise as functions
from npusim.formats.own import floats
from npusim.formats.own.functions import DOMAIN_VERSION
from npusim.formats.own.linear import format_named, format_of, linear_function
from npusim.graph.network import Network, Node
from npusim.graph.weights import EncodedWeights
from npusim.operators.forms.own import ANY_NUMBER, Attribute, OwnForm
from npusim.operators.forms.own_float import FLOAT
from npusim.operators.kinds.linear import encoding_of
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF
from npusim.runtimes.requantization import affine

FUNCTIONS: dict[str, Callable[[], FunctionProto]] = {
    "Input": functions.input_function,
    "Output": functions.output_function,
    "FloatInput": floats.input_function,
    "FloatOutput": floats.output_function,
    "Add": functions.add_function,
    "Mul": functions.multiply_function,
    "MatMul": functions.matmul_function,
    "Mean": functions.mean_function,
    "AveragePool": functions.average_pool_function,
    "PaddedAveragePool": functions.padded_average_pool_function,
    "MaxPool": functions.max_pool_function,
    "Pad": functions.pad_function,
    "Reshape": functions.reshape_function,
    "Transpose": functions.transpose_function,
    "Slice": functions.slice_function,
    "Pick": functions.pick_function,
    "LookUp": functions.look_up_function,
    "Activation": functions.activation_function,
}
CONCAT = "Concat"

LINEAR_FORMS = ("Conv", "Gemm", "Dense")
"""Forms of layers whose function is named by the format of their codes."""


def function_named(name: str, version: int = DOMAIN_VERSION) -> FunctionProto:
    """Return the function of npusim's domain called `name`, as `version` of it has it.

    Raises
    ------
    FormatError
        There is none.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]()
    if name.startswith(CONCAT) and name.removeprefix(CONCAT).isdecimal():
        return functions.concat_function(int(name.removeprefix(CONCAT)))
    if name.removeprefix(FLOAT) in floats.OPERATORS and name.startswith(FLOAT):
        return floats.float_function(name)
    return linear_function(format_named(name), version)


@dataclass(frozen=True, eq=False)
class Call:
    """A node of the file: the function, its constant inputs after the computed ones, attributes."""

    function: str
    constants: dict[str, NDArray] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)


def call_of(network: Network, node: Node) -> Call:
    """Return `node` as a call of one of npusim's functions.

    Raises
    ------
    UnsupportedError
        The form has no function for the operator.
    """
    forms = PAGE_OF[type(node.operator)].own
    if isinstance(forms, Absent):
        raise forms.raise_for(node)
    form = next((form for form in forms if form.suits(network, node)), None)
    if form is None:
        raise UnsupportedError(f"{node.name}: {node.kind} of this kind has no form here")
    encoding = encoding_of(node)
    if encoding is not None:
        return _with_codes(network, node, form, encoding)
    if form.name in LINEAR_FORMS:
        raise UnsupportedError(f"{node.name}: expected coded weights, found plain ones")
    number = str(len(node.inputs)) if form.values == ANY_NUMBER else ""
    function = form.name.partition(":")[0] + number
    return Call(function, form.held(network, node), form.attributes(network, node))


def pack_codes(codes: NDArray, code_bits: int) -> NDArray[np.uint8]:
    """Return the codes as a stream of bytes: code i in bits i*b and up, least significant first."""
    flat = codes.reshape(-1, 1).astype(np.uint16)
    bits = (flat >> np.arange(code_bits, dtype=np.uint16)) & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little")


def unpack_codes(stream: NDArray[np.uint8], code_bits: int, count: int) -> NDArray[np.uint16]:
    """Return `count` codes of a stream."""
    bits = np.unpackbits(stream, count=count * code_bits, bitorder="little").astype(np.uint16)
    placed = bits.reshape(count, code_bits) << np.arange(code_bits, dtype=np.uint16)
    codes: NDArray[np.uint16] = placed.sum(axis=1, dtype=np.uint16)
    return codes


def _with_codes(network: Network, node: Node, form: OwnForm, encoding: EncodedWeights) -> Call:
    """Return the call of a layer of coded weights, whose function is named by their format."""
    written = format_of(encoding, form.name == "Conv", form.name == "Dense")
    attributes = form.attributes(network, node)
    attributes["x_zero_point"] = affine(node, network.inputs_of(node)[0])[1]
    attributes["weight_shape"] = encoding.codes.shape
    held: dict[str, NDArray] = {
        name: getattr(encoding, name) for name in written.inputs if name not in ("x", "codes")
    }
    codes = {"codes": pack_codes(encoding.codes, encoding.code_bits)}
    return Call(written.name, {**codes, **held}, attributes)
