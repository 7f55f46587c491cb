"""Area of every datapath module and of the PEs side by side, written to docs/area.md.

    python -m tools.flow.make_area LIBRARY.lib[.gz]

The library is Nangate45, typical corner (NangateOpenCellLibrary; OpenROAD-flow-scripts,
flow/platforms/nangate45). The recipe is part of the result and stands in energy/synthesis.py.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from npusim.cosim.units import load_unit, sources, unit_names
from tools.checkout import ROOT, commit
from tools.flow.liberty_syntax import read_liberty
from tools.flow.synthesis import RECIPE, map_to_cells
from tools.markdown import header, row

DOCUMENT = ROOT / "docs" / "area.md"
NAND2 = "NAND2_X1"
COLUMN_ROWS = 16


@dataclass(frozen=True)
class Area:
    """What synthesis says of a module."""

    um2: float
    nand2: float
    """Gate equivalents: um2 / area of NAND2_X1."""


def synthesize(
    top: str, files: Sequence[Path], parameters: Mapping[str, int], library: Path
) -> Area:
    """Return the area of `top` in the cells of `library`."""
    with tempfile.TemporaryDirectory(prefix="npusim-area-") as temporary:
        folder = Path(temporary)
        map_to_cells(top, files, parameters, library, folder)
        stat = (folder / "area.txt").read_text()
    area = float(_last(r"Chip area for module '\\design_top': ([\d.]+)", stat))
    return Area(area, area / nand2_um2(library))


@cache
def nand2_um2(library: Path) -> float:
    """Return the area of a NAND2, um2; the library is parsed once."""
    (nand2,) = (cell for cell in read_liberty(library).all("cell") if cell.name == NAND2)
    return float(nand2.attributes["area"][0])


def _last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    if not found:
        raise SystemExit(f"expected {pattern} in Yosys' report, found none")
    return str(found[-1])


PE = """\
// One PE: weight register, operand register, the MAC unit, {accumulators} accumulator registers.
module pe (input clk_i, rst_i, en_i, valid_i, load_i, clear_i,
           input [{weight_high}:0] weight_i, input [8:0] xe_i,
           output valid_o, output [{acc_high}:0] acc_o);
  reg [{weight_high}:0] weight_q;
  reg [8:0] xe_q;
  reg clear_q, valid_q;
  always @(posedge clk_i) if (load_i) weight_q <= weight_i;
  always @(posedge clk_i) if (en_i) {{xe_q, clear_q}} <= {{xe_i, clear_i}};
  always @(posedge clk_i) if (rst_i) valid_q <= 0; else if (en_i) valid_q <= valid_i;
  wire [{acc_high}:0] acc = clear_q ? 0 : acc_o;
  {module} {parameters} mac (.clk_i(clk_i), .rst_i(rst_i), .en_i(en_i), .valid_i(valid_q),
    .valid_o(valid_o), .weight_i(weight_q), .xe_i(xe_q), {connections});
endmodule
"""

DECODE = """\
// One decoder lane that runs one format at one width: what is not used disappears.
module decode (input clk_i, rst_i, en_i, valid_i, {ports},
               output valid_o, output [{weight_high}:0] weight_o);
  npu_weight_decode #(.UNIFORM_BITS({uniform}), .SUBSET({subset}), .PWLQ_BITS({pwlq}),
    .LUT({lut}), .PWLQ_DOUBLE({pwlq_double})) unit (
    .clk_i(clk_i), .rst_i(rst_i), .en_i(en_i), .valid_i(valid_i), .valid_o(valid_o),
    .format_i(3'd{format}), .bits_i(4'd{bits}), {connections}, .weight_o(weight_o));
