"""A module's interface in the tree that Verilator writes with --json-only.

A type is a node of the tree, found by its address: plain bits have a range, a typedef and an enum
refer to another type, packed arrays and structs are as wide as all that is in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npusim.cosim.errors import CosimulationError
from npusim.cosim.interface import Interface, ModulePort

DIRECTIONS = {"INPUT": "in", "OUTPUT": "out", "INOUT": "inout"}
UNFLAT = {
    "UNPACKARRAYDTYPE": "an unpacked array",
    "STRUCTDTYPE": "an unpacked struct",
    "UNIONDTYPE": "an unpacked union",
}
"""Types of ports that have no width."""

Node = dict[str, Any]
_NUMBER = re.compile(r"(\d+)'(s?)h([0-9a-fA-F]+)")


def interface(module: str, path: Path) -> Interface:
    """Return the ports and parameters of `module` in the tree at `path`.

    Raises
    ------
    CosimulationError
        There is no such module, or a port is none of bits alone.
    """
    tree = json.loads(path.read_text(encoding="utf-8"))
    types = {node["addr"]: node for node in _nodes(tree) if node["type"].endswith("DTYPE")}
    found = [n for n in tree["modulesp"] if n["type"] == "MODULE" and n["origName"] == module]
    if not found:
        raise CosimulationError(f"{module}: Verilator elaborated no such module")
    variables = [node for node in found[0]["stmtsp"] if node["type"] == "VAR"]
    ports = tuple(
        ModulePort(
            node["origName"], DIRECTIONS[node["direction"]], _width(module, node, node, types)
        )
        for node in variables
        if node["direction"] in DIRECTIONS
    )
    parameters = {
        node["origName"]: value
        for node in variables
        if node["varType"] == "GPARAM" and (value := _value(node)) is not None
    }
    return Interface(module, ports, parameters)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for value in node.values():
        if isinstance(value, list):
            for inner in value:
                yield from _nodes(inner)


def _width(module: str, port: Node, node: Node, types: dict[str, Node]) -> int:
    """Return the bits of the type of `node`, a port or what its type is made of."""
    kind = types[node["dtypep"] if node["type"] == "VAR" else node["refDTypep"]]
    return _type_width(module, port, kind, types)


def _type_width(module: str, port: Node, kind: Node, types: dict[str, Node]) -> int:
    match kind["type"]:
        case "BASICDTYPE":
            return _range_width(kind.get("range", "0:0"))
        case "REFDTYPE" | "ENUMDTYPE" | "MEMBERDTYPE" | "CONSTDTYPE":
            return _width(module, port, kind, types)
        case "PACKARRAYDTYPE":
            return _range_width(kind["declRange"].strip("[]")) * _width(module, port, kind, types)
        case "STRUCTDTYPE" | "UNIONDTYPE" if kind.get("packed"):
            widths = [_width(module, port, member, types) for member in kind["membersp"]]
            return max(widths) if kind["type"] == "UNIONDTYPE" else sum(widths)
        case name:
            raise _unflat(module, port, UNFLAT.get(name, str(name)))


def _range_width(text: str) -> int:
    left, right = map(int, text.split(":"))
    return abs(left - right) + 1


def _value(node: Node) -> int | None:
    """Return a parameter's value; None where it is no number."""
    values = node.get("valuep", [])
    number = _NUMBER.fullmatch(values[0]["name"]) if values else None
    if number is None:
        return None
    width, sign, digits = int(number[1]), number[2], int(number[3], 16)
    is_negative = digits >> (width - 1) & 1 and (sign or width == 32)
    return digits - (1 << width) if is_negative else digits


def _unflat(module: str, port: Node, what: str) -> CosimulationError:
    return CosimulationError(
        f"{module}: port {port['origName']}: expected bits, found {what}: put a module around it "
        "whose ports are packed"
    )
