"""docs/lanes.md: what lanes that share units save and cost: python -m tools.pages.lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import npusim
from npusim.cost.area import area_um2
from npusim.cost.table import load_table
from npusim.machines import Machine
from tools.checkout import MODELS, ROOT
from tools.markdown import header, row

PAGE = ROOT / "docs" / "lanes.md"
NETWORKS = {
    "kws_dscnn": "kws_dscnn_int8", "ic_resnet8": "ic_resnet8_int8", "vww_mbv1": "vww_mbv1_int8",
    "MobileNetV2": "coral_tf2_mobilenet_v2_ptq",
}  # fmt: skip
REQUANTIZER, LOOKUP = "array.lanes_per_requantizer", "array.lanes_per_lookup"
CHOICES: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("`base`", {}),
    *((f"{n} lanes a requantizer", {REQUANTIZER: n}) for n in (2, 4, 8)),
    *((f"{n} lanes a lookup", {LOOKUP: n}) for n in (2, 4, 8)),
    *((f"{n} lanes each", {REQUANTIZER: n, LOOKUP: n}) for n in (2, 4, 8)),
)
SMALLEST = ROOT / "docs" / "examples" / "smallest.toml"
HEAD = """\
# Lanes that share units

Written by `python -m tools.pages.lanes` with the networks of `NPUSIM_SHARED`; do not edit.

`array.lanes_per_requantizer` lanes share a requantizer with its adder and take turns in RQ, VEC add
and multiply; `array.lanes_per_lookup` lanes share a reader of the table
([the machine](architecture.md), section 4, Shared units). Area, cycles and energy of a sample on
`base` by the shipped table of {technology} ([energy](energy.md)), with the change in brackets;
every choice gives the same bytes.

"""
FOOT = """
Turns that no multiplication hides count: layers of few products a result (depthwise and narrow
pointwise ones) wait for the requantizers, fully connected ones hardly do. Sharing lookups costs
these networks no cycle. Two lanes a requantizer save 6 % of the area for 6 to 11 % more cycles and
a little more energy; four and eight lose more time than they save area. `base` and `wide` have one
a lane. `nano` and `small` share them, because an [ECP5](fpga.md) has few multipliers and tables:
with one a lane, `nano`'s took most of its LUT4, and `small` needed 160 multipliers of 156.
{stale}
**The smallest machine of int8** is [smallest.toml](examples/smallest.toml): `nano` without other
weight codes, with the least memories that the operators' tests take. It runs every operator that
`nano` runs of int8, in {small:.3f} mm2 of {nano:.3f}.
"""


STALE = """
The table's requantizer multiplies {terms} terms a cycle, the machine's one: until that row is made
again, what fewer requantizers save is overstated.
"""


def _change(found: float, before: float) -> str:
    return f" ({100 * (found / before - 1):+.1f} %)" if found != before else ""


def table(base: Machine) -> Iterator[str]:
    """Yield the rows: a choice each, area and of each network cycles and energy."""
    networks = {
        name: npusim.load(MODELS / "tflite" / f"{stem}.tflite") for name, stem in NETWORKS.items()
    }
    yield from header("units", "mm2", *(f"{name}, cycles, uJ" for name in networks))
    first: list[float] = []
    for title, changes in CHOICES:
        machine = base.with_(changes)
        found = [area_um2(machine, base.energy.technology)["total"] / 1e6]
        for network in networks.values():
            cost = npusim.estimate(network, machine)
            found += [cost.cycles, cost.energy_pj["total"] / 1e6]
        first = first or found
        area, *costs = zip(found, first, strict=True)
        cells = [
            f"{cycles[0]:,}{_change(*cycles)}, {energy[0]:,.1f}{_change(*energy)}"
            for cycles, energy in zip(costs[::2], costs[1::2], strict=True)
        ]
        yield row(title, f"{area[0]:.3f}{_change(*area)}", *cells)


def page() -> str:
    """Return docs/lanes.md."""
    base, nano = Machine.load("base"), Machine.load("nano")
    technology = base.energy.technology
    small, whole = (
        area_um2(machine, technology)["total"] / 1e6 for machine in (Machine.load(SMALLEST), nano)
    )
    rows = "\n".join(table(base))
    requantizer = load_table(technology, base.energy.clock_gating).nearest(
        "npu_requantize", base.parameters
    )
    terms = requantizer.parameters["MAX_TERMS"]
    foot = FOOT.format(
        small=small, nano=whole, stale=STALE.format(terms=terms) if terms > 1 else ""
    )  # fmt: skip
    return HEAD.format(technology=technology) + rows + "\n" + foot


def main() -> None:
    """Write docs/lanes.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
