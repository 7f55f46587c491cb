"""Same input, same bytes: on a processor without vector extensions, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.quant.fingerprint import fingerprints

ROOT = Path(__file__).resolve().parents[2]


def dispatched_features() -> str:
    """Return the processor features that numpy chooses its loops by here."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))


@pytest.mark.skipif(
    os.uname().machine != "x86_64", reason="the bare processor is named for x86-64 only"
)
def test_codes_do_not_depend_on_the_processor(tmp_path: Path) -> None:
    """numba compiles for the first x86-64, numpy uses its baseline loops, one thread."""
    bare = {
        "NPUSIM_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "",
        "NPY_DISABLE_CPU_FEATURES": dispatched_features(), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.quant.fingerprint"],
        cwd=ROOT, env={**os.environ, **bare}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:-1] == fingerprints()
