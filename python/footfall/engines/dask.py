"""Dask: packets as futures on the workers, and Dask's own shuffle for the exchange by user.

References
----------
https://distributed.dask.org/en/stable/client.html, https://docs.dask.org/en/stable/dataframe-groupby.html (P2P)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from footfall.engines.packets import Packet
from footfall.engines.versions import refuse_others, version
from footfall.engines.work import Work
from footfall.progress import Tick

if TYPE_CHECKING:
    import distributed
    import pandas

HEARTBEAT_S = 0.1


class DaskAdapter:
    """The workers of a ``distributed.Client``. Rows are a list of futures, each of a list of packets.

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

    def arrange(self, pieces: Sequence[Packet]) -> list[Any]:
        """Return rows: each of the `pieces` with some worker."""
        return self.client.map(lambda piece: [piece], list(pieces), pure=False)

    def arrange_by_user(self, rows: Sequence[list[Any]], shares: int) -> list[Any]:
        """Return all of `rows`, exchanged by Dask's P2P shuffle."""
        import dask.dataframe as dd
        from distributed import futures_of

        frames = [future for each in rows for future in self.client.map(_frame, each, pure=False)]
        together = dd.from_delayed(frames, meta=_frame([]), verify_meta=False)
        exchanged = together.shuffle("share", npartitions=shares, shuffle_method="p2p")
        kept = self.client.persist(exchanged, optimize_graph=True)
        return self.client.map(_packets, futures_of(kept), pure=False)

    def map(self, work: Work, rows: list[Any]) -> list[Any]:
        """Return what `work` makes of each worker's packets."""
        # As the result of a task it is sent to a worker once, and made again where a worker is lost.
        shared = self.client.submit(lambda: work, pure=False)
        return self.client.map(_worked, [shared] * len(rows), rows, pure=False)

    def merge(self, rows: list[Any], tick: Tick | None) -> list[Packet]:
        """Do the work and return all packets."""
        self._wait(rows, tick)
        return [packet for part in self.client.gather(rows) for packet in part]

    def keep(self, rows: list[Any], tick: Tick | None) -> list[Any]:
        """Return the same rows, worked out now and held in the memory of the workers."""
        self._wait(rows, tick)
        return rows

    def drop(self, rows: list[Any]) -> None:
        """Let the workers forget them."""
        for future in rows:
            future.release()

    def _wait(self, rows: list[Any], tick: Tick | None) -> None:
        from distributed import TimeoutError, wait

        try:
            pending = rows
            while pending:
                with suppress(TimeoutError):
                    wait(pending, timeout=HEARTBEAT_S)
                pending = [future for future in rows if future.status == "pending"]
                if tick is not None:
                    tick(len(rows) - len(pending), len(rows))
        except BaseException:
            self.client.cancel(rows, force=True)
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
