"""Which rule a network runs under: a runtime's arithmetic, or one rounding mode everywhere."""

from __future__ import annotations

from npusim.arguments import require_one_of, require_type
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.words import ROUNDINGS, RULES, UNFUSED, Rule

OWN_RULE: dict[str, Rule] = {"tflite": "litert", "onnx": "onnxruntime", "npusim": "half_up"}
"""The rule of the runtime that defines each kind of file."""

LINEAR_ROUNDING: dict[str, str] = {
    "litert": "tflite", "litert-opt": "ruy", "tosa": "tflite", "xnnpack": "fp32",
    "onnxruntime": "fp32", "onnx": "fp32", **{mode: mode for mode in ROUNDINGS},
}  # fmt: skip
"""How the accumulators of a convolution are rounded under each rule: an integer mode, or `fp32`."""

DENSE_ROUNDING = LINEAR_ROUNDING | {"litert": "double_away"}
"""The same of a dense layer."""


def has_layers_in_float(rule: Rule) -> bool:
    """Return whether its runtime computes some layers in float, the machine with integer twins."""
    return rule in ("litert", "xnnpack", "onnxruntime", *UNFUSED)


def arithmetic_of(rule: Rule) -> Rule:
    """Return the rule whose arithmetic an operator has: `onnx` computes as onnxruntime does.

    What it does not do is join an operator with the DequantizeLinear and QuantizeLinear around it.
    """
    return "onnxruntime" if rule in UNFUSED else rule


def resolve_rule(network: Network, requested: str = "auto") -> Rule:
    """Return the rule named `requested`; `auto` is that of the runtime the file was made for.

    Raises
    ------
    UnsupportedError
        There is no such rule, or `network` is none.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    require_one_of("requant", requested, ("auto", *RULES))
    if requested == "auto":
        return OWN_RULE[network.source]
    if requested in UNFUSED and network.source != "onnx":
        raise UnsupportedError(f"requant {requested}: expected an .onnx file of another's making")
    if requested in UNFUSED and network.altered:
        raise UnsupportedError(
            f"requant {requested}: {network.altered[0]}: onnxruntime quantizes it anew, what the "
            "file says of it is not kept"
        )
    return requested  # type: ignore[return-value]  # one of RULES


def linear_integer_mode(rule: Rule) -> str:
    """Return the integer rounding mode that `rule` gives coded weights.

    Raises
    ------
    UnsupportedError
        The rule needs the scales that integer constants replace.
    """
    mode = LINEAR_ROUNDING[rule]
    if mode == "fp32":
        raise UnsupportedError(
            f"its constants are integers, rule {rule} needs the scales they replace"
        )
    return mode
