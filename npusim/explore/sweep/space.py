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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from npusim.errors import FormatError
from npusim.explore.sweep.constraint import Constraint, parse_constraint
from npusim.explore.sweep.machines import KEYS, MachineChoice, MachineFamily, machines_of
from npusim.explore.sweep.schemes import AS_IT_IS, SchemeChoice, SchemeFamily, schemes_of
from npusim.formats.pictures import Preprocessing
from npusim.formats.samples import BY_DEFAULT, Reading
from npusim.formats.shipped import beside
from npusim.toml_tables import Table, parsed, read, schema_of, text_of
from npusim.words import IntegerMeaning

POINT_KEYS = ("machine", "network", "scheme", "bits")
MOST_POINTS = 1_000_000


class NetworkTable(Table, frozen=True):
    """A table [[networks]]; paths are relative to the file, or names of what npusim brings."""

    model: str
    name: str = ""
    """The file's stem where it is not given."""
    calibrate: str = ""
    evaluate: str = ""
    requant: str = "auto"
    samples: IntegerMeaning = "codes"
    """What integers in the samples are."""
    crop: float | None = None
    mean: list[float] = field(default_factory=lambda: [0.0])
    std: list[float] = field(default_factory=lambda: [1.0])
    """Of pictures, as `npusim quantize` takes them."""


def _tables(name: str) -> Meta:
    return Meta(extra={"expected": f"tables [[{name}]]"})


class SpaceTable(Table, frozen=True):
    """The whole file."""

    machines: Annotated[list[MachineFamily], _tables("machines")]
    networks: Annotated[list[NetworkTable], _tables("networks")]
    schemes: Annotated[list[SchemeFamily], _tables("schemes")] = field(default_factory=list)
    constraints: Annotated[list[str], Meta(extra={"expected": "a list of texts"})] = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        """Leave the check of the values to msgspec: the tables are made from a file alone."""


@dataclass(frozen=True)
class NetworkChoice:
    """A network of the space: quantized where there are samples to calibrate on, else as it is."""

    name: str
    model: Path
    calibrate: Path | None
    evaluate: Path | None
    requant: str
    reading: Reading = BY_DEFAULT


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
    where, document = str(path), parsed(text_of(path), str(path))
    table = read(document, SpaceTable, where)
    for part in ("machines", "networks"):
        if not document[part]:
            raise FormatError(f"{where}: {part}: expected at least one [[{part}]]")
    networks = _networks(where, table.networks, path.parent)
    schemes = schemes_of(where, table.schemes, document.get("schemes", []))
    quantized = [network.name for network in networks if network.calibrate]
    if quantized and not schemes:
        raise FormatError(f"{where}: [[schemes]] is missing: {quantized[0]} has samples to "
                          "calibrate on")  # fmt: skip
    if schemes and not quantized:
        raise FormatError(f"{where}: [[schemes]]: no network has samples to calibrate on")
    machines = machines_of(where, table.machines, document["machines"], path.parent)
    known = (*POINT_KEYS, *KEYS)
    constraints = tuple(
        parse_constraint(text, f"{where}: constraint", known) for text in table.constraints
    )
    count = len(machines) * len(networks) * max(len(schemes), 1)
    if count > MOST_POINTS:
        raise FormatError(f"{where}: expected at most {MOST_POINTS:,} points, found {count:,}")
    space = Space(machines, networks, schemes, constraints)
    if next(space.points(), None) is None:
        raise FormatError(f"{where}: constraints: expected that a point meets all, found none")
    return space


def _networks(
    where: str, tables: Sequence[NetworkTable], folder: Path
) -> tuple[NetworkChoice, ...]:
    found: dict[str, NetworkChoice] = {}
    for number, table in enumerate(tables, 1):
        name = table.name or Path(table.model).stem
        if name in found:
            raise FormatError(f"{where}: [[networks]] {number}: name: expected another than that "
                              f"of a network before, found {name!r}")  # fmt: skip
        calibrate, evaluate = (
            beside(folder, file) if file else None for file in (table.calibrate, table.evaluate)
        )
        model = beside(folder, table.model)
        preprocessing = Preprocessing(table.crop, tuple(table.mean), tuple(table.std))
        reading = Reading(table.samples, preprocessing)
        found[name] = NetworkChoice(name, model, calibrate, evaluate, table.requant, reading)
    return tuple(found.values())


def space_schema() -> dict[str, Any]:
    """Return the JSON schema of a space file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema_of(SpaceTable),
        "title": "npusim sweep space",
    }
