"""SPACE.toml: machines x networks x schemes, and the constraints that thin them out.

constraints = ["array.size * bus.bus_bytes <= 256", "bits <= 4 or 'uniform8' in array.formats"]

[[machines]]
base = "base"                                  # a name or a file; every other key varies it
array.size = { from = 8, to = 32, times = 2 }
memory.latency_cycles = [20, 100]

[[networks]]
model = "digits_float.onnx"                    # paths are relative to this file
calibrate = "digits_train.npz"                 # then it is quantized by every scheme
evaluate = "digits_test.npz"                   # labels under y give an accuracy

[[schemes]]
scheme = ["uniform", "pwlq"]                   # keys and values of `npusim quantize`
bits = [8, 4]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npusim.errors import FormatError
from npusim.explore.sweep.constraint import Constraint, parse_constraint
from npusim.explore.sweep.machines import KEYS, MachineChoice, read_machines
from npusim.explore.sweep.schemes import AS_IT_IS, SchemeChoice, read_schemes
from npusim.explore.sweep.values import check_keys, choices

PARTS = ("machines", "networks", "schemes", "constraints")
NETWORK_KEYS = ("model", "name", "calibrate", "evaluate", "requant")
POINT_KEYS = ("machine", "network", "scheme", "bits")
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class NetworkChoice:
    """A network of the space: quantized where there are samples to calibrate on, else as it is."""

    name: str
    model: Path
    calibrate: Path | None
    evaluate: Path | None
    requant: str


@dataclass(frozen=True)
class Point:
    """One machine, one network, one scheme."""

    machine: MachineChoice
    network: NetworkChoice
    scheme: SchemeChoice


@dataclass(frozen=True)
class Space:
    """Everything that a sweep goes through."""

    machines: tuple[MachineChoice, ...]
    networks: tuple[NetworkChoice, ...]
    schemes: tuple[SchemeChoice, ...]
    constraints: tuple[Constraint, ...]

    def points(self) -> Iterator[Point]:
        """Yield the points that meet every constraint: by network, then scheme, then machine.

        Raises
        ------
        FormatError
            A constraint cannot be evaluated.
        """
        for network in self.networks:
            for scheme in self.schemes if network.calibrate else (AS_IT_IS,):
                for machine in self.machines:
                    values = {
                        **machine.keys, "machine": machine.name, "network": network.name,
                        "scheme": scheme.scheme, "bits": scheme.bits,
                    }  # fmt: skip
                    if all(constraint.holds(values) for constraint in self.constraints):
                        yield Point(machine, network, scheme)


def read_space(path: Path) -> Space:
    """Return the space in the TOML file at `path`.

    Raises
    ------
    NpuError
        One line with the file, the key, what was expected and what was found.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FormatError(f"{path}: cannot read it: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{path}: expected TOML, found {error}") from None
    where = str(path)
    check_keys(where, document, PARTS, ("machines", "networks"))
    tables = {part: _tables(where, part, document.get(part, [])) for part in PARTS[:3]}
    networks = _networks(where, tables["networks"], path.parent)
    schemes = read_schemes(where, tables["schemes"])
    quantized = [network.name for network in networks if network.calibrate]
    if quantized and not schemes:
        raise FormatError(f"{where}: [[schemes]] is missing: {quantized[0]} has samples to "
                          "calibrate on")  # fmt: skip
    if schemes and not quantized:
        raise FormatError(f"{where}: [[schemes]]: no network has samples to calibrate on")
    machines = read_machines(where, tables["machines"], path.parent)
    texts = document.get("constraints", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise FormatError(f"{where}: constraints: expected a list of texts, found {texts!r}")
    known = (*POINT_KEYS, *KEYS)
    constraints = tuple(parse_constraint(text, f"{where}: constraint", known) for text in texts)
    count = len(machines) * len(networks) * max(len(schemes), 1)
    if count > MOST_POINTS:
        raise FormatError(f"{where}: expected at most {MOST_POINTS:,} points, found {count:,}")
    space = Space(machines, networks, schemes, constraints)
    if next(space.points(), None) is None:
        raise FormatError(f"{where}: constraints: expected that a point meets all, found none")
    return space


def _tables(where: str, part: str, found: Any) -> list[Any]:
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise FormatError(f"{where}: {part}: expected tables [[{part}]], found {found!r}")
    if not found and part != "schemes":
        raise FormatError(f"{where}: {part}: expected at least one [[{part}]]")
    return found


def _networks(where: str, tables: Sequence[Mapping[str, Any]], folder: Path) -> tuple[
    NetworkChoice, ...
]:  # fmt: skip
    found: dict[str, NetworkChoice] = {}
    for number, table in enumerate(tables, 1):
        here = f"{where}: [[networks]] {number}"
        check_keys(here, table, NETWORK_KEYS, ("model",))
        texts = {key: choices(f"{here}: {key}", [value], "")[0] for key, value in table.items()}
        name = texts.get("name", Path(texts["model"]).stem)
        if name in found:
            raise FormatError(f"{here}: name: expected another than that of a network before, "
                              f"found {name!r}")  # fmt: skip
        found[name] = NetworkChoice(
            name,
            folder / texts["model"],
            folder / texts["calibrate"] if "calibrate" in texts else None,
            folder / texts["evaluate"] if "evaluate" in texts else None,
            texts.get("requant", "auto"),
        )
    return tuple(found.values())
