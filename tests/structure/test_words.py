"""A list of names of npusim/words.py or npusim/codes/ is written nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from npusim import codes, words
from npusim.codes import schemes

PACKAGE = Path(words.__file__).parent
LISTS = {
    name: value
    for module in (words, codes, schemes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, tuple) and len(value) > 1
}


def names_written_in(path: Path) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the line and the content of every list, tuple and set of texts in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Tuple | ast.List | ast.Set) and node.elts:
            values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
            if len(values) == len(node.elts) and all(isinstance(value, str) for value in values):
                yield node.lineno, frozenset(map(str, values))


def test_the_lists_are_found() -> None:
    assert {"ENGINES", "ROUNDINGS", "RULES", "MACHINES"} <= LISTS.keys()
    assert {"SCHEMES", "WEIGHT_FORMATS", "ARRAY_FORMATS"} <= LISTS.keys()
    here = PACKAGE / "words.py"
    written = {frozenset(LISTS[name]) for name in ("MACHINES", "ROUNDINGS", "ENGINES")}
    assert written <= {content for _, content in names_written_in(here)}


def test_no_list_is_written_a_second_time() -> None:
    contents = {frozenset(value): name for name, value in LISTS.items()}
    again = [
        f"{path.relative_to(PACKAGE)}:{line}: {contents[content]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "words.py"
        for line, content in names_written_in(path)
        if content in contents
    ]
    assert not again


def chosen_by_rule(path: Path) -> Iterator[int]:
    """Yield the lines that compare a rule or runtime with a word or a list of words."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = {getattr(side, "id", getattr(side, "attr", "")) for side in sides}
            if names & {"rule", "runtime"} and any(
                isinstance(side, ast.Constant | ast.Tuple | ast.List | ast.Set)
                or getattr(side, "id", "").isupper()
                for side in sides
            ):
                yield node.lineno


def test_what_a_rule_means_is_said_by_runtimes_and_pages_alone() -> None:
    at_home = {PACKAGE / "operators" / "page.py", *PACKAGE.glob("runtimes/*.py")}
    assert any(chosen_by_rule(path) for path in at_home)
    elsewhere = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in at_home
        for line in chosen_by_rule(path)
    ]
    assert not elsewhere


def test_words_import_nothing_of_npusim() -> None:
    tree = ast.parse((PACKAGE / "words.py").read_text())
    imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {getattr(node, "module", None) for node in imported} == {"__future__", "typing"}


def test_machines_and_technologies_are_the_files_that_ship() -> None:
    assert sorted(words.MACHINES) == sorted(p.stem for p in PACKAGE.glob("machines/*.toml"))
    tables = {path.stem for path in PACKAGE.glob("cost/tables/*.json")}
    assert set(words.TECHNOLOGIES) == {name for name in tables if not name.startswith("sram_")}
