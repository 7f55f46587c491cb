"""docs/energy_networks.md: networks on `base`, by netlist and by scheme.

python -m tools.pages.energy_networks
"""

from __future__ import annotations

from collections.abc import Mapping

import npusim
from npusim.codes import ARRAY_FORMATS
from npusim.cost.prices import COMPONENTS
from npusim.machines import Machine
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from tools.checkout import MODELS, ROOT
from tools.flow.streams import STREAMS
from tools.markdown import header, row
from tools.pages.energy_alone import alone

PAGE = ROOT / "docs" / "energy_networks.md"
TEXT = """\
# Energy of networks: clock gates, and the schemes

Written by `python -m tools.pages.energy_networks` with the networks of `NPUSIM_SHARED`; do not
edit. Average model, tables of `npusim/cost/tables/`. What the numbers are made of:
[energy](energy.md); the literature beside them: [energy in figures](energy_figures.md).

## Four networks on base, by component

Energy of a sample in uJ, with multiplexers at the Verilog's enables ("none") and with
[clock gates](clock_gating.md) ("gates"). "products" are those of all formats, here of uniform8.
A component without the word is what its data moves; what clocks take of every module is `clock`.

{components}

## The schemes beside int8

Three networks quantized from float by each scheme as published, without correction of biases, on
`base` with an array for that format alone, clock gates in it: what they take of int8's cycles, of
its energy, of the chip's without DRAM, and of the products' in the array.

{schemes}

What the papers say of it, and what these netlists do:

* **PWLQ**: 0.78 of int8's energy on ResNet-50 ([energy in figures](energy_figures.md)). Here the
  chip adds up three sums in place of one. `pwlq_double` has one sum.
* **Subset**: shifts and additions in place of a multiplier. The products do take less than those of
  8 bits, and of uniform 4 bits; they are a small part of what a small network's layers take.
* **Multipoint**: 4-bit weights with a few more products. It runs on the array of 4-bit weights;
  each further point of a channel is a pass, a term and a requantization more.
* **Weight equalizing shifts**: no cost but a shift. It is int8 to the array, and takes its energy.
"""
MACHINE = "base"
NETWORKS = {
    "MobileNetV2": "coral_tf2_mobilenet_v2_ptq", "ic": "ic_resnet8_int8",
    "kws": "kws_dscnn_int8", "vww": "vww_mbv1_int8",
}  # fmt: skip
"""Networks of ../shared in int8."""
SCHEMES = {
    "int8": ("uniform8", "uniform", 8), "wes, 8 bit": ("uniform8", "wes", 8),
    "uniform, 4 bit": ("uniform4", "uniform", 4),
    "multipoint, 4 bit": ("uniform4", "multipoint", 4),
    "subset, 4 bit": ("subset", "subset", 4), "pwlq, 4 bit": ("pwlq", "pwlq", 4),
    "pwlq_double, 4 bit": ("pwlq_double", "pwlq_double", 4),
}  # fmt: skip
"""Title -> the format that the array is built for, scheme and bits."""
ARRAY = tuple(f"array_{name}" for name in ARRAY_FORMATS)
Energy = Mapping[str, float]


def gated(machine: Machine, gates: bool = True) -> Machine:
    """Return `machine` of netlists with clock gates, or without."""
    return machine.with_({"energy.clock_gating": gates})


def component_lines() -> list[str]:
    """Return the energy of a sample on MACHINE by component, without gates and with them, in uJ."""
    machine = Machine.load(MACHINE)
    found: dict[str, tuple[Energy, Energy]] = {}
    for name, file in NETWORKS.items():
        network = npusim.load(MODELS / "tflite" / f"{file}.tflite")
        without, behind = (
            npusim.estimate(network, gated(machine, gates)).energy_pj for gates in (False, True)
        )
        found[name] = without, behind
    lines = header("component", *(f"{name}, {how}" for name in found for how in ("none", "gates")))
    rows = {"products": ARRAY} | {name: (name,) for name in COMPONENTS if name not in ARRAY}
    for title, names in {**rows, "total": ("total",)}.items():
        sums = [sum(of[name] for name in names) for both in found.values() for of in both]
        lines.append(row(title, *(f"{value / 1e6:,.1f}" for value in sums)))
    shares = [of["clock"] / of["total"] for both in found.values() for of in both]
    lines.append(row("clock, of all", *(f"{100 * share:.1f} %" for share in shares)))
    on_chip = [of["clock"] / (of["total"] - of["dram"]) for both in found.values() for of in both]
    lines.append(row("clock, without DRAM", *(f"{100 * share:.1f} %" for share in on_chip)))
    return lines


def scheme_lines() -> list[str]:
    """Return what each scheme takes of int8's energy on an array for its format, with gates."""
    names = [stream.name.removesuffix("_fp32") for stream in STREAMS]
    whats = ("cycles", "energy", "chip", "products")
    lines = header("scheme", "array", *(f"{name}, {what}" for name in names for what in whats))
    networks = [prepare(stream.network, stream.samples()) for stream in STREAMS]
    first: list[float] = []
    for title, (form, scheme, bits) in SCHEMES.items():
        machine = gated(alone(form, Machine.load(MACHINE)))
        values = []
        for prepared in networks:
            network = quantize_prepared(prepared, as_published(scheme, bits=bits)).network
            cost = npusim.estimate(network, machine, "half_up")
            energy = cost.energy_pj
            values += [
                cost.cycles, energy["total"], energy["total"] - energy["dram"],
                sum(energy[name] for name in ARRAY),
            ]  # fmt: skip
        first = first or values
        shares = (f"{value / of:.2f}" for value, of in zip(values, first, strict=True))
        lines.append(row(title, ", ".join(machine.array.formats), *shares))
    return lines


def main() -> None:
    """Write docs/energy_networks.md."""
    text = TEXT.format(
        components="\n".join(component_lines()), schemes="\n".join(scheme_lines())
    )  # fmt: skip
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
