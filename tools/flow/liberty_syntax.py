"""Liberty files as nested groups; what the groups mean is said where they are read."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_TOKEN = re.compile(r'"[^"]*"|[{}();:,]|[^\s{}();:,"]+')
_LEAKAGES_NW = {"1nW": 1.0, "1pW": 1e-3, "1uW": 1e3}


@dataclass
class Group:
    """A Liberty group: `kind (name) { attributes, groups }`."""

    kind: str
    name: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    names: tuple[str, ...] = ()
    """All names in the brackets, `name` first."""

    def all(self, kind: str) -> Iterator[Group]:
        """Yield the groups of `kind` directly inside."""
        return (group for group in self.groups if group.kind == kind)


def read_text(path: Path) -> str:
    """Return the text of a .lib or .lib.gz file."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def read_liberty(path: Path) -> Group:
    """Return the library group of a .lib or .lib.gz file."""
    return parse_liberty(read_text(path))


def leakage_unit_nw(library: Group) -> float:
    """Return the library's unit of leakage power."""
    return _LEAKAGES_NW[library.attributes["leakage_power_unit"][0]]


def parse_liberty(text: str) -> Group:
    """Return the library group of a Liberty file."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).replace("\\\n", " ")
    tokens = _TOKEN.findall(text)
    root = Group("root", "")
    stack, place = [root], 0
    while place < len(tokens):
        token = tokens[place]
        if token == "}":
            stack.pop()
            place += 1
        elif token in (";", ","):
            place += 1
        elif tokens[place + 1] == ":":
            stack[-1].attributes[token] = [tokens[place + 2].strip('"')]
            place += 3
        else:
            end = tokens.index(")", place)
            values = [t.strip('"') for t in tokens[place + 2 : end] if t != ","]
            place = end + 1
            if place < len(tokens) and tokens[place] == "{":
                group = Group(token, values[0] if values else "", names=tuple(values))
                stack[-1].groups.append(group)
                stack.append(group)
                place += 1
            else:
                stack[-1].attributes[token] = values
    return root.groups[0]
