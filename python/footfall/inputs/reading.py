"""How a data set's files are to be read: names of columns and actions, times without a zone, CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from footfall.errors import DefinitionError
from footfall.inputs import options, zones
from footfall.inputs.csv import Csv
from footfall.lang import tr

if TYPE_CHECKING:
    from footfall._native import Zone, _Reading

#: The tables of a data set.
TABLES = ("establishments", "ads", "interactions", "pings")
#: What people do with ads.
ACTIONS = ("view", "click")
EPOCH_UNITS = ("s", "ms", "us", "ns")
#: The key of CSV options that are for all tables.
ALL = ""


@dataclass(frozen=True)
class Reading:
    """What the caller, or a file of settings, says about how files are written.

    Attributes
    ----------
    columns : mapping
        Their names of columns, by ours.
    epoch_unit : str, optional
        The unit of timestamps that are integers.
    naive_tz : Zone, optional
        Where timestamps without an offset are local; they are refused if None.
    actions : mapping
        Our names of actions, by theirs.
    csv : mapping
        `Csv` by table; the key "" is for all tables.
    file : str, optional
        The file of settings that some of it is from.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    epoch_unit: str | None = None
    naive_tz: Zone | None = None
    actions: Mapping[str, str] = field(default_factory=dict)
    csv: Mapping[str, Csv] = field(default_factory=dict)
    file: str | None = None

    def over(self, other: Reading) -> Reading:
        """Return what both say; where they say different things, this one is right."""
        return Reading(
            {**other.columns, **self.columns},
            other.epoch_unit if self.epoch_unit is None else self.epoch_unit,
            other.naive_tz if self.naive_tz is None else self.naive_tz,
            {**other.actions, **self.actions},
            {name: csv for name in {**other.csv, **self.csv} if (csv := self._csv_over(other, name)).given()},
            self.file or other.file,
        )

    def _csv_over(self, other: Reading, name: str) -> Csv:
        """Return the options of one table: what is said of it goes before what is said of all."""
        said = [csv.get(each, Csv()).given() for csv in (other.csv, self.csv) for each in (ALL, name)]
        together: dict[str, Any] = {}
        for each in said:
            together.update(each)
        return Csv(**together)

    def with_csv(self, found: Mapping[str, Mapping[str, Any]]) -> Reading:
        """Return the same with what was found out about the CSV files of some tables."""
        return replace(self, csv={**self.csv, **{name: Csv(**how) for name, how in found.items()}})

    def native(self) -> _Reading:
        """Return what the native session takes."""
        csv: Any = {name: how.native() for name, how in self.csv.items()}
        return {
            "columns": dict(self.columns),
            "epoch_unit": self.epoch_unit,
            "naive_tz": self.naive_tz,
            "actions": dict(self.actions),
            "csv": csv,
        }

    def facts(self) -> list[tuple[str, str]]:
        """Return what is said here, in words: (what, how) pairs."""
        zone = [] if self.naive_tz is None else [(tr("naive times"), tr("local to {tz}", tz=self.naive_tz.name))]
        pairs = (tr("{theirs} is {action}", theirs=theirs, action=action) for theirs, action in self.actions.items())
        actions = [(tr("actions"), ", ".join(pairs))] if self.actions else []
        return [*zone, *actions, *([(tr("settings"), self.file)] if self.file else [])]


def reading(*, columns: Any, epoch_unit: Any, naive_tz: Any, csv: Any, actions: Any) -> Reading:
    """Return what the caller says.

    Raises
    ------
    DefinitionError
        If an option makes no sense.

    Examples
    --------
    >>> nothing = {"columns": None, "epoch_unit": None, "naive_tz": None, "csv": None, "actions": None}
    >>> reading(**{**nothing, "actions": {"Clique": "clic"}})
    Traceback (most recent call last):
    ...
    footfall.errors.DefinitionError: actions: Clique = 'clic': must be view or click; did you mean click?
    """
    if epoch_unit is not None and epoch_unit not in EPOCH_UNITS:
        raise DefinitionError(f"epoch_unit = {epoch_unit!r}: must be one of {', '.join(EPOCH_UNITS)}")
    return Reading(
        texts("columns", columns),
        epoch_unit,
        None if naive_tz is None else zones.zone(naive_tz, "naive_tz"),
        _actions(actions),
        _csv(csv),
    )


def texts(name: str, given: Any) -> dict[str, str]:
    """Return a mapping from text to text; of None, an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DefinitionError(f"{name} = {given!r}: must be a mapping from text to text")
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise DefinitionError(f"{name}: {key} = {value!r}: must be text")
    return dict(given)


def _actions(given: Any) -> dict[str, str]:
    actions = texts("actions", given)
    for theirs, ours in actions.items():
        if ours not in ACTIONS:
            hint = options.meant(ours, ACTIONS)
            if theirs in ACTIONS:
                hint = f"; it goes from your word to ours: {{{ours!r}: {theirs!r}}}"
            raise DefinitionError(f"actions: {theirs} = {ours!r}: must be {' or '.join(ACTIONS)}{hint}")
    return actions


def _csv(given: Any) -> dict[str, Csv]:
    if given is None:
        return {}
    by_table = {ALL: given} if isinstance(given, Csv) else given
    if isinstance(by_table, Mapping) and by_table and set(by_table) <= {each.name for each in fields(Csv)}:
        raise DefinitionError(f"csv = {given!r}: write footfall.Csv({', '.join(f'{name}=...' for name in by_table)})")
    if not isinstance(by_table, Mapping):
        raise DefinitionError(f"csv = {given!r}: must be footfall.Csv(...), or a mapping from table names to such")
    for name, value in by_table.items():
        if name != ALL:
            table("csv", name)
        if not isinstance(value, Csv):
            raise DefinitionError(f"csv: {name} = {value!r}: must be footfall.Csv(...)")
    return dict(by_table)


def table(option: str, name: Any) -> str:
    """Return the name of a table.

    Raises
    ------
    DefinitionError
        If there is no such table.
    """
    if name not in TABLES:
        raise DefinitionError(f"{option}: there is no table {name!r}{options.choices(name, TABLES)}")
    return str(name)
