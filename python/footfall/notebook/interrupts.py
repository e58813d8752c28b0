"""What a cell shows when it is interrupted: the user's lines, and not the many of ours below them.

The work ends at once, but to show all lines of Python takes IPython a second.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from footfall.quality import is_ours


def register(shell: Any) -> None:
    """Let a shell show interrupts so; a handler of the user's own stays."""
    if not shell.custom_exceptions:
        shell.set_custom_exc((KeyboardInterrupt,), _show)


def _show(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> None:
    above = _above_ours(trace)
    # IPython also keeps it as text, for its history.
    error.__traceback__ = above
    shell.showtraceback((kind, error, above), tb_offset=tb_offset, running_compiled_code=True)


def _above_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback that ends where Footfall is called."""
    if trace is None or is_ours(trace.tb_frame):
        return None
    return TracebackType(_above_ours(trace.tb_next), trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
