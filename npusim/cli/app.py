"""The command line: which commands there are; options and work are in each command's module."""

from __future__ import annotations

import gc
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

import npusim
from npusim.errors import NpuError, suggested
from npusim.printable import one_line, say

COMMANDS = {
    "assemble": "Assemble a program written by hand, checked first.",
    "board": "Execute a network on an FPGA board with the NPU.",
    "cache": "Print where compiled kernels are kept, and clear it.",
    "check": "List all that a network needs and npusim has not.",
    "compare": "Compare quantization schemes on one float network.",
    "compile": "Compile a network into a program for a machine.",
    "diff": "Print two results beside each other.",
    "disassemble": "Print the instructions of a program.",
    "doctor": "Print versions, simulators and the cache.",
    "estimate": "Predict a network's cycles, without executing data.",
    "explain": "Explain what every rounding makes of an accumulator.",
    "explain-cycles": "Say what bounds each layer of a network.",
    "inspect": "Print a network, and what of it runs where.",
    "machines": "Print the machines that come with npusim.",
    "operators": "Print the operators: names, rules, who computes them.",
    "program": "Write what a memory holds for a program.",
    "quantize": "Quantize a float network into an ONNX file.",
    "run": "Execute a quantized network bit-exactly.",
    "schemes": "Print the quantization schemes.",
    "sweep": "Go through machines x networks x schemes.",
    "verify": "Verify RTL against the Python models.",
}
"""Each is `command` of npusim/cli/NAME.py (- is _), which imports what it works with when called.

The line that the list of commands shows stands here, so that listing them imports none.
"""

YOUNG_OBJECTS = 200_000
"""New objects between collections: modules and a program's instructions all live, looking for
cycles among them again and again takes a tenth of a command."""


ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What they end is ended as an error ends it, so that no half of a file is left; where one is
ignored (nohup), it stays so."""
SIGNAL_EXIT_CODE = 128
"""A command that a signal ended exits with this and the signal's number, as in a shell."""


class Commands(click.Group):
    """Commands whose modules are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command called `name`; None where there is none."""
        if name not in COMMANDS:
            return None
        module = name.replace("-", "_")
        found: click.Command = import_module(f"npusim.cli.{module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and its arguments; an option that is given twice is a mistake."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            names = ", ".join(COMMANDS)
            raise click.UsageError(
                f"expected a command of {names}, found {args[0]}{suggested(args[0], COMMANDS)}"
            )
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _, _, order = command.make_parser(click.Context(command)).parse_args([*rest])
            for option, times in Counter(order).items():
                if isinstance(option, click.Option) and times > 1 and not option.multiple:
                    raise click.UsageError(f"{option.opts[-1]}: expected once, found {times} times")
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(npusim.__version__, prog_name="npusim")
def app() -> None:
    """Bit-accurate, cycle-exact simulator of an integer NPU.

    MODEL is a .tflite or .onnx file. A user's mistake is one line and exit code 2; exit code 1
    means that a verification found a difference.
    """
    from npusim.cli.compiling import compilations_said

    click.get_current_context().with_resource(compilations_said())


def main() -> None:
    """Run the command line; report a user's mistake in one line on stderr, with exit code 2."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        with _signals_end_as_errors_do():
            sys.exit(app(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except NpuError as error:
        _fail(str(error))
    except MemoryError as error:
        _fail(f"the memory is full: {error}")
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # of files, the commands say more; this is a full disk behind stdout
        _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    finally:
        gc.freeze()  # no last search for cycles: it takes longer than many a command


@contextmanager
def _signals_end_as_errors_do() -> Iterator[None]:
    before = {
        number: signal.signal(number, _end)
        for number in ENDING_SIGNALS
        if signal.getsignal(number) is signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    sys.exit(SIGNAL_EXIT_CODE + number)


def _fail(message: str) -> None:
    say(f"npusim: {one_line(message)}", to_stderr=True)
    sys.exit(2)
