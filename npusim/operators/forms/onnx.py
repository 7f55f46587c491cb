"""How a page says what an operator is called in .onnx files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from npusim.formats.onnx.records import OnnxNode
from npusim.operators.forms.onnx_builder import Builder


@dataclass(frozen=True)
class OnnxForm:
    """One name of an operator in .onnx files.

    Attributes
    ----------
    name, domain
        The operator's type and domain; the standard domain is "".
    read
        Appends what the node means to the builder, axes and shapes still the file's.
    """

    name: str
    read: Callable[[Builder, OnnxNode], None]
    domain: str = ""
