"""Our energy and area beside published figures, the average beside the data.

    python -m tools.pages.energy_figures WORK

Writes docs/energy_figures.md from the checked-in tables and from ResNet-50 (resnet.py) with random
weights, on which cycles and average energy do not depend. WORK is a folder that keeps the cycles
and events of ResNet-50, which take minutes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import npusim
from npusim.codes import ARRAY_FORMATS, CODES, MULTIPLIED_ON
from npusim.cost.energy import priced, sum_of, with_total
from npusim.cost.logic import parameters
from npusim.cost.prices import prices_of
from npusim.cost.sram import TABLES, memory
from npusim.cost.table import Table, load_table
from npusim.engines.estimate import estimate
from npusim.engines.machine import MachineEngine
from npusim.machines import Machine
from npusim.quant.options import PUBLISHED, as_published
from npusim.quant.quantize import prepare, quantize_prepared
from npusim.words import ENERGY_MODELS
from tools.checkout import DIGITS, MODELS, ROOT
from tools.markdown import header, row
from tools.pages.energy_alternatives import BAND_TILES, Layer, alternatives
from tools.pages.energy_figures_text import PAGE, SEPARATE, TOGETHER
from tools.resnet import resnet

TEST_FIRST, SAMPLES = 100, 8
"""Samples that the energy table was not made with."""
DOCUMENT = ROOT / "docs/energy_figures.md"

HOROWITZ = {
    "volts": 0.9, "add8_pj": 0.03, "multiply8_pj": 0.2, "add32_pj": 0.1,
    "add32_um2": 137.0, "multiply8_um2": 282.0, "sram8k_pj": 10.0,
}  # fmt: skip
"""45 nm, 0.9 V; SRAM: 8 KB, 64 bits. M. Horowitz, ISSCC 2014, figure 1.1.9; areas: its talk."""
TRIAL = {"uniform8": "1", "uniform4": ".61-.77", "subset": ".58-.67", "pwlq": ".90-1.09"}
"""Energy of stand-alone MACs on 8-bit activations, synthesized to four libraries, random data."""
PAPER = {"uniform8": (1.0, 1.0), "uniform4": (1.73, 0.73),
         **dict.fromkeys(("pwlq, as published", "pwlq", "pwlq_double"), (1.46, 0.78))}  # fmt: skip
"""Speedup at 8 GB/s and energy. Fang et al., "Post-training Piecewise Linear Quantization for Deep
Neural Networks", ECCV 2020: ResNet-50, normalized to 8-bit uniform."""
BYTES_A_WEIGHT = {"uniform8": 1.0, "uniform4": 0.5, "pwlq": 5 / 8, "subset": 0.5}
AREA_ROWS = {"uniform8": "int8", "uniform4": "int4", "subset": "subset 4 bit",
             "pwlq": "PWLQ 4 bit"}  # fmt: skip
SHARE = "a PE's share of a column: NAND2"
"""A column of docs/area.md."""
NAND2_UM2 = 0.798
BUILT = {code.name: code.parameter.verilog for code in CODES}
SCHEMES = {"uniform8": ("uniform", 8), "uniform4": ("uniform", 4), "pwlq": ("pwlq", 4),
           "subset": ("subset", 4)}  # fmt: skip
MACHINE = "base"


@dataclass(frozen=True)
class Run:
    """A row of ResNet-50: the array's format, and how its weights are quantized."""

    form: str
    scheme: str
    bits: int
    corrected: bool = False
    """With the PWLQ paper's correction of means, whose sum of each window is a plane of ones."""


RUNS = {
    "uniform8": Run("uniform8", "uniform", 8),
    "uniform4": Run("uniform4", "uniform", 4),
    "pwlq, as published": Run("pwlq", "pwlq", 4, corrected=True),
    "pwlq": Run("pwlq", "pwlq", 4),
    "pwlq_double": Run("pwlq_double", "pwlq_double", 4),
    "subset": Run("subset", "subset", 4),
}


def alone(form: str, parent: Machine) -> Machine:
    """Return `parent` with one weight format built in, and the least multiplier that it needs."""
    bits = 4 if form == "pwlq" else 0
    on = (MULTIPLIED_ON[form],) if form in MULTIPLIED_ON else ()
    return parent.with_({
        "name": f"{parent.name}-{form}", "array.formats": (*on, form), "array.pwlq_bits": bits,
    })  # fmt: skip


