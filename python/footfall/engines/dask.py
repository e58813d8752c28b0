"""Dask: packets as futures on the workers, and Dask's own shuffle for the exchange by user.

References
----------
https://distributed.dask.org/en/stable/client.html, https://docs.dask.org/en/stable/dataframe-groupby.html (P2P)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from footfall.engines.packets import Packet
from footfall.engines.versions import refuse_others, version
from footfall.engines.work import Work
from footfall.progress import Tick

if TYPE_CHECKING:
    import distributed
    import pandas

HEARTBEAT_S = 0.1


@dataclass(frozen=True)
class Rows:
    """Futures, each of a list of packets, and the futures that those wait for."""

    futures: list[Any]
    before: list[Any] = field(default_factory=list)

    @property
    def all(self) -> list[Any]:
        """All of them, in the order of the work."""
        return [*self.before, *self.futures]


class DaskAdapter:
    """The workers of a ``distributed.Client``.

    Parameters
    ----------
    client : distributed.Client
        Connected.

    Raises
    ------
    DefinitionError
        If a worker has no Footfall, or another version of it.
    """

    def __init__(self, client: distributed.Client) -> None:
        # Dask publishes few types.
        self.client: Any = client
        self.client.wait_for_workers(1)
        refuse_others(self.client.run(version()))
        self.cores = sum(self.client.nthreads().values())

    def arrange(self, pieces: Sequence[Packet]) -> Rows:
        """Return rows: each of the `pieces` with some worker."""
        return Rows(self.client.map(lambda piece: [piece], list(pieces), pure=False))

    def arrange_by_user(self, rows: Sequence[Rows], shares: int) -> Rows:
        """Return all of `rows`, exchanged by Dask's P2P shuffle."""
        import dask.dataframe as dd
        from distributed import futures_of

        before = [future for each in rows for future in each.all]
        frames = self.client.map(_frame, [future for each in rows for future in each.futures], pure=False)
        together = dd.from_delayed(frames, meta=_frame([]), verify_meta=False)
        exchanged = self.client.persist(together.shuffle("share", npartitions=shares, shuffle_method="p2p"))
        exchanged = futures_of(exchanged)
        return Rows(self.client.map(_packets, exchanged, pure=False), [*before, *frames, *exchanged])

    def map(self, work: Work, rows: Rows) -> Rows:
        """Return what `work` makes of each worker's packets."""
        # As the result of a task it is sent to a worker once, and made again where a worker is lost.
        shared = self.client.submit(lambda: work, pure=False)
        made = self.client.map(_worked, [shared] * len(rows.futures), rows.futures, pure=False)
        return Rows(made, rows.all)

    def merge(self, rows: Rows, tick: Tick | None) -> list[Packet]:
        """Do the work and return all packets."""
        self._wait(rows, tick)
        return [packet for part in self.client.gather(rows.futures) for packet in part]

    def keep(self, rows: Rows, tick: Tick | None) -> Rows:
        """Return the same rows, worked out now and held in the memory of the workers."""
        self._wait(rows, tick)
        return Rows(rows.futures)

    def drop(self, rows: Rows) -> None:
        """Let the workers forget them."""
        for future in rows.futures:
            future.release()

    def _wait(self, rows: Rows, tick: Tick | None) -> None:
        from distributed import TimeoutError, wait

        try:
            pending = rows.futures
            while pending:
                with suppress(TimeoutError):
                    wait(pending, timeout=HEARTBEAT_S)
                pending = [future for future in rows.futures if future.status == "pending"]
                if tick is not None:
                    tick(sum(future.status != "pending" for future in rows.all), len(rows.all))
        except BaseException:
            self.client.cancel(rows.all, force=True)
            raise


def _worked(work: Work, packets: list[Packet]) -> list[Packet]:
    return work(packets) if packets else []


def _frame(packets: list[Packet]) -> pandas.DataFrame:
    """Return packets as the data frame that Dask shuffles."""
    import pandas as pd
    import pyarrow as pa

    share, name, payload = zip(*packets) if packets else ((), (), ())
    return pd.DataFrame(
        {
            "share": pd.array(share, dtype="int64"),
            "name": pd.array(name, dtype=pd.ArrowDtype(pa.string())),
            "payload": pd.array(payload, dtype=pd.ArrowDtype(pa.large_binary())),
        }
    )


def _packets(frame: pandas.DataFrame) -> list[Packet]:
    return [Packet(int(share), name, payload) for share, name, payload in frame.itertuples(index=False)]