endmodule
"""


@dataclass(frozen=True)
class Format:
    """A weight format as silicon: which MAC unit, which build parameters."""

    name: str
    mac: str
    mac_parameters: Mapping[str, int]
    column: Mapping[str, int]
    """Build parameters of pe_column and weight_decode."""
    place: int
    """Code of the format in hardware."""
    bits: int
    stored_bits: int
    lut: int = 0
    """Whether the decoder has a table of levels."""
    pwlq_double: int = 0
    """Whether it adds up the pieces of a doubled step."""


def uniform(bits: int) -> Format:
    """Return the uniform format of `bits` bits."""
    column = {"UNIFORM_BITS": bits, "SUBSET": 0, "PWLQ_BITS": 0}
    return Format(f"int{bits}", "mac_uniform", {"WEIGHT_BITS": bits}, column, 0, bits, bits)


def subset(bits: int) -> Format:
    """Return the subset format of `bits` bits."""
    column = {"UNIFORM_BITS": 0, "SUBSET": 1, "PWLQ_BITS": 0}
    return Format(f"subset {bits} bit", "mac_subset", {}, column, 1, bits, bits)


def pwlq(bits: int) -> Format:
    """Return the piecewise linear format of `bits` bits."""
    column = {"UNIFORM_BITS": 0, "SUBSET": 0, "PWLQ_BITS": bits}
    parameters = {"PWLQ_BITS": bits}
    name = f"PWLQ {bits} bit"
    return Format(name, "mac_piecewise_linear", parameters, column, 2, bits, bits + 1)


def lut(bits: int) -> Format:
    """Return the format of 2^`bits` levels, which int8's multiplier takes."""
    int8 = uniform(8)
    name = f"lut {bits} bit"
    return Format(name, int8.mac, int8.mac_parameters, int8.column, 3, bits, bits, lut=1)


def pwlq_double(bits: int) -> Format:
    """Return the format of two pieces, one step twice the other, on a multiplier of six bits."""
    int6 = uniform(6)
    return Format(
        f"PWLQ double {bits} bit", int6.mac, int6.mac_parameters, int6.column, 4, bits, bits + 1,
        pwlq_double=1,
    )  # fmt: skip


FORMATS = (
    uniform(8), uniform(4), subset(2), subset(3), subset(4), lut(2), lut(3), lut(4), pwlq(3),
    pwlq(4), pwlq_double(4),
)  # fmt: skip


def pe_area(form: Format, library: Path, folder: Path) -> Area:
    """Return the area of one stand-alone PE of `form`."""
    unit = load_unit(form.mac)
    parameters = {**unit.parameters, **form.mac_parameters}
    weight_bits = next(p for p in unit.inputs if p.name == "weight").total_width(parameters)
    outputs = [port.rtl_name for port in unit.outputs]
    connections = []
    for lane, name in enumerate(outputs):
        part = f"[{32 * lane}+:32]"
        connections += [f".{name.removesuffix('_o')}_i(acc{part})", f".{name}(acc_o{part})"]
    values = ", ".join(f".{name}({value})" for name, value in form.mac_parameters.items())
    path = folder / "pe.v"
    path.write_text(
        PE.format(
            accumulators=len(outputs),
            weight_high=weight_bits - 1,
            acc_high=32 * len(outputs) - 1,
            module=unit.module,
            parameters=f"#({values})" if values else "",
            connections=", ".join(connections),
        )
    )
    return synthesize("pe", (path, *sources(unit.module, ROOT / "rtl")), {}, library)


def column_area(form: Format, library: Path) -> Area:
    """Return the area of a column of COLUMN_ROWS PEs of `form` with its adder trees."""
    files = sources("npu_pe_column", ROOT / "rtl")
    return synthesize("npu_pe_column", files, {"ROWS": COLUMN_ROWS, **form.column}, library)