@dataclass(frozen=True)
class Product:
    """One product in a column of a machine with one format, its part of clock and adders."""

    build: str
    energy_pj: float
    clock_pj: float
    area_um2: float


def product(form: str, table: Table) -> Product:
    """Return a sixteenth of a column, and of the accumulating adders at its foot."""
    machine = alone(form, Machine.load(MACHINE))
    built, rows, regions = parameters(machine), machine.size, machine.acc_regions

    def of(module: str, key: str) -> float:
        return table.value(module, built, key)

    adders = regions * of("npu_accumulate", "accumulate")
    clock = of("npu_pe_column", "clock run") + regions * of("npu_accumulate", "clock run")
    area = of("npu_pe_column", "area_um2") + regions * of("npu_accumulate", "area_um2")
    energy = of("npu_pe_column", form) + adders
    values = table.nearest("npu_pe_column", built).parameters
    return Product(
        ", ".join(name for name in BUILT if BUILT[name] in values and values[BUILT[name]]),
        energy / rows, clock / rows, area / rows,
    )  # fmt: skip


def area_alone(form: str) -> float:
    """Return a PE's share of a column of 16 with one format, um2, as docs/area.md has it."""
    text = (ROOT / "docs/area.md").read_text()
    (cells,) = re.findall(rf"^\| {AREA_ROWS[form]} \|(.*)$", text, re.MULTILINE)
    (names,) = re.findall(r"^\| PE \|(.*)$", text, re.MULTILINE)
    place = [name.strip() for name in names.split("|")].index(SHARE)
    return float(cells.split("|")[place]) * NAND2_UM2


def product_lines(table: Table) -> list[str]:
    """Return the table of one product in each format: energy and area."""
    found = {form: product(form, table) for form in SCHEMES}
    one = found["uniform8"]
    lines = header(
        "format", "of a build that runs", "pJ a product", "of it clock", "of int8",
        "stand-alone MACs, of int8", "um2 a product", "of int8", "um2, one format", "of int8",
    )  # fmt: skip
    areas = {form: area_alone(form) for form in found}
    for form, p in found.items():
        alone_um2 = f"{areas[form]:.0f}" if table.technology == "nangate45" else ""
        lines.append(row(
            form, p.build, f"{p.energy_pj:.3f}", f"{p.clock_pj:.3f}",
            f"{p.energy_pj / one.energy_pj:.2f}", TRIAL[form], f"{p.area_um2:.0f}",
            f"{p.area_um2 / one.area_um2:.2f}", alone_um2,
            f"{areas[form] / areas['uniform8']:.2f}",
        ))  # fmt: skip
    return lines


def difference(table: Table) -> str:
    """Return why formats cost what they do, for the builds that the table has."""
    builds = [product(form, table).build for form in SCHEMES]
    return SEPARATE if all("," not in build for build in builds) else TOGETHER


def other_library() -> str:
    """Return the products in IHP SG13G2 where its table is made."""
    if not (TABLES / "ihp_sg13g2.json").exists():
        return "The table of IHP SG13G2 is not made yet."
    return "\n".join(
        [
            "In IHP SG13G2 (130 nm, 1.2 V):",
            "",
            *product_lines(load_table("ihp_sg13g2", clock_gated=True)),
        ]
    )


def horowitz_lines(table: Table) -> list[str]:
    """Return int8 multiply and 32-bit add, and an 8 KB SRAM, beside Horowitz' figures."""
    ours, scale = product("uniform8", table), (1.1 / HOROWITZ["volts"]) ** 2
    mac = HOROWITZ["multiply8_pj"] + HOROWITZ["add32_pj"]
    area = HOROWITZ["multiply8_um2"] + HOROWITZ["add32_um2"]
    sram = memory(1024, 64, "nangate45").read_pj
    rows = (
        ("int8 multiply and 32-bit add, pJ", mac, mac * scale, ours.energy_pj),
        ("the same, um2", area, area, area_alone("uniform8")),
        (
            "read of 64 bits, 8 KB SRAM, pJ",
            HOROWITZ["sram8k_pj"],
            HOROWITZ["sram8k_pj"] * scale,
            sram,
        ),
    )
    lines = header("45 nm", "published, 0.9 V", "scaled to 1.1 V", "ours", "ours / scaled")
    for name, published, scaled, found in rows:
        digits = 0 if published > 100 else 2
        figures = (f"{value:.{digits}f}" for value in (published, scaled, found))
        lines.append(row(name, *figures, f"{found / scaled:.2f}"))
    return lines


