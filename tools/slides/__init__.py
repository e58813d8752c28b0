"""The project's talk: `notebooks/presentation.ipynb` as one page of slides, as PDF, and rehearsed.

`deck` reads the notebook, `running` executes it and the live cells, `content` makes HTML of cells, `page` puts all into
one file, `printing` makes the PDF of it, `rehearsal` plays it; `figures` draws what the notebook shows of the benches.
"""
