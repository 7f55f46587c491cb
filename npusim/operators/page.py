"""What a page states: every part of an operator, or why it has none.

A page is `npusim/operators/<stem>.py`: the operator's class (attributes, inputs, shapes, what a
batch is to it) and `PAGE`, the record below. No part has a default, so that an operator cannot fall
into one silently: what is not there is `Absent`, with the reason that users are told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.runtimes.rule import arithmetic_of
from npusim.words import ROUNDINGS, Rounding, Rule, Unit

if TYPE_CHECKING:
    from npusim.operators.forms.onnx import OnnxForm
    from npusim.operators.forms.own import OwnForm
    from npusim.operators.forms.tflite import TfliteForm

Step = Callable[..., Any]
"""(threads, x, ...) -> y, or a tuple of outputs, on canonical arrays with a leading batch."""

Constants = Callable[[Network, Node], Any]
"""What one runtime computes with: integers or floats made of the node's scales."""


@dataclass(frozen=True)
class Absent:
    """A part that the operator does not have; `why` completes "<node>: <operator> ..."."""

    why: str

    def raise_for(self, node: Node) -> UnsupportedError:
        """Return the error of a node that needs the part."""
        return UnsupportedError(f"{node.name}: {node.kind} {self.why}")


NO_OWN_FORM = Absent("has no form in npusim's own files")


@dataclass(frozen=True)
class PerRuntime:
    """The constants of one operator under every rule: one function for each runtime.

    `integer` takes the rounding mode too: npusim's own form of the operator, with one rounding.
    """

    litert: Constants | Absent
    litert_opt: Constants | Absent
    xnnpack: Constants | Absent
    onnxruntime: Constants | Absent
    tosa: Constants | Absent
    integer: Callable[[Network, Node, Rounding], Any] | Absent

    def of(self, network: Network, node: Node, rule: Rule) -> Any:
        """Return the constants of `node` under `rule`.

        Raises
        ------
        UnsupportedError, RangeError
            The operator is not defined under the rule, or its scales are out of the rule's range.
        """
        runtime = "integer" if rule in ROUNDINGS else arithmetic_of(rule).replace("-", "_")
        function = getattr(self, runtime)
        if isinstance(function, Absent):
            raise function.raise_for(node)
        mode = (rule,) if runtime == "integer" else ()
        return function(network, node, *mode)


@dataclass(frozen=True)
class Page:
    """All parts of one operator.

    Attributes
    ----------
    operator
        The class.
    tflite, onnx, own
        Its names in each format with the mapping of attributes; empty where the format has none.
    real
        (operator, *inputs) -> output, or a tuple of them: the real-valued meaning on numpy arrays
        of a float type, which is also the type it computes in.
    constants
        What each runtime computes with on quantized integers.
    quantized
        (network, node, constants) -> Step on quantized integers.
    float32
        (network, node, rule) -> Step on float32, as the rule's runtime computes.
    plain
        (network, node) -> Step on integers and truth values that are worth themselves.
    macs
        (network, node) -> multiply-accumulates of one run at the declared shape.
    unit
        What of the machine computes it, where its types and shapes allow; compiler/lower/ has a
        file of the page's stem unless that is the host.
    """

    operator: type[Operator]
    tflite: tuple[TfliteForm, ...]
    onnx: tuple[OnnxForm, ...]
    own: tuple[OwnForm, ...] | Absent
    real: Callable[..., NDArray | tuple[NDArray, ...]] | Absent
    constants: PerRuntime | Absent
    quantized: Callable[[Network, Node, Any], Step] | Absent
    float32: Callable[[Network, Node, Rule], Step] | Absent
    plain: Callable[[Network, Node], Step] | Absent
    macs: Callable[[Network, Node], int]
    unit: Unit


def no_macs(network: Network, node: Node) -> int:
    """Return 0: the operator multiplies no weights."""
    return 0
