"""Programs beside the package: each can be imported, and the package needs none of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tools.checkout import ROOT

PROGRAMS = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("tools", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "__init__.py"
]


def test_every_program_imports() -> None:
    assert {"tools.flow.make_energy", "benchmarks.bench_networks"} <= set(PROGRAMS)
    code = f"import importlib\nfor name in {PROGRAMS}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_package_imports_no_program() -> None:
    for path in sorted((ROOT / "npusim").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {"tools", "benchmarks", "tests"}, Path(path).relative_to(ROOT)