def bandwidth_machine(size: int, bytes_a_cycle: int, rows: int = 0) -> Machine:
    """Return an array at 1 GHz with large scratchpads and so many GB/s each way."""
    wide = Machine.load("wide")
    words = {32: (8192, 16384, 8192), 64: (4096, 8192, 4096)}[size]
    return wide.with_({
        "name": f"a{size}-{bytes_a_cycle}GBs", "array.size": size, "bus.bus_bytes": bytes_a_cycle,
        "scratchpads.act_bank_words": words[0], "scratchpads.wgt_bank_words": words[1],
        "scratchpads.acc_words": words[2], "array.rows": rows,
    })  # fmt: skip


MACHINES = {
    f"{size} x {size}, {rate} GB/s": bandwidth_machine(size, rate)
    for size, rate in ((32, 4), (32, 8), (32, 16), (64, 8))
} | {"32 x 64 rows, 8 GB/s": bandwidth_machine(32, 8, 64)}
LARGEST = "64 x 64, 8 GB/s"
SHIPPED = {"ic_resnet8": "ic_resnet8_int8", "MobileNetV2": "coral_tf2_mobilenet_v2_ptq"}
"""Networks of ../shared that run on MACHINE beside ResNet-50 on LARGEST."""


Found = dict[tuple[str, str], list[Layer]]
"""(machine, row of RUNS) -> the layers of ResNet-50 on the machine with that format alone."""


def layers_of(network: npusim.Network, machine: Machine, rule: str = "auto") -> list[Layer]:
    """Return the layers of a network on `machine`."""
    return [Layer(row.cycles, row.counts) for row in estimate(network, machine, rule).layers]


def resnet_layers(kept: Path) -> Found:
    """Return the layers of ResNet-50 by machine and row of RUNS, kept in the file `kept`."""
    if kept.exists():
        stored = json.loads(kept.read_text())
        return {
            tuple(key.split("|")): [Layer(*row) for row in rows] for key, rows in stored.items()
        }
    image = np.random.default_rng(1).standard_normal((1, 3, 224, 224), np.float32)
    prepared = prepare(resnet(50, seed=1), image)
    found: Found = {}
    for row_name, run in RUNS.items():
        correction = "paper" if run.corrected else "none"
        options = as_published(run.scheme, bits=run.bits, bias_correction=correction)
        network = quantize_prepared(prepared, options).network
        for name, machine in MACHINES.items():
            found[name, row_name] = layers_of(network, alone(run.form, machine), "half_up")
            print(name, row_name, sum(r.cycles for r in found[name, row_name]), flush=True)
    rows = {"|".join(key): [[r.cycles, r.counts] for r in layers] for key, layers in found.items()}
    kept.write_text(json.dumps(rows))
    return found


def on_chip_cycles(layers: Sequence[Layer], machine: Machine) -> int:
    """Return the cycles if activations stayed on chip: array or weights, whichever is longer."""
    return sum(
        max(row.counts["array_cycles"], row.counts["wgt_writes"] * machine.word_beats)
        for row in layers
    )


def total(layers: Sequence[Layer], *names: str) -> int:
    """Return the sum of the named events over all layers."""
    return sum(row.counts[name] for row in layers for name in names)


def energies(layers: Sequence[Layer], machine: Machine, table: Table) -> dict[str, float]:
    """Return the energy of all layers on `machine`, `total` and by component."""
    prices = prices_of(machine, table)
    return sum_of(with_total(priced(prices, row.counts, row.cycles)) for row in layers)


def resnet_lines(found: Found, table: Table, without: Table) -> list[str]:
    """Return the table of ResNet-50: speedups and energies beside the published ones."""
    lines = header(
        "array, each way", "scheme", "M cycles", "speedup", "with activations on chip",
        "published", "MB weights", "MB other", "G products", "energy, mJ", "of int8",
        "without DRAM, of int8",
        "and without clock gates, of int8", "published",
    )  # fmt: skip
    for name, parent in MACHINES.items():
        first: dict[str, Any] = {}
        for form, run in RUNS.items():
            layers, machine = found[name, form], alone(run.form, parent)
            weights = total(layers, "wgt_writes") * machine.size
            moved = total(layers, "dram_read_bytes", "dram_write_bytes")
            energy, ungated = (energies(layers, machine, of) for of in (table, without))
            values = {
                "cycles": sum(row.cycles for row in layers),
                "chip_cycles": on_chip_cycles(layers, machine),
                "total": energy["total"],
                "chip": energy["total"] - energy["dram"],
                "ungated": ungated["total"] - ungated["dram"],
            }
            first = first or values
            of = {key: value / first[key] for key, value in values.items()}
            published = PAPER.get(form, ("", "")) if "8 GB/s" in name else ("", "")
            lines.append(row(
                name, form, f"{values['cycles'] / 1e6:.2f}", f"{1 / of['cycles']:.2f}",
                f"{1 / of['chip_cycles']:.2f}", published[0], f"{weights / 1e6:.1f}",
                f"{(moved - weights) / 1e6:.1f}",
                f"{total(layers, *(f'macs_{form}' for form in ARRAY_FORMATS)) / 1e9:.2f}",
                f"{energy['total'] / 1e9:.2f}",
                f"{of['total']:.2f}", f"{of['chip']:.2f}", f"{of['ungated']:.2f}", published[1],
            ))  # fmt: skip
    return lines


