"""What Footfall adds to a notebook."""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Give `shell`, an ``InteractiveShell`` of IPython, all that Footfall adds."""
    from footfall.notebook import sql

    sql.register(shell)
