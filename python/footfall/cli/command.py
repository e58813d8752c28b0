"""What every command shares: an error is one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand

from footfall.cli.words import for_the_command
from footfall.errors import DataWarning, FootfallError, InternalError
from footfall.output.text import printable

FAILED, USER_ERROR, OUR_BUG, INTERRUPTED, NOBODY_READS = 1, 2, 70, 130, 141


class Command(TyperCommand):
    """Turns what a command raises into one line and an exit code, and what it warns of into a line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            with _warnings_in_a_line():
                return self._invoke(ctx)
        except typer.Exit:
            raise
        except BrokenPipeError as error:
            _forget_standard_output()
            raise typer.Exit(NOBODY_READS) from error
        except KeyboardInterrupt as interrupt:
            complain("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt
        except InternalError as error:
            complain(f"{error}\nPlease report it with this message.")
            raise typer.Exit(OUR_BUG) from error
        except (FootfallError, OSError) as error:
            complain(str(error))
            raise typer.Exit(USER_ERROR) from error
        except Exception as error:
            print(printable(traceback.format_exc(), keep="\n\t"), file=sys.stderr, end="")
            complain("this is a bug in footfall; please report it with the lines above")
            raise typer.Exit(OUR_BUG) from error

    def _invoke(self, ctx: Any) -> Any:
        """Run the command until all that it prints is out."""
        try:
            return super().invoke(ctx)
        finally:
            sys.stdout.flush()


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Tell warnings about data on standard error, without the place in the program; each once."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", DataWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, DataWarning):
                complain(f"warning: {message}")
            else:
                others(message, category, *place, **more)

        warnings.showwarning = show
        yield


def _forget_standard_output() -> None:
    """Let Python's own end write what is left to nowhere, and not complain once more that nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(message: str) -> None:
    """Tell on standard error."""
    print(printable(f"footfall: {for_the_command(message)}", keep="\n\t"), file=sys.stderr)


def let_signals_interrupt() -> None:
    """Have Ctrl-C and a polite `kill` end a command that lasts."""
    # A shell that starts it in the background has Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
