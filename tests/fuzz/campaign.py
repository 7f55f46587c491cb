"""Damage files, take each through a child process, keep what it could not bear.

    python -m tests.fuzz.campaign SECONDS [--seed N] [--findings FOLDER]

A finding is anything but a result or an error of one line: a traceback, a crash, a hang. A damaged
file that is the first to reach a line of npusim is damaged further.
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

NETWORKS = 4
"""Files of networks for one of each other kind."""


@dataclass
class Found:
    """What a campaign threw and what came back."""

    thrown: Counter[str] = field(default_factory=Counter)
    """Files by their ending."""
    answers: Counter[str] = field(default_factory=Counter)
    """`ok`, `refused` and `FOUND`."""
    findings: list[str] = field(default_factory=list)
    reached: int = 0
    """Files that were the first to reach a line."""


class Child:
    """The process that reads files; started again when one ended it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def ask(self, path: Path) -> tuple[int, str]:
        """Return how many lines a file is the first to reach, and the answer for it."""
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
            lines, _, said = said.partition(" ")
            return int(lines), said
        code = self.process.wait()
        return 0, f"FOUND the process ended with code {code} (-14, -27: it took too long)"

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
        endings = sorted(corpus)
        weights = [NETWORKS if ending in (".onnx", ".tflite") else 1 for ending in endings]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (ending,) = rng.choices(endings, weights)
            first, other = rng.choice(corpus[ending]), rng.choice(corpus[ending])
            path = folder / f"damaged{ending}"
            path.write_bytes(damaged(rng, ending, first, other))
            lines, said = child.ask(path)
            found.thrown[ending] += 1
            found.answers[said.split()[0]] += 1
            if lines:
                found.reached += 1
                corpus[ending].append(path.read_bytes())
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
    print(dict(sorted(found.answers.items())), f"{found.reached} reached lines that none had")
    for text in found.findings:
        print(text)
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
