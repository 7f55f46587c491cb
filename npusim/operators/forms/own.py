"""How a page says what an operator is in npusim's own ONNX form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OwnForm:
    """The name of a function of npusim's domain."""

    name: str
