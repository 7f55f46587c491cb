"""The table of operators: what each is called in the formats, who computes it, by which rules."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.page import Absent, Page
from npusim.operators.pages import PAGES
from npusim.words import RUNTIMES, Unit


@dataclass(frozen=True)
class OperatorRow:
    """One operator, from its page.

    `runtimes`: whether it is defined on quantized integers under each of RUNTIMES and under the
    rounding modes, in this order; `float32`, `plain`: whether on floats, and on plain integers.
    """

    name: str
    tflite: tuple[str, ...]
    onnx: tuple[str, ...]
    runtimes: tuple[bool, ...]
    float32: bool
    plain: bool
    own: bool
    unit: Unit


def operator_rows() -> list[OperatorRow]:
    """Return one row a page, by name."""
    return sorted((_row(page) for page in PAGES), key=lambda row: row.name)


def _row(page: Page) -> OperatorRow:
    per_runtime = [f"{name.replace('-', '_')}" for name in RUNTIMES] + ["integer"]
    constants, whole = page.constants, not isinstance(page.quantized, Absent)
    return OperatorRow(
        name=page.operator.__name__,
        tflite=tuple(form.name for form in page.tflite),
        onnx=tuple(form.name for form in page.onnx),
        runtimes=tuple(
            whole
            and (
                isinstance(constants, Absent) or not isinstance(getattr(constants, runtime), Absent)
            )
            for runtime in per_runtime
        ),
        float32=not isinstance(page.float32, Absent),
        plain=not isinstance(page.plain, Absent),
        own=not isinstance(page.own, Absent),
        unit=page.unit,
    )


def onnx_names() -> list[str]:
    """Return every type of node that the .onnx reader takes, with its domain where it has one."""
    forms = {(form.domain, form.name) for page in PAGES for form in page.onnx}
    public = ((domain, name) for domain, name in forms if not domain.startswith("npusim"))
    return sorted(f"{domain}.{name}" if domain else name for domain, name in public)


HEAD = """# Operators

This page is written from the operators' pages (`npusim/operators/`) by `python -m
npusim.generate`; `npusim operators` prints the same table. A column of a runtime says whether the
operator is defined on quantized integers under that rule, with that runtime's bytes. `modes` are
the integer rounding modes, npusim's own arithmetic. `float32` and `plain` say whether it runs on
floats (a float island, or a float head) and on integers and truth values that are worth
themselves. `exported` says whether npusim's own ONNX form has it. The last column is what of the
machine computes it where its types and shapes allow: the array, the vector unit, movement of
data, nothing where a tensor is only renamed, or the host core, whose cost a machine's `[host]`
states.

"""


def operator_page() -> str:
    """Return docs/operators.md."""
    titles = (
        "operator",
        ".tflite",
        *RUNTIMES,
        "modes",
        "float32",
        "plain",
        "exported",
        "computed by",
    )
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in operator_rows():
        marks = ["yes" if mark else "" for mark in (*row.runtimes, row.float32, row.plain, row.own)]
        names = ", ".join(row.tflite)
        lines.append("| " + " | ".join((row.name, names, *marks, row.unit)) + " |")
    listed = ", ".join(f"`{name}`" for name in onnx_names())
    text = HEAD + "\n".join(lines) + "\n\n## Nodes of .onnx files\n\n"
    return (
        text
        + f"The reader takes these types of nodes, and evaluates what is constant:\n\n{listed}.\n"
    )
