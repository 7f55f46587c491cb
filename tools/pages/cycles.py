"""Estimate networks on the machines that come with npusim and write docs/cycles.md.

    python -m tools.pages.cycles

Reads ../shared/models; takes a minute.
"""

from __future__ import annotations

from npusim.analysis.bounds import PARTS, network_bounds
from npusim.cost.area import area_um2
from npusim.engines.estimate import estimate
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.words import MACHINES
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row

OUTPUT = ROOT / "docs" / "cycles.md"
NETWORKS = (
    DIGITS / "digits_int8.onnx",
    *(
        MODELS / "tflite" / f"{name}.tflite"
        for name in (
            "kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8",
            "coral_mobilenet_v1_025_128_uint8", "tflm_mobilenet_v2_int8",
        )
    ),
)  # fmt: skip
HEAD = """\
# What networks take, and what bounds them

Written by `tools/pages/cycles.py` at commit {commit}; do not edit. One sample, `npusim estimate`;
the rounding rule is each file's own. `npusim explain-cycles MODEL --machine M` says the same layer
by layer.

"Least" is what no program goes below on that machine: the multiplications with every element of the
array busy, or the constants, inputs and outputs on the bus, whichever takes longer. The shares are
of the cycles: `array` with operands at the array as they are mapped, of which the multiplications
with a full array are `full`; `fill` weights that no multiplication hides, and the pipeline; then
the other work, and `waits`. "Bytes" are those of DRAM, beside the constants, inputs and
outputs moved once.
"""


SHAPES = ((4, 64), (8, 32), (16, 16), (32, 8))
"""Rows and columns of as many multipliers."""
SHAPED = ("kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "tflm_mobilenet_v2_int8")
SHAPES_HEAD = """
## As many multipliers in other shapes

`base` with `array.size` columns and `array.rows` rows, scratchpads of as many bytes each, a bus of
8 bytes. A sum of ACC adds the products of a column's rows: the more rows, the fewer sums are read
and written, and the fewer requantizers there are, one for each column. Words of 64 channels are
half empty where a layer has 32 channels, and 32 rows are half idle where a layer has 16. Energy is
that of the average model; its table has columns of 4 and 16 rows, and others are on the line
through them ([energy table](energy_table.md)): not synthesized, so not known to be better than the
line is elsewhere. What chooses a slice or a part of a bank, multiplexers, is not priced.
"""


def shape_rows() -> list[str]:
    """Return the table of networks over arrays of as many multipliers."""
    lines = header(
        "network", "rows x columns", "cycles", "sums read", "sums written", "of ACC, uJ",
        "energy, uJ", "mm2",
    )  # fmt: skip
    base = Machine.load("base")
    for name in SHAPED:
        network = load(MODELS / "tflite" / f"{name}.tflite")
        for rows, columns in SHAPES:
            pads = base.scratchpads
            words = {
                key: max(getattr(pads, key) * base.size // columns, 32)
                for key in ("act_bank_words", "wgt_bank_words", "par_bank_words", "acc_words")
            }
            machine = base.with_(
                {"array.size": columns, "array.rows": rows}
                | {f"scratchpads.{key}": value for key, value in words.items()}
            )
            cost = estimate(network, machine)
            sums = {
                key: sum(layer.counts[key] for layer in cost.layers) * columns
                for key in ("acc_reads", "acc_writes")
            }
            energy = cost.energy_pj
            area = area_um2(machine, machine.energy.technology)["total"]
            lines.append(
                row(
                    name, f"{rows} x {columns}", f"{cost.cycles:,}",
                    *(f"{count:,}" for count in sums.values()),
                    f"{energy['accumulators'] / 1e6:.2f}", f"{energy['total'] / 1e6:.1f}",
                    f"{area / 1e6:.2f}",
                )
            )  # fmt: skip
    return lines


VELA = {
    "kws_dscnn_int8": (56_879, 73_824),
    "ic_resnet8_int8": (113_373, 140_624),
    "vww_mbv1_int8": (246_086, 574_480),
    "ad_ae_int8": (58_150, 208_896),
    "coral_tf2_mobilenet_v2_ptq": (4_229_420, 8_890_204),
    "tflm_mobilenet_v2_int8": (4_590_223, 10_319_072),
}
"""Cycles and DRAM bytes that ethos-u-vela 5.2.0 (PyPI) estimates, by the command in VELA_HEAD."""
VELA_HEAD = """
## Beside Arm's estimate for an NPU of as many multipliers

Ethos-U65 with 256 multipliers, as Vela 5.2.0 estimates it at 1 GHz with 512 KB of SRAM and a DRAM
of 3.5 GiB/s (`vela --accelerator-config ethos-u65-256 --config Arm/vela.ini --system-config
Ethos_U65_High_End --memory-mode Dedicated_Sram_512KB`, columns `cycles_total` and
`dram_total_bytes` of its summary), beside `base`: 256 multipliers at 500 MHz, 208 KB of ACT, WGT
and PAR, a DRAM of 4 GB/s. Two machines and two kinds of figure: Vela's cycles are an estimate of a
product, these are those of our Verilog. `ad_ae` stays above Vela's bytes because Vela compresses
weights. "Compulsory" are constants, inputs and outputs moved once.
"""


def vela_rows() -> list[str]:
    """Return the table beside Vela's estimates."""
    lines = header(
        "network", "cycles", "Vela", "DRAM bytes", "compulsory", "Vela", "times the compulsory"
    )
    for name, (cycles, moved) in VELA.items():
        cost = estimate(load(MODELS / "tflite" / f"{name}.tflite"), Machine.load("base"))
        found = network_bounds(cost.program, cost.layers, cost.cycles)
        figures = found.cycles, cycles, found.dram_bytes, found.compulsory_bytes, moved
        ratio = f"{found.dram_bytes / found.compulsory_bytes:.2f}"
        lines.append(row(name, *(f"{figure:,}" for figure in figures), ratio))
    return lines


def main() -> None:
    """Write the page."""
    lines = [HEAD.format(commit=commit())]
    shown = ("array", "weights", "requantize", "vector", "waits")
    titles = ("array", "fill", *(PARTS[part] for part in shown[2:]))
    lines += header(
        "network",
        "machine",
        "cycles",
        "times the least",
        "full",
        *titles,
        "bytes",
        "times the least",
    )
    for path in NETWORKS:
        network = load(path)
        for name in MACHINES:
            cost = estimate(network, Machine.load(name))
            found = network_bounds(cost.program, cost.layers, cost.cycles)
            parts = [sum(layer.part_cycles[part] for layer in found.layers) for part in shown]
            shares = (f"{100 * count / found.cycles:.1f} %" for count in parts)
            lines.append(
                row(
                    path.stem, name, f"{found.cycles:,}",
                    f"{found.cycles / found.least_cycles:.2f}",
                    f"{100 * found.least_array_cycles / found.cycles:.1f} %", *shares,
                    f"{found.dram_bytes:,}", f"{found.dram_bytes / found.compulsory_bytes:.2f}",
                )
            )  # fmt: skip
    lines += [VELA_HEAD, *vela_rows(), SHAPES_HEAD, *shape_rows()]
    OUTPUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
