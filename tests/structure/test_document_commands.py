"""Commands that README and docs show: each is one of today's, and the quick ones do what they say.

Those that take minutes, or that need a simulator, are parsed here and carried out elsewhere:
`verify` in tests/cosim and tests/rtl, `board` in tests/boards, `compare` in tests/cli, `sweep` by
the tutorial itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from npusim.cli.app import COMMANDS, app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACEHOLDERS = {
    "MODEL": "digits_float.onnx", "X.npz": "digits_train.npz", "LABELLED.npz": "digits_test.npz",
    "NETWORK.tflite": "digits", "LAYER": "stem",
}  # fmt: skip
"""What stands for a file of the reader's own, and what serves for it."""
FAR_BEHIND = re.compile(r"\s{2,}\S.*$|\s+#.*$")
"""What a line says of its command."""
LONG = ("verify", "board", "compare", "sweep")
"""Commands that are only parsed, and those with the words below."""
LONG_WORDS = ("--budget", "NETWORK.tflite", "wake_word.tflite")
NEXTPNR = {
    "--freq", "--placer", "--router", "--lpf-allow-unconstrained", "--package", "--speed",
    "--timing-allow-fail",
}  # fmt: skip
OF_OTHERS = {"--x-initial", "--record", "--mutants", "--lint-only", "--version"} | NEXTPNR
"""Options of Verilator, of nextpnr, of tools/ and of npusim itself."""
WRITES = ("-o", "--json", "--report", "--trace", "--plots", "--csv", "--output", "--save-recipe")


def shown_commands(path: Path) -> Iterator[str]:
    """Yield the commands in a document's blocks, whole where a line continues."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    for line in re.findall(r"^(?:    )?(npusim [a-z-]+ .*)$", text, re.M):
        if line.split()[1] in COMMANDS:
            yield FAR_BEHIND.sub("", line)


SHOWN = [
    pytest.param(path, line, id=f"{path.stem}-{number}-{line.split()[1]}")
    for path in DOCUMENTS
    for number, line in enumerate(shown_commands(path))
]


def arguments_of(line: str) -> list[str]:
    """Return the words behind `npusim`, with files that there are for placeholders."""
    return [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]


def command_of(name: str) -> click.Command:
    """Return the command called `name`."""
    assert isinstance(app, click.Group)
    found = app.get_command(click.Context(app), name)
    assert found is not None, name
    return found


def test_commands_are_found() -> None:
    assert len(SHOWN) > 30
    assert {param.values[1].split()[1] for param in SHOWN} >= {"run", "quantize", *LONG}


@pytest.mark.parametrize(("path", "line"), SHOWN)
def test_a_command_is_one_of_todays(path: Path, line: str) -> None:
    """Its options are known, and their values are legal."""
    if "[" not in line:
        name, *rest = arguments_of(line)
        with command_of(name).make_context(name, rest, parent=click.Context(app)):
            pass


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_options_are_those_of_a_command(path: Path) -> None:
    known = {
        option
        for name in COMMANDS
        for parameter in command_of(name).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help"}
    spans = re.findall(r"`([^`\n]+)`", path.read_text())
    found = {word for span in spans for word in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", span)}
    tools = {word for word in found if any("tools." in s and word in s for s in spans)}
    assert found - known - tools <= OF_OTHERS


def quick(line: str) -> bool:
    """Return whether a command is carried out here."""
    is_long = line.split()[1] in LONG or any(word in line for word in LONG_WORDS)
    return not is_long and "[" not in line and "SPACE.toml" not in line


@pytest.mark.parametrize(("path", "line"), [p for p in SHOWN if quick(p.values[1])])
def test_a_quick_command_does_what_it_says(
    path: Path, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a checkout, with the files that the page has the reader save, it writes what it names."""
    for folder in ("docs", "npusim"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for name, text in re.findall(r"`(\w+\.toml)`[^`]*```toml\n(.*?)```", path.read_text(), re.S):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    words = arguments_of(line)
    app(words, standalone_mode=False)
    written = [Path(words[i + 1]) for i, word in enumerate(words) if word in WRITES]
    assert all(file.exists() for file in written)
    assert not any(file.is_file() and not file.stat().st_size for file in written)
