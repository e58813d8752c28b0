"""``python -m footfall.notebook -f CONNECTION_FILE`` runs the kernel."""

from __future__ import annotations

import os
import sys


def _leave_out_notebooks_folder() -> None:
    """Import nothing from the folder of the notebook until the kernel is up: a `random.py` there would stop it.

    The kernel puts the folder back when it starts the shell, as IPython's does.
    """
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    # The kernelspec sets it for Python 3.11 and later; what a notebook starts shall not have it.
    os.environ.pop("PYTHONSAFEPATH", None)


if __name__ == "__main__":
    _leave_out_notebooks_folder()
    from footfall.notebook.kernel import main

    main()