def decode_area(form: Format, library: Path, folder: Path) -> Area:
    """Return the area of a decoder lane that runs `form` alone."""
    unit = load_unit("weight_decode")
    parameters = {
        **unit.parameters, **form.column, "LUT": form.lut, "PWLQ_DOUBLE": form.pwlq_double,
    }  # fmt: skip
    width = {port.name: port.total_width(parameters) for port in unit.ports}
    free = [port for port in unit.inputs if port.name not in ("format", "bits")]
    path = folder / "decode.v"
    path.write_text(
        DECODE.format(
            ports=", ".join(f"input [{width[port.name] - 1}:0] {port.rtl_name}" for port in free),
            connections=", ".join(f".{port.rtl_name}({port.rtl_name})" for port in free),
            weight_high=width["weight"] - 1,
            uniform=form.column["UNIFORM_BITS"],
            subset=form.column["SUBSET"],
            pwlq=form.column["PWLQ_BITS"],
            lut=form.lut,
            pwlq_double=form.pwlq_double,
            format=form.place,
            bits=form.bits,
        )
    )
    return synthesize("decode", (path, *sources(unit.module, ROOT / "rtl")), {}, library)


def module_table(library: Path) -> list[str]:
    """Return the rows of the table of all units under their default parameters."""
    lines = header("module", "parameters", "um2", "NAND2")
    for unit in map(load_unit, unit_names()):
        area = synthesize(unit.module, sources(unit.module, ROOT / "rtl"), {}, library)
        values = " ".join(f"{key}={value}" for key, value in unit.parameters.items())
        numbers = (f"{value:.0f}" for value in (area.um2, area.nand2))
        lines.append(row(unit.module, values, *numbers))
        print(lines[-1], flush=True)
    return lines


def percent(part: float, whole: float) -> str:
    """Return the change from `whole` to `part` in words."""
    change = 100 * (part - whole) / whole
    return f"{abs(change):.0f} % {'less' if change < 0 else 'more'}"


