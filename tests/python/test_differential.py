"""Any statement has the same answer with our operators as with DataFusion's own, and in DuckDB where it is the same."""

from __future__ import annotations

import random_sql

STATEMENTS = 300


def test_random_statements_have_the_same_answer_whoever_is_asked(tmp_path):
    tally = random_sql.ask_all(range(STATEMENTS), tmp_path)
    assert not tally.differences, "\n".join(tally.differences)
    # Statements that nobody answers, or that have no rows, would compare nothing.
    assert tally.refused < STATEMENTS / 20 and tally.empty < STATEMENTS / 2
    assert tally.beside_duckdb > STATEMENTS / 2
