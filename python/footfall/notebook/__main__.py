"""``python -m footfall.notebook -f CONNECTION_FILE`` runs the kernel.

The kernelspec says the same by ``-c``: no file in the notebook's folder is imported before the kernel is up. By ``-m``,
a `random.py` there would be, and would stop it.
"""

from __future__ import annotations

if __name__ == "__main__":
    from footfall.notebook.kernel import main

    main()