def pe_tables(library: Path, folder: Path) -> list[str]:
    """Return the PE tables and what they answer."""
    pe = {form.name: pe_area(form, library, folder) for form in FORMATS}
    column = {form.name: column_area(form, library) for form in FORMATS}
    decode = {form.name: decode_area(form, library, folder) for form in FORMATS}
    adder = synthesize(
        "npu_accumulate", sources("npu_accumulate", ROOT / "rtl"), {"SUM_BITS": 20}, library
    )
    lines = header(
        "PE", "stored bits a weight", "PE: NAND2", "of int8",
        "a PE's share of a column: NAND2", "of int8", "decoder lane: NAND2",
    )  # fmt: skip
    shares = {}
    for form in FORMATS:
        accumulators = 3 if form.place == 2 else 1
        whole = column[form.name].nand2 + accumulators * adder.nand2
        shares[form.name] = whole / COLUMN_ROWS
    for form in FORMATS:
        one, share = pe[form.name], shares[form.name]
        lines.append(row(
            form.name, form.stored_bits, f"{one.nand2:.0f}",
            f"{one.nand2 / pe['int8'].nand2:.2f}", f"{share:.0f}",
            f"{share / shares['int8']:.2f}", f"{decode[form.name].nand2:.0f}",
        ))  # fmt: skip
        print(lines[-1], flush=True)
    int8_column = COLUMN_ROWS * shares["int8"]
    table_column = int8_column + decode["lut 4 bit"].nand2
    single = pe["PWLQ 4 bit"].nand2 - pe["int4"].nand2
    shared = shares["PWLQ 4 bit"] - shares["int4"]
    lines += [
        "",
        "A stand-alone PE has a weight register, an operand register, the MAC and its 32-bit "
        f"accumulators (three for PWLQ). In a column, {COLUMN_ROWS} PEs, without weight registers "
        "and accumulators, feed an adder tree for each region and one 32-bit accumulating adder "
        "for each at its foot; the share is a sixteenth of all that. A subset PE is the same "
        "silicon at 2, 3 and 4 bits: it sees the decoded selectors, and only the decoder's table "
        "shrinks. A lut PE is an int8 PE: it sees the level, and only the decoder differs.",
        "",
        "## What the papers only sketch",
        "",
        f"**What a subset PE saves against int8.** Stand-alone it takes "
        f"{percent(pe['subset 4 bit'].nand2, pe['int8'].nand2)} area than int8 "
        f"({pe['subset 4 bit'].nand2:.0f} against {pe['int8'].nand2:.0f} NAND2) and "
        f"{percent(pe['subset 4 bit'].nand2, pe['int4'].nand2)} than int4. In a column "
        f"its share is {percent(shares['subset 4 bit'], shares['int8'])} than int8's and "
        f"{percent(shares['subset 4 bit'], shares['int4'])} than int4's. It adds a decoder lane of "
        f"{decode['subset 4 bit'].nand2:.0f} NAND2 for each weight that enters the array in a "
        "cycle, at the array's edge and not in every PE. What it saves for certain is memory: 4 "
        "stored bits for each weight instead of 8.",
        "",
        f"**What a table of levels costs.** The decoder lane of lut takes "
        f"{decode['lut 4 bit'].nand2:.0f} NAND2 at 4 bits, {decode['lut 3 bit'].nand2:.0f} at 3 "
        f"and {decode['lut 2 bit'].nand2:.0f} at 2, against {decode['int8'].nand2:.0f} of int8's, "
        f"which it stands beside: {percent(table_column, int8_column)} than a column of "
        f"{COLUMN_ROWS} int8 PEs. The 128 bits of the table are registers of MX, once a machine. "
        "What it buys is accuracy at 4 stored bits and fewer: any integers, where subset has 15 "
        "magnitudes; what it keeps is int8's multiplier.",
        "",
        f"**What PWLQ's extra accumulators cost.** A stand-alone 4-bit PWLQ PE takes "
        f"{single:.0f} NAND2 more than an int4 PE ({pe['PWLQ 4 bit'].nand2:.0f} against "
        f"{pe['int4'].nand2:.0f}), which is {percent(pe['PWLQ 4 bit'].nand2, pe['int8'].nand2)} "
        f"than int8. Sharing the accumulators by a column brings the difference to {shared:.0f} "
        f"NAND2 a PE, {percent(shares['PWLQ 4 bit'], shares['int8'])} than int8's share: "
        "the three adder trees weighed against the narrower multiplier. What PWLQ buys is accuracy "
        "at 5 stored bits, not area.",
        "",
        f"**What a doubled step saves.** A PE of pwlq_double is one of six bits with one adder "
        f"tree: its share of a column is "
        f"{percent(shares['PWLQ double 4 bit'], shares['PWLQ 4 bit'])} than PWLQ's at the same "
        f"stored bits, for a decoder lane of {decode['PWLQ double 4 bit'].nand2:.0f} NAND2 in "
        f"place of {decode['PWLQ 4 bit'].nand2:.0f}.",
    ]
    return lines


def main() -> int:
    """Write docs/area.md."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        print(__doc__)
        return 2
    library = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="npusim-area-") as temporary:
        pes = pe_tables(library, Path(temporary))
    modules = module_table(library)
    text = [
        "# Area of the datapath",
        "",
        f"Written by `python -m tools.flow.make_area LIBRARY.lib.gz` at commit {commit()}; do not "
        "edit. Library: Nangate45, typical corner, 1.1 V, 25 C. Recipe: Yosys "
        f"`{RECIPE.format(flatten='-flatten', gate='')}`. One NAND2 (gate equivalent) is a "
        "NAND2_X1, 0.798 um2. It maps for area; what a netlist mapped for speed "
        "closes is in [timing](timing.md). Read ratios first: another recipe or library moves the "
        "absolute figures, and the ratios by a few tenths.",
        "",
        "## The PEs side by side",
        "",
        *pes,
        "",
        "## Every module, default parameters",
        "",
        *modules,
        "",
    ]
    DOCUMENT.write_text("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
