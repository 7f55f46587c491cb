"""Every list of names that a user chooses from or that several parts share, each written once.

A leaf: it imports nothing of npusim, so that the command line's help reads it and stays light. A
list that the type checker knows is written as a type, and its tuple is taken from there. What a
name means is said where it is used; a structure test finds a list that is written again.
"""

from __future__ import annotations

from typing import Literal, get_args

JSON_VERSION = 2
"""Of docs/json.md: changes when a key changes its meaning or goes away."""

EngineName = Literal["kernels", "machine", "rtl"]
"""What runs a network."""
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

EnergyModel = Literal["average", "toggles"]
"""What the energy of products is found from: prices of random operands, or those that ran."""
ENERGY_MODELS: tuple[EnergyModel, ...] = get_args(EnergyModel)

MACHINES = ("nano", "small", "base", "wide")
"""Machines that come with npusim, by size: npusim/machines/NAME.toml."""
MemoryModel = Literal["fixed", "lfsr", "dram"]
MEMORY_MODELS: tuple[MemoryModel, ...] = get_args(MemoryModel)
Technology = Literal["nangate45", "ihp_sg13g2"]
TECHNOLOGIES: tuple[Technology, ...] = get_args(Technology)
"""Cells and memories that energy and area are known for: npusim/cost/tables/NAME.json."""
SIMULATORS = ("icarus", "verilator")
"""Simulators of Verilog."""

Unit = Literal["array", "vector unit", "data movement", "host"]
"""What computes an operator: a part of the machine, or the host."""
UNITS: tuple[Unit, ...] = get_args(Unit)

Rounding = Literal["floor", "half_up", "half_away", "half_even", "tflite", "ruy"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
"""Integer rounding modes; a mode's code in hardware is its place."""
EPILOGUES = (*ROUNDINGS, "float32")
"""What ends an accumulator: the integer requantizer in a mode, or the float32 one."""

Runtime = Literal["litert", "litert-opt", "xnnpack", "onnxruntime", "tosa"]
"""Whose arithmetic: LiteRT's reference kernels, its optimized ones, XNNPACK, onnxruntime's CPU
kernels, and TOSA: double rounding in fixed point everywhere."""
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
Unfused = Literal["onnx"]
"""The .onnx file as it is written: float32 between each DequantizeLinear and QuantizeLinear."""
Rule = Runtime | Rounding | Unfused
"""What `requant` names: the arithmetic of a runtime, one rounding mode everywhere, or `onnx`."""
UNFUSED: tuple[Unfused, ...] = get_args(Unfused)
RULES: tuple[Rule, ...] = (*RUNTIMES, *UNFUSED, *ROUNDINGS)

IntegerMeaning = Literal["codes", "real", "pixels"]
"""What integers in a file of samples are: codes of the input, real values, or pixels 0..255."""
INTEGER_MEANINGS: tuple[IntegerMeaning, ...] = get_args(IntegerMeaning)

Exempt = Literal["none", "first", "last", "both"]
"""Linear layers that stay uniform int8."""
EXEMPT: tuple[Exempt, ...] = get_args(Exempt)
Encoder = Literal["nearest", "descent", "feedback"]
"""How codes are chosen."""
ENCODERS: tuple[Encoder, ...] = get_args(Encoder)
End = Literal["float", "int8"]
"""What an exported network's inputs and outputs are: real values, or the integers within."""
ENDS: tuple[End, ...] = get_args(End)
FileForm = Literal["npusim", "qdq", "qoperator"]
"""How an exported file says the network: functions of npusim's codes, Q and DQ nodes around
operators of real values, or integer operators."""
FILE_FORMS: tuple[FileForm, ...] = get_args(FileForm)
PUBLISHED = "published"
"""In a comparison, beside the encoders: every setting as the scheme's paper has it."""
Clip = Literal["min-max", "squared-error"]
"""How the range of a layer's weights is chosen."""
CLIPS: tuple[Clip, ...] = get_args(Clip)
RangeMethod = Literal["min-max", "percentile", "squared-error", "entropy"]
"""How the range of the activations is chosen."""
RANGE_METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)
BiasCorrection = Literal["none", "static", "paper"]
BIAS_CORRECTIONS: tuple[BiasCorrection, ...] = get_args(BiasCorrection)
Breakpoint = Literal["gaussian", "laplacian", "gaussian-root", "laplacian-root", "search"]
"""pwlq: how the end of the centre is found."""
BREAKPOINTS: tuple[Breakpoint, ...] = get_args(Breakpoint)
Grid = Literal["paper", "reference"]
"""pwlq: whose grid."""
GRIDS: tuple[Grid, ...] = get_args(Grid)
Normalize = Literal["none", "channel"]
"""subset: what is divided by its root mean square before the search."""
NORMALIZATIONS: tuple[Normalize, ...] = get_args(Normalize)
