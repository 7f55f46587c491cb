"""The table of operators: what each is called in the formats, who computes it, by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from npusim.operators.kinds.called import Caller
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
    when: str
    """What the machine asks of a node beside 8 bits; empty where the host computes all of them."""

    @property
    def rules(self) -> str:
        """The rules under which it is defined on quantized integers, in words."""
        pairs = [*zip((*RUNTIMES, "modes"), self.runtimes, strict=True)]
        without = [rule for rule, has in pairs if not has]
        if len(without) < 2:
            return f"all but {without[0]}" if without else "every rule"
        return ", ".join(rule for rule, has in pairs if has)


def operator_rows() -> list[OperatorRow]:
    """Return one row a page, by name."""
    return sorted((_row(page) for page in PAGES), key=lambda row: row.name)


def _row(page: Page) -> OperatorRow:
    per_runtime = [f"{name.replace('-', '_')}" for name in RUNTIMES] + ["integer"]
    constants, whole = page.constants, _computes(page, page.quantized)
    return OperatorRow(
        name=page.operator.__name__,
        tflite=tuple(form.name for form in page.tflite),
        onnx=tuple(dict.fromkeys(name for domain, name in _public(page))),
        runtimes=tuple(
            whole
            and (
                isinstance(constants, Absent) or not isinstance(getattr(constants, runtime), Absent)
            )
            for runtime in per_runtime
        ),
        float32=_computes(page, page.float32),
        plain=_computes(page, page.plain),
        own=not isinstance(page.own, Absent),
        unit=page.unit,
        when=_condition(page),
    )


def _condition(page: Page) -> str:
    """Return what the operator's lowering says of the nodes that it takes."""
    if page.unit == "host":
        return ""
    stem = page.operator.__module__.rpartition(".")[2]
    found: str = import_module(f"npusim.compiler.lower.{stem}").WHEN
    return found


def _computes(page: Page, part: object) -> bool:
    """Return whether values go through: by the page's own part, or by those of what it calls."""
    return not isinstance(part, Absent) or issubclass(page.operator, Caller)


def _public(page: Page) -> list[tuple[str, str]]:
    """Return domain and type of its nodes, without those that npusim's reader makes itself."""
    forms = ((form.domain, form.name) for form in page.onnx)
    return [form for form in forms if not form[0].startswith("npusim")]


HEAD = """# Operators

This page is written from the operators' pages (`npusim/operators/`) by `python -m
npusim.generate`; `npusim operators` prints the same table. The .onnx reader evaluates what is
constant whatever its type. "Quantized under" says by which rules the operator is defined on
quantized integers, with that runtime's bytes; `modes` are the integer rounding modes, npusim's own
arithmetic. `float32` and `plain` say whether it runs on floats (a float island, or a float head)
and on integers and truth values that are worth themselves. `exported` says whether npusim's own
ONNX form has it. "Computed by" is what of the machine computes it: the array, the vector unit,
movement of data (none where a tensor is only renamed), or the host core, whose cost a machine's
`[host]` states. The machine takes nodes whose tensors have 8 bits, of which the last column holds;
the host takes all others.

"""


def operator_page() -> str:
    """Return docs/operators.md."""
    titles = (
        "operator", ".tflite", ".onnx", "quantized under", "float32", "plain", "exported",
        "computed by", "where",
    )  # fmt: skip
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in operator_rows():
        marks = ["yes" if mark else "" for mark in (row.float32, row.plain, row.own)]
        names = (" ".join(row.tflite), " ".join(row.onnx))
        lines.append(
            "| " + " | ".join((row.name, *names, row.rules, *marks, row.unit, row.when)) + " |"
        )
    return HEAD + "\n".join(lines) + "\n"
