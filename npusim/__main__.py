"""Entry point of `npusim` and `python -m npusim`."""


def main() -> None:
    """Run the command line."""
    from npusim.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
