"""The package's layers are acyclic, and integer code stays integer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "npusim"

LEVELS: tuple[tuple[str, ...], ...] = (
    ("printable",),
    ("errors",),
    ("words", "writing", "parameter", "cache", "arguments", "reading", "remade"),
    ("codes", "toml_tables"),
    ("machines",),
    ("datapath", "isa", "graph"),
    ("formats.onnx.nodes", "formats.tflite.sparse"),
    ("formats.onnx.tensors",),
    ("formats.onnx.records", "formats.tflite.records"),
    ("runtimes",),
    ("kernels",),
    ("operators",),
    ("formats", "prepared"),
    ("quant", "simulator", "cost", "compiler"),
    ("cosim",),
    ("analysis", "boards"),
    ("report",),
    ("engines",),
    ("explore",),
    ("cli", "generate"),
    ("__main__", "__init__"),
)
"""A module imports from lower levels and from its own part; parts of one level never
meet. So the compiler and the simulator share a program, and nothing else."""

INTEGER_ONLY = ("datapath", "isa", "codes", "kernels", "simulator")
FLOATING_POINT = {
    "kernels/fused.py",
    "kernels/float_sums.py",  # onnxruntime's order of additions
    "kernels/floating_point.py",
    "kernels/floating_point_vector.py",  # the same rules, sixteen lanes at a time
    "kernels/mlas.py",  # onnxruntime's float32 mathematics
    "kernels/mlas_products.py",
    "kernels/mlas_windows.py",
    "kernels/real_windows.py",
    "kernels/normalized_sums.py",
    "kernels/unfused.py",
}

LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def part_named(module: str) -> str:
    """Return the part that holds `module`: a module named in LEVELS, else its folder."""
    return module if module in LEVEL else module.split(".")[0]


def part_of(path: Path) -> str:
    return part_named(".".join(path.relative_to(PACKAGE).with_suffix("").parts))


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("npusim."):
                inside = name.removeprefix("npusim.")
                named = inside if inside in LEVEL else inside.rpartition(".")[0]
                yield node.lineno, part_named(named or inside)


def test_every_part_has_a_level() -> None:
    shipped_data = {"networks"}
    assert {part_of(path) for path in SOURCES} - shipped_data <= LEVEL.keys()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    if part == "networks":
        return
    for line, other in imported_parts(path):
        if other == part or other.startswith("__"):
            continue
        assert LEVEL[other] < LEVEL[part], f"{path}:{line}: {part} imports {other}"


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if part_of(p) in INTEGER_ONLY],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_no_floats_in_integer_code(path: Path) -> None:
    if str(path.relative_to(PACKAGE)) in FLOATING_POINT:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"{where}: float {node.value}"
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            left = getattr(node, "left", None)
            is_path = isinstance(left, ast.Call | ast.Name | ast.BinOp | ast.Attribute) and (
                "path" in ast.unparse(left).lower() or "dir" in ast.unparse(left).lower()
            )
            assert is_path, f"{where}: true division"
        if isinstance(node, ast.Attribute) and node.attr.startswith("float"):
            raise AssertionError(f"{where}: {ast.unparse(node)}")


def test_importing_the_datapath_stays_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, npusim.datapath.requantize;"
        "print([m for m in sys.modules if m.split('.')[0] in ('onnx', 'tflite', 'typer', 'rich')"
        " or m.startswith(('npusim.compiler', 'npusim.graph'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
