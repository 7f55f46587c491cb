"""Threads that wait for work between calls, and what becomes of them when a process forks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

_pools: dict[tuple[str, int], ThreadPoolExecutor] = {}


def pool(name: str, threads: int) -> ThreadPoolExecutor:
    """Return the threads for work called `name`: starting them costs more than a small network."""
    if (name, threads) not in _pools:
        made = ThreadPoolExecutor(threads, thread_name_prefix=f"npusim-{name}")
        return _pools.setdefault((name, threads), made)
    return _pools[name, threads]


if hasattr(os, "register_at_fork"):  # a forked process has a pool's queue, and none of its threads
    os.register_at_fork(after_in_child=_pools.clear)
