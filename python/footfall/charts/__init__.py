"""Charts of the answers, in Altair; drawing, showing and exporting them needs no network.

| module | what |
|---|---|
| `drawing` | which job has which chart |
| `rates`, `visits`, `hours`, `profiles`, `over_time`, `backtests` | the charts |
| `rows`, `units`, `kinds`, `ratios` | what they show, without Altair |
| `style`, `theme` | parts that charts share, and how all of them look |
| `showing`, `pictures`, `packing` | charts in a notebook |
| `late` | what Altair imports and no chart needs |
"""

from footfall.charts.shared.late import import_late

# Of jsonschema, where Jupyter is installed: it takes a second to make a grammar of international addresses.
import_late("rfc3987_syntax", "is_valid_syntax")
