"""`npusim cache`: where compiled kernels and designs are kept, and how to remove them."""

from __future__ import annotations

import click


@click.command("cache")
@click.option("--clear", is_flag=True, help="Remove what is kept; it is made again when needed.")
def command(clear: bool) -> None:
    """Print the cache's directory and what is in it, part by part.

    NPUSIM_CACHE_DIR names another place.
    """
    import shutil

    from npusim.cache import cache_home

    home = cache_home()
    print(home)
    for part in sorted(path for path in home.iterdir() if path.is_dir()):
        files = [file for file in part.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        print(f"  {part.name}: {len(files):,} files, {size / 1e6:,.1f} MB")
        if clear:
            shutil.rmtree(part, ignore_errors=True)
    if clear:
        print("removed")
