"""The checkout that the scripts here measure, its commit, and the reference models beside it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("NPUSIM_SHARED", ROOT.parent / "shared"))
MODELS = SHARED / "models"
DIGITS = ROOT / "npusim" / "networks" / "digits"


def commit(digits: int = 7) -> str:
    """Return the commit, of at least so many digits, and whether its sources changed since.

    Raises
    ------
    SystemExit
        The folder is no git checkout: a result without a commit says nothing of the sources.
    """
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "npusim", "rtl")
    head = _git("rev-parse", f"--short={digits}", "HEAD")
    return head + (", with changes" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{ROOT}: expected a git checkout, found {done.stderr.strip()}")
    return done.stdout.strip()
