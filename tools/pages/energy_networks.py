"""What docs/energy_figures.md has of networks on `base`: by netlist, and by scheme."""

from __future__ import annotations

from collections.abc import Mapping

import npusim
from npusim.codes import ARRAY_FORMATS
from npusim.cost.prices import COMPONENTS
from npusim.machines import Machine
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from tools.checkout import MODELS
from tools.flow.streams import STREAMS
from tools.markdown import header, row
from tools.pages.energy_alone import alone

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
