"""What every command shares: an error is one line and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand

from footfall.errors import FootfallError, InternalError
from footfall.output.text import printable

USER_ERROR, OUR_BUG, INTERRUPTED = 2, 70, 130


class Command(TyperCommand):
    """Turns what a command raises into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, BrokenPipeError):
            raise
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


def complain(message: str) -> None:
    """Tell on standard error."""
    print(printable(f"footfall: {message}", keep="\n\t"), file=sys.stderr)
