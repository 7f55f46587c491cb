"""docs/energy_networks.md from the tables: python -m tools.pages.energy_networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import npusim
from npusim.codes import ARRAY_FORMATS
from npusim.cost.energy import energy_pj, with_total
from npusim.cost.prices import COMPONENTS, prices
from npusim.machines import Machine
from npusim.quant.options import PUBLISHED
from tools.checkout import MODELS, ROOT
from tools.flow.streams import STREAMS
from tools.markdown import header, row

PAGE = ROOT / "docs" / "energy_networks.md"
TEXT = """\
# Energy of networks, with clock gates and without

Written by `python -m tools.pages.energy_networks` with the networks of `NPUSIM_SHARED`; do not
edit. Energy of a sample on `{machine}` in uJ, average model: the same program by the prices of
netlists with multiplexers at the Verilog's enables ("none") and with [clock gates](clock_gating.md)
("gates"). What the components are: [energy](energy.md). `clock` holds what clocks take of every
module; "at rest" is the part of it that a cycle costs in which nothing is done. Without gates, all
but the array and its memories is priced by rows of earlier Verilog, before the pipeline
([energy table](energy_table.md)): so requantizers take less there.

{components}

Five sixths of the clock that is left, or more, belong to registers at work: the products and sums
in the array's columns, operands, accumulators. What stays at rest is mostly of registers that have
no enable: those behind the banks of ACT and WGT take the memory's output in every cycle.

## Schemes

Networks quantized from float on `{machine}`, which has all formats, with clock gates: thousands of
cycles and uJ of a sample. What the papers say of silicon stands beside ours in
[energy figures](energy_figures.md) and [area](area.md). Here a scheme shares the array with int8:
`subset` and `pwlq` have multipliers of their own in each element, whose operands rest while
another's work, and all wait for the same DRAM. Products of eight bits are priced by streams of
four networks, those of the other formats by digits alone ([energy table](energy_table.md)): the
column `products` compares them only roughly.

{schemes}

Alone, the shifter of `subset` takes less area than a multiplier of eight bits ([area](area.md));
on this array its products cost as much as those of 4-bit codes on the multiplier. PWLQ keeps three
adder trees and three accumulators at work. multipoint does a product for each point of a weight:
2.4 and 2.8 times those of 4-bit codes. wes has the products of uniform codes and shifts in the
requantizer, which costs nothing beside them.
"""
SCHEMES = {
    "wes 8 (int8)": ("wes", 8), "uniform 8": ("uniform", 8), "uniform 4": ("uniform", 4),
    "wes 4": ("wes", 4), "subset 4": ("subset", 4), "pwlq 4": ("pwlq", 4),
    "multipoint 4": ("multipoint", 4),
}  # fmt: skip
QUANTIZED = {"kws": STREAMS[0], "ic": STREAMS[1]}
SHOWN = {
    "products": (), "edge": ("array_edge",), "accumulators": ("accumulators",),
    "requantizers": ("requantizers",), "clock": ("clock",), "DRAM": ("dram",), "all": ("total",),
}  # fmt: skip
"""Column -> components; products are those of every format."""
MACHINE = "base"
NETWORKS = {
    "MobileNetV2": "coral_tf2_mobilenet_v2_ptq", "ic": "ic_resnet8_int8",
    "kws": "kws_dscnn_int8", "vww": "vww_mbv1_int8",
}  # fmt: skip
"""Networks of ../shared in int8."""
ARRAY = tuple(f"array_{name}" for name in ARRAY_FORMATS)
Energy = Mapping[str, float]


def energies(file: str) -> tuple[Energy, Energy]:
    """Return a network's energy without gates and with them; `rest`: of clocks of idle cycles."""
    machine = Machine.load(MACHINE)
    cost = npusim.estimate(npusim.load(MODELS / "tflite" / f"{file}.tflite"), machine)
    counts: Counter[str] = Counter()
    for layer in cost.layers:
        counts.update(layer.counts)
    technology = machine.energy.technology
    without, behind = (
        {
            **with_total(energy_pj(built, technology, counts, cost.cycles)),
            "rest": prices(built, technology).cycle["clock"] * cost.cycles,
        }
        for built in (machine.with_({"energy.clock_gating": gates}) for gates in (False, True))
    )
    return without, behind


def component_lines() -> list[str]:
    """Return the table: energy by component, and what clocks are of all."""
    found = {name: energies(file) for name, file in NETWORKS.items()}
    lines = header("component", *(f"{name}, {how}" for name in found for how in ("none", "gates")))
    rows = {"products": ARRAY} | {name: (name,) for name in COMPONENTS if name not in ARRAY}
    columns = [of for both in found.values() for of in both]
    for title, names in {**rows, "total": ("total",)}.items():
        lines.append(row(
            title, *(f"{sum(of[name] for name in names) / 1e6:,.1f}" for of in columns)
        ))  # fmt: skip
    shares = {
        "clock, of all": ("clock", 0), "clock, without DRAM": ("clock", 1),
        "clock at rest, of all": ("rest", 0),
    }  # fmt: skip
    for title, (part, on_chip) in shares.items():
        lines.append(row(
            title,
            *(f"{100 * of[part] / (of['total'] - on_chip * of['dram']):.1f} %" for of in columns),
        ))  # fmt: skip
    return lines


def scheme_lines() -> list[str]:
    """Return the table: cycles and energy of networks by scheme, with clock gates."""
    columns = [f"{name}, {what}" for name in QUANTIZED for what in ("kcycles", *SHOWN)]
    machine, lines = Machine.load(MACHINE), header("scheme", *columns)
    for title, (scheme, bits) in SCHEMES.items():
        values = []
        for stream in QUANTIZED.values():
            network = npusim.quantize(
                stream.network, stream.samples(), scheme=scheme, bits=bits, **PUBLISHED
            )
            cost = npusim.estimate(network, machine)
            parts = (sum(cost.energy_pj[one] for one in names or ARRAY) for names in SHOWN.values())
            values += [f"{cost.cycles / 1e3:,.1f}", *(f"{part / 1e6:,.2f}" for part in parts)]
        lines.append(row(title, *values))
    return lines


def main() -> None:
    """Write docs/energy_networks.md."""
    tables = {"components": component_lines(), "schemes": scheme_lines()}
    text = {name: "\n".join(lines) for name, lines in tables.items()}
    PAGE.write_text(TEXT.format(machine=MACHINE, **text))


if __name__ == "__main__":
    main()
