"""Every operator is a page, whole, with its test; nothing falls into a silent default."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

from npusim import operators
from npusim.compiler.lower.lowerings import LOWERINGS
from npusim.graph.operator import Operator
from npusim.operators.page import Page, PerRuntime
from npusim.operators.pages import PAGES
from npusim.words import RUNTIMES

FOLDER = Path(operators.__file__).parent
NO_PAGES = ("__init__", "count", "page", "pages", "steps")
STEMS = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in NO_PAGES)
TESTS = Path(__file__).resolve().parents[1] / "operators"
LOWER = FOLDER.parent / "compiler" / "lower"


@pytest.mark.parametrize("stem", STEMS)
def test_a_module_is_one_page_in_the_list_with_a_test_of_its_stem(stem: str) -> None:
    page = importlib.import_module(f"npusim.operators.{stem}").PAGE
    assert page in PAGES
    assert page.operator.__module__ == f"npusim.operators.{stem}"
    assert (TESTS / f"test_{stem}.py").exists(), (
        f"{stem}: tests/operators/test_{stem}.py is missing"
    )


def test_the_list_is_every_page_once() -> None:
    assert [page.operator.__module__.rpartition(".")[2] for page in PAGES] == STEMS


def test_no_part_of_a_page_has_a_default() -> None:
    for record in (Page, PerRuntime):
        for field in dataclasses.fields(record):
            assert field.default is dataclasses.MISSING, field.name
            assert field.default_factory is dataclasses.MISSING, field.name
    runtimes = {name.replace("-", "_") for name in RUNTIMES}
    assert {field.name for field in dataclasses.fields(PerRuntime)} == runtimes | {"integer"}


@pytest.mark.parametrize(
    ("record", "part"),
    [(record, field.name) for record in (Page, PerRuntime) for field in dataclasses.fields(record)],
)
def test_a_page_without_a_part_fails_by_its_name(record: type, part: str) -> None:
    rest = {field.name: None for field in dataclasses.fields(record) if field.name != part}
    with pytest.raises(TypeError, match=f"'{part}'"):
        record(**rest)


def test_formats_leave_names_and_attributes_to_the_pages() -> None:
    """A format makes no operator of a file's node: only layout is its own (Reshape, Transpose)."""
    classes = {page.operator.__name__ for page in PAGES}
    layout = {"channels_last.py", "channels_last_nodes.py", "one_dimensional.py"}
    made = [
        f"{path.name}:{call.lineno}"
        for path in (FOLDER.parent / "formats").rglob("*.py")
        if path.name not in layout
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", "")) in classes
    ]
    assert not made


def test_a_name_of_a_file_is_on_one_page() -> None:
    for names in (
        [(form.domain, form.name) for page in PAGES for form in page.onnx],
        [form.name for page in PAGES for form in page.tflite],
    ):
        assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.operator.__name__)
def test_the_class_states_inputs_shapes_and_batches(page: Page) -> None:
    assert not inspect.isabstract(page.operator)
    for name in ("arity", "output_shapes", "keeps_samples_apart"):
        assert getattr(page.operator, name) is not getattr(Operator, name), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.operator.__name__)
def test_what_the_machine_computes_has_a_lowering_of_its_stem(page: Page) -> None:
    stem = page.operator.__module__.rpartition(".")[2]
    lowered = page.unit != "host"
    assert lowered == (page.operator in LOWERINGS), page.unit
    assert lowered == (LOWER / f"{stem}.py").exists()
    if lowered:
        lower = importlib.import_module(f"npusim.compiler.lower.{stem}").lower
        assert LOWERINGS[page.operator] is lower