def alternative_lines(found: Found, table: Table) -> list[str]:
    """Return what other accumulators would save: shipped networks, and ResNet-50 in two formats."""
    rows = {
        name: (layers_of(npusim.load(MODELS / "tflite" / f"{file}.tflite"), machine), machine)
        for name, file in SHIPPED.items()
        for machine in (Machine.load(MACHINE),)
    }
    for form in ("uniform8", "pwlq"):
        rows[f"ResNet-50, {form}"] = found[LARGEST, form], alone(form, MACHINES[LARGEST])
    return alternatives(rows, table)


def other_traffic_mb(weights: int, form: str) -> float:
    """Return the traffic beside weights at which a bandwidth-bound machine gets as published.

    speedup = (w + A) / (bytes * w + A), w bytes of int8 weights
    """
    speedup, _ = PAPER[form]
    w = weights / 1e6
    return (w - speedup * BYTES_A_WEIGHT[form] * w) / (speedup - 1)


def toggle_lines() -> list[str]:
    """Return the average model against toggles: digits by each scheme on nano."""
    lines = header(
        "scheme", "products, average, nJ", "this data, nJ", "off", "layers, off",
        "all energy, off",
    )  # fmt: skip
    train, test = (np.load(DIGITS / f"digits_{part}.npz")["x"] for part in ("train", "test"))
    for form, (scheme, bits) in SCHEMES.items():
        network = npusim.quantize(
            npusim.load(DIGITS / "digits_float.onnx"), train, scheme=scheme, bits=bits, **PUBLISHED
        )
        x = test[TEST_FIRST : TEST_FIRST + SAMPLES]
        average, data = (
            MachineEngine(Machine.load("nano"), model).run(network, x, "half_up")
            for model in ENERGY_MODELS
        )
        pairs = [
            (a.energy_pj[f"array_{form}"], d.energy_pj[f"array_{form}"])
            for a, d in zip(average.cost.layers, data.cost.layers, strict=True)
            if a.energy_pj[f"array_{form}"]
        ]
        a, d = (sum(pair[i] for pair in pairs) for i in range(2))
        off = sorted(100 * (one / other - 1) for one, other in pairs)
        whole = 100 * (average.energy["total"] / data.energy["total"] - 1)
        lines.append(row(
            form, f"{a / 1e3:.1f}", f"{d / 1e3:.1f}", f"{100 * (a / d - 1):+.1f} %",
            f"{off[0]:+.0f} .. {off[-1]:+.0f} %", f"{whole:+.2f} %",
        ))  # fmt: skip
    return lines


def main() -> int:
    """Write the document."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    work = Path(sys.argv[1])
    without, table = (load_table("nangate45", clock_gated=gates) for gates in (False, True))
    work.mkdir(parents=True, exist_ok=True)
    found = resnet_layers(work / "resnet50.json")
    name, parent = next(iter(MACHINES.items()))
    weights = total(found[name, "uniform8"], "wgt_writes") * parent.size
    others = [other_traffic_mb(weights, form) for form in ("uniform4", "pwlq")]
    text = PAGE.format(
        products_130=other_library(), difference=difference(table),
        products_45="\n".join(product_lines(table)),
        horowitz="\n".join(horowitz_lines(table)),
        toggles="\n".join(toggle_lines()), samples=SAMPLES,
        resnet="\n".join(resnet_lines(found, table, without)), band=BAND_TILES,
        alternatives="\n".join(alternative_lines(found, table)),
        other4=f"{others[0]:.1f}", other_pwlq=f"{others[1]:.1f}", weights=f"{weights / 1e6:.1f}",
    )  # fmt: skip
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
