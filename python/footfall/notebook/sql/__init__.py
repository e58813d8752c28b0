"""SQL in cells: ``%%sql`` and ``%sql``, with names of the notebook, completion and inspection.

| module | what |
|---|---|
| `arguments` | the options of a line |
| `data_sets` | which variable is the data set, and what knows the names in statements |
| `variables` | the notebook's variables as parameters and tables of a statement |
| `failures` | errors of a cell, without Python's traceback |
| `plans`, `descriptions` | how a statement would be computed; what tables and functions are |
| `magics` | what the lines do |
| `cells` | where a cell has a statement |
| `completion`, `python_values` | what may stand at the cursor: in a statement, in a call of a job |
| `inspection` | what the name at the cursor means |
"""

from __future__ import annotations

from typing import Any

from footfall.notebook.sql import completion, inspection, magics, python_values


def register(shell: Any) -> None:
    """Add the magics, completion and inspection to a shell; to do it again changes nothing.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        Of a kernel, of a terminal, or alone.
    """
    magics.register(shell)
    completer = shell.Completer
    known = {getattr(matcher, "matcher_identifier", None) for matcher in completer.custom_matchers}
    for matcher in (completion.matcher(shell), python_values.matcher(shell)):
        if matcher.matcher_identifier not in known:
            completer.custom_matchers.append(matcher)
    inspection.register(shell)
