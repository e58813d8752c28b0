"""Dask: packets as futures on the workers, and Dask's own shuffle for the exchange by user.

References
----------
https://distributed.dask.org/en/stable/client.html, https://docs.dask.org/en/stable/dataframe-groupby.html (P2P)
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Callable

from footfall.engines.packets import Packet
from footfall.engines.versions import refuse_others, version
from footfall.engines.work import HEARS, in_turn
from footfall.output.progress import Tick

if TYPE_CHECKING:
    import distributed
    import pandas

HEARTBEAT_S = 0.1


@dataclass(frozen=True)
class Rows:
    """Packets, or futures of them, and what is to be done with each, as one task; and futures that those wait for."""

    sources: list[Any]
    works: tuple[Callable[[Any], Any], ...] = ()
    before: tuple[Any, ...] = ()


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

    @property
    def cores(self) -> int:
        """How many pieces are worked on at once."""
        return sum(self.client.nthreads().values())

    def arrange(self, pieces: Sequence[Packet]) -> Rows:
        """Return rows: each of the `pieces` with some worker."""
        return Rows([[piece] for piece in pieces])

    def arrange_by_user(self, rows: Sequence[Rows], partitions: int) -> Rows:
        """Return all of `rows`, exchanged by Dask's P2P shuffle."""
        import dask.dataframe as dd
        from distributed import futures_of

        frames = [future for each in rows for future in self._start(self.map(_frame, each))]
        together = dd.from_delayed(frames, meta=_frame([]), verify_meta=False)
        exchanged = together.shuffle("share", npartitions=partitions, shuffle_method="p2p")
        exchanged = futures_of(self.client.persist(exchanged))
        before = [future for each in rows for future in each.before]
        return Rows(exchanged, (_packets,), (*before, *frames, *exchanged))

    def map(self, work: Callable[[Any], Any], rows: Rows) -> Rows:
        """Return what `work` makes of each worker's packets."""
        return replace(rows, works=(*rows.works, work))

    def merge(self, rows: Rows, tick: Tick | None) -> list[Packet]:
        """Do the work and return all packets."""
        last = self._start(rows)
        try:
            _wait(last, (*rows.before, *last), tick)
            return [packet for part in self.client.gather(last) for packet in part]
        except BaseException:
            self.client.cancel([*rows.before, *last], force=True)
            raise
        finally:
            _release((*rows.before, *last))

    def keep(self, rows: Rows) -> Rows:
        """Return the same rows, which the workers hold in memory."""
        return Rows(self._start(rows))

    def drop(self, rows: Rows) -> None:
        """Let the workers forget them."""
        _release(rows.sources)

    def _start(self, rows: Rows) -> list[Any]:
        # As the result of a task it can be made again where a worker is lost. Each worker gets it once: were it with
        # one of them, Dask would have that one do all tasks. It is the works alone that travel, not the rows.
        works = rows.works
        sent = self.client.submit(lambda: works, pure=False)
        self.client.replicate(sent)
        return list(self.client.map(_while_wanted, [sent] * len(rows.sources), rows.sources, pure=False))


def _while_wanted(works: Sequence[Callable[[Any], Any]], given: Any) -> Any:
    """Do the works on a worker; stop within them once the client has cancelled the task, which Dask alone does not."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def stop_if_cancelled(*_: Any) -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise CancelledError

    before = HEARS.set(stop_if_cancelled)
    try:
        return in_turn(works, given)
    finally:
        HEARS.reset(before)


def _wait(last: Sequence[Any], watched: Sequence[Any], tick: Tick | None) -> None:
    """Wait for the `last` futures; tell `tick` how many of those that are `watched` are done.

    Dask's own ``wait`` raises `TimeoutError` at each heartbeat, and the frames of its traceback, which are a circle of
    references, hold the futures until Python's garbage collector comes by.
    """
    done, left = Event(), len(last)

    def count(_: Any) -> None:
        # Dask calls back in one thread.
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    for future in last:
        future.add_done_callback(count)
    ended = not last
    while not ended:
        ended = done.wait(HEARTBEAT_S)
        if tick is not None:
            tick(sum(future.status != "pending" for future in watched), len(watched))


def _release(futures: Sequence[Any]) -> None:
    """Let the workers forget the results, whoever still refers to the futures: an error's traceback, say."""
    for future in futures:
        future.release()


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
