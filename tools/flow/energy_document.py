"""An energy table as it is made: npusim/cost/tables/<technology>.json, row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.flow.energy_builds import FORM_OF_ALL, OF_ALL, all_units
from tools.flow.streams import Stream
from tools.flow.traffic import Build
from tools.flow.units import Unit, sources_of


class Document:
    """A technology's table as it grows: rows by module, build and whether enables are gates."""

    def __init__(
        self, path: Path, head: dict[str, Any], seed: int, streams: Sequence[Stream]
    ) -> None:
        self.path, self.head, self.seed, self.streams = path, head, seed, streams
        old = json.loads(self.path.read_text()) if self.path.exists() else {"modules": []}
        self.rows = {_key(row): row for row in old["modules"]}
        self.head["provenance"]["seed_noise"] = old.get("provenance", {}).get("seed_noise", {})

    def has(self, unit: Unit, build: Build, gated: bool) -> bool:
        """Return whether a row is there, of today's Verilog and of as many networks."""
        wanted = {"module": unit.module, "parameters": dict(unit.parameters(build)),
                  "clock_gated": gated}  # fmt: skip
        row = self.rows.get(_key(wanted), {})
        stamp = self._stamp(unit, build)
        return all(row.get(name) == value for name, value in stamp.items())

    def _stamp(self, unit: Unit, build: Build) -> dict[str, Any]:
        """Return what a row says of where it comes from."""
        of_all = build == OF_ALL and FORM_OF_ALL in unit.formats
        networks = 1 + len(self.streams) if of_all else 1
        return {"seed": self.seed, "networks": networks, "sources": sources_of(unit)}

    def put(self, unit: Unit, build: Build, row: dict[str, Any], gated: bool) -> None:
        """Write a row, in place of that of the same build."""
        made = {**row, "clock_gated": gated, **self._stamp(unit, build)}
        self.rows[_key(made)] = made
        self._write()

    def put_noise(self, found: Mapping[str, float]) -> None:
        """Write what the next seed changes."""
        self.head["provenance"]["seed_noise"] = dict(found)
        self._write()

    def energies(self, unit: Unit, build: Build) -> Mapping[str, float]:
        """Return the classes of a unit's netlist with gates."""
        wanted = {"module": unit.module, "parameters": dict(unit.parameters(build)),
                  "clock_gated": True}  # fmt: skip
        found: Mapping[str, float] = self.rows[_key(wanted)]["energy_pj"]
        return found

    def _write(self) -> None:
        places = {_place(unit, build): i for i, (unit, build) in enumerate(all_units())}
        ordered = sorted(
            self.rows.values(), key=lambda r: (places.get(_named(r), len(places)), r["clock_gated"])
        )
        self.path.write_text(json.dumps({**self.head, "modules": ordered}, indent=1) + "\n")


def _named(row: dict[str, Any]) -> str:
    return json.dumps([row["module"], row["parameters"]])


def _key(row: dict[str, Any]) -> str:
    return json.dumps([row["module"], row["parameters"], row["clock_gated"]])


def _place(unit: Unit, build: Build) -> str:
    return json.dumps([unit.module, dict(unit.parameters(build))])
