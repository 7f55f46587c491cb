"""Damage files, take each through a child process, keep what it could not bear.

    python -m tests.fuzz.campaign SECONDS [--seed N] [--findings FOLDER]

A finding is anything but a result or an error of one line: a traceback, a crash, a hang.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT
from tests.fuzz.damage import damaged
from tests.fuzz.seeds import seeds


@dataclass
class Found:
    """What a campaign threw and what came back."""

    thrown: Counter[str] = field(default_factory=Counter)
    """Files by their ending."""
    answers: Counter[str] = field(default_factory=Counter)
    """`ok`, `refused` and `FOUND`."""
    findings: list[str] = field(default_factory=list)


class Child:
    """The process that reads files; started again when one ended it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def ask(self, path: Path) -> str:
        """Return the answer for one file."""
        if self.process is None or self.process.poll() is not None:
            self.end()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.target"], cwd=ROOT, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        if said:
            return said
        code = self.process.wait()
        return f"FOUND the process ended with code {code} (-14, -27: it took too long)"

    def end(self) -> None:
        """Let the process end."""
        if self.process is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.communicate()
            self.process = None


def campaign(seconds: float, seed: int, findings: Path) -> Found:
    """Throw damaged files for `seconds`; what gave way is kept in `findings`."""
    rng, found, child = random.Random(seed), Found(), Child()
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="npusim-fuzz-") as name:
        folder = Path(name)
        corpus: dict[str, list[bytes]] = {}
        for ending, content in seeds(folder):
            corpus.setdefault(ending, []).append(content)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ending = rng.choice(sorted(corpus))
            first, other = rng.choice(corpus[ending]), rng.choice(corpus[ending])
            path = folder / f"damaged{ending}"
            path.write_bytes(damaged(rng, ending, first, other))
            said = child.ask(path)
            found.thrown[ending] += 1
            found.answers[said.split()[0]] += 1
            if said.startswith("FOUND"):
                content = path.read_bytes()
                kept = findings / f"{hashlib.sha256(content).hexdigest()[:12]}{ending}"
                kept.write_bytes(content)
                found.findings.append(f"{kept}: {said}")
        child.end()
    return found


def main() -> int:
    """Run a campaign of any length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=ROOT / "sim_build" / "fuzz")
    options = parser.parse_args()
    found = campaign(options.seconds, options.seed, options.findings)
    print(f"{sum(found.thrown.values())} files: {dict(sorted(found.thrown.items()))}")
    print(dict(sorted(found.answers.items())))
    for text in found.findings:
        print(text)
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
