"""The process that draws a report's charts: what it makes, what it cannot, and its end."""

from __future__ import annotations

import pytest

import footfall
from footfall.report.vega import Vega


def test_a_script_is_bundled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Vega() as vega:
        made = vega.script("vega.log('</script>')").result()
    assert len(made) > 1_000 and "</script" not in made
    monkeypatch.setattr(Vega, "_answer", lambda *_: pytest.fail("bundled again"))
    with Vega() as vega:
        assert vega.script("vega.log('</script>')").result() == made
    (file,) = (tmp_path / "cache" / "footfall").iterdir()
    assert file.stat().st_mode & 0o077 == 0 and file.parent.stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with Vega() as vega:
        assert "vega" not in vega.script("console.log(1)").result()


def test_what_cannot_be_drawn_and_a_process_that_ends_are_errors():
    with Vega() as vega:
        refused, drawn = vega.svg({"mark": {"no": "mark"}}), vega.svg({"data": {"values": [{}]}, "mark": "point"})
        with pytest.raises(footfall.InternalError, match="cannot be drawn"):
            refused.result()
        assert drawn.result().startswith("<svg")
        vega._process.kill()
        with pytest.raises(footfall.InternalError, match="has ended"):
            vega.svg({}).result()


def test_the_process_ends_with_an_error_of_the_report():
    with pytest.raises(ZeroDivisionError), Vega() as vega:
        1 / 0  # noqa: B018
    assert vega._process.poll() is not None
