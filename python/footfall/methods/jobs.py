"""The questions, a method each; `footfall.Dataset` has them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from footfall.definitions import DEFAULT_UNIT, Unit
from footfall.result import Result


class Jobs(ABC):
    """One method per job.

    The methods share their parameters, and their errors: `MissingTableError` if a table that the job needs is not there
    (the message names it), `DefinitionError` if an option makes no sense, `DataError` if a file cannot be read,
    and `KeyboardInterrupt` on Ctrl-C, which leaves the data set usable.
    """

    @abstractmethod
    def run(self, job: str, *, by: Unit | None = None, users: Any = None, rank_by: Unit | None = None) -> Result:
        """Answer the job of that name."""

    def campaign_ctr(self, *, by: Unit = DEFAULT_UNIT, rank_by: Unit | None = None) -> Result:
        """Job 1: which campaigns turn views into clicks?

        Parameters
        ----------
        by : {"day", "week", "month", "period"}
            Calendar unit, local to `tz`; ``period`` is everything at once.
        rank_by : {"ctr_low", "ctr"}, optional
            The lower bound, by default, so that 1 click in 1 view is not the best campaign.

        Returns
        -------
        Result
            [day | week | month] (date: the unit's first day), campaign_id (string), views, clicks (int64), ctr
            (float64: clicks / views, null without views), ctr_low, ctr_high (float64, Wilson interval; null also if
            there are more clicks than views), rank (int64, 1 is best). Sorted by unit, then campaign_id.

        Notes
        -----
        The interval says how far chance alone may have moved the rate: a campaign with few views has a wide one. Views
        count as independent of each other.

        Raises
        ------
        MissingTableError
            Without ads or interactions.
        DefinitionError
            If `by` or `rank_by` is none of the above.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"], "establishment_id": ["e"]})
        >>> interactions = pa.table({"user_id": ["ana", "ana", "rui", "rui"], "ad_id": ["a"] * 4,
        ...                          "action": ["view", "click", "view", "view"],
        ...                          "timestamp": [datetime(2024, 3, 1, hour, tzinfo=timezone.utc)
        ...                                        for hour in (9, 9, 10, 20)]})
        >>> data = footfall.open({"ads": ads, "interactions": interactions})
        >>> data.campaign_ctr(by="month").to_arrow().select(["month", "views", "clicks", "rank"]).to_pylist()
        [{'month': datetime.date(2024, 3, 1), 'views': 3, 'clicks': 1, 'rank': 1}]
        """
        return self.run("campaign_ctr", by=by, rank_by=rank_by)

    def establishment_visits(self, *, by: Unit = DEFAULT_UNIT, rank_by: Unit | None = None) -> Result:
        """Job 2: which establishments get the most visits?

        Parameters
        ----------
        by : {"day", "week", "month", "period"}
            Calendar unit, local to `tz`.
        rank_by : {"visits", "visitors"}, optional
            The first by default.

        Returns
        -------
        Result
            [day | week | month] (date), establishment_id, name, category (string), visits, visitors (int64: pings
            within the radius, and different users), rank (int64). Every establishment is there in every unit in which
            anybody visited any, with 0 if need be. Sorted by unit, then establishment_id.

        Raises
        ------
        MissingTableError
            Without establishments or pings.
        DefinitionError
            If `by` or `rank_by` is none of the above.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe", "bank"], "category": ["food", "money"],
        ...                    "latitude": [-8.0634, -8.0476], "longitude": [-34.8711, -34.8770]})
        >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12, tzinfo=timezone.utc)],
        ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
        >>> data = footfall.open({"establishments": places, "pings": pings})
        >>> data.establishment_visits(by="period").to_arrow().select(["establishment_id", "visits", "rank"]).to_pylist()
        [{'establishment_id': 'bank', 'visits': 0, 'rank': 2}, {'establishment_id': 'cafe', 'visits': 1, 'rank': 1}]
        """
        return self.run("establishment_visits", by=by, rank_by=rank_by)

    def visit_attribution(self, *, by: Unit = DEFAULT_UNIT, rank_by: Unit | None = None) -> Result:
        """Job 3: which share of an establishment's visits followed an interaction with one of its ads?

        Parameters
        ----------
        by : {"day", "week", "month", "period"}
            Calendar unit of the visit, local to `tz`, whichever unit the interaction is in.
        rank_by : {"ratio_low", "ratio"}, optional
            The lower bound by default.

        Returns
        -------
        Result
            [day | week | month] (date), establishment_id, name (string), visits, visitors, attributed_visits (int64),
            ratio, ratio_low, ratio_high (float64: attributed_visits / visits and its interval, null without visits),
            rank (int64). Every establishment is there, as in `establishment_visits`. Sorted by unit, then
            establishment_id.

        Notes
        -----
        The interval says how far chance alone may have moved the ratio. It counts people, not pings: a hundred visits
        of one person tell about one person. It is Wilson's interval of as many independent visits as would tell as much
        as these do, which is fewer the more each visitor's visits are alike and the more a few visitors dominate.

        Raises
        ------
        MissingTableError
            Without establishments, ads, interactions or pings.
        DefinitionError
            If `by` or `rank_by` is none of the above.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> data = footfall.open({
        ...     "establishments": pa.table({"establishment_id": ["cafe"], "category": ["food"],
        ...                                 "latitude": [-8.0634], "longitude": [-34.8711]}),
        ...     "ads": pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"],
        ...                      "establishment_id": ["cafe"]}),
        ...     "interactions": pa.table({"user_id": ["ana"], "ad_id": ["a"], "action": ["view"],
        ...                               "timestamp": [datetime(2024, 3, 1, 9, tzinfo=timezone.utc)]}),
        ...     "pings": pa.table({"user_id": ["ana", "ana"], "latitude": [-8.0631] * 2, "longitude": [-34.8711] * 2,
        ...                        "timestamp": [datetime(2024, 3, 1, hour, tzinfo=timezone.utc)
        ...                                      for hour in (12, 16)]}),
        ... })
        >>> columns = ["visits", "attributed_visits", "ratio"]
        >>> data.visit_attribution(by="period").to_arrow().select(columns).to_pylist()
        [{'visits': 2, 'attributed_visits': 1, 'ratio': 0.5}]
        """
        return self.run("visit_attribution", by=by, rank_by=rank_by)

    def category_hours(self, *, by: Unit = DEFAULT_UNIT) -> Result:
        """Job 4: at which hours do people interact with the ads of each category?

        Parameters
        ----------
        by : {"day", "week", "month", "period"}
            Calendar unit, local to `tz`.

        Returns
        -------
        Result
            [day | week | month] (date), category (string, of the ad), hour (int64, local, all 24), interactions,
            views, clicks (int64), share (float64: of the category's interactions in that unit). Sorted by unit,
            category, hour.

        Raises
        ------
        MissingTableError
            Without ads or interactions.
        DefinitionError
            If `by` is none of the above.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"]})
        >>> interactions = pa.table({"user_id": ["ana", "rui"], "ad_id": ["a", "a"], "action": ["view", "view"],
        ...                          "timestamp": [datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in (9, 9)]})
        >>> data = footfall.open({"ads": ads, "interactions": interactions})
        >>> hours = data.category_hours(by="period").to_arrow()
        >>> hours.slice(9, 1).select(["category", "hour", "interactions", "share"]).to_pylist()
        [{'category': 'food', 'hour': 9, 'interactions': 2, 'share': 1.0}]
        """
        return self.run("category_hours", by=by)

    def interaction_profile(self, users: Any = None) -> Result:
        """Job 5: which ad categories does each user interact with in each part of the day?

        Parameters
        ----------
        users : id or iterable of ids, optional
            These users only.

        Returns
        -------
        Result
            user_id (string), day_part (string: night 0-6 h, morning 6-12 h, afternoon 12-18 h, evening 18-24 h, local
            to `tz`), category (string), interactions (int64), share (float64: within the user and the part of the
            day). Sorted by user_id, part of the day, category.

        Raises
        ------
        MissingTableError
            Without ads or interactions.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": ["a"], "campaign_id": ["lunch"], "category": ["food"]})
        >>> interactions = pa.table({"user_id": ["ana", "rui"], "ad_id": ["a", "a"], "action": ["view", "view"],
        ...                          "timestamp": [datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in (9, 9)]})
        >>> data = footfall.open({"ads": ads, "interactions": interactions})
        >>> data.interaction_profile(users="ana").to_arrow().to_pylist()
        [{'user_id': 'ana', 'day_part': 'morning', 'category': 'food', 'interactions': 1, 'share': 1.0}]
        """
        return self.run("interaction_profile", users=users)

    def preferred_ad_categories(self, users: Any = None) -> Result:
        """Job 5: which ad category does each user prefer in each part of the day?

        Parameters
        ----------
        users : id or iterable of ids, optional
            These users only.

        Returns
        -------
        Result
            The rows of `interaction_profile` with the most interactions of each user and part of the day, and tied
            (bool): other categories have as many, and the first by name is given. Sorted by user_id, part of the day.

        Raises
        ------
        MissingTableError
            Without ads or interactions.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> ads = pa.table({"ad_id": ["a", "b"], "campaign_id": ["lunch", "loan"], "category": ["food", "money"]})
        >>> interactions = pa.table({"user_id": ["ana", "ana"], "ad_id": ["a", "b"], "action": ["view", "view"],
        ...                          "timestamp": [datetime(2024, 3, 1, hour, tzinfo=timezone.utc)
        ...                                        for hour in (9, 10)]})
        >>> data = footfall.open({"ads": ads, "interactions": interactions})
        >>> data.preferred_ad_categories().to_arrow().select(["day_part", "category", "tied"]).to_pylist()
        [{'day_part': 'morning', 'category': 'food', 'tied': True}]
        """
        return self.run("preferred_ad_categories", users=users)

    def visit_profile(self, users: Any = None) -> Result:
        """Job 6: which categories of establishments does each user visit on each weekday?

        Parameters
        ----------
        users : id or iterable of ids, optional
            These users only.

        Returns
        -------
        Result
            user_id (string), weekday (int64, 1 = Monday, local to `tz`), category (string, of the establishment),
            visits (int64), share (float64: within the user and the weekday). Sorted by user_id, weekday, category.

        Raises
        ------
        MissingTableError
            Without establishments or pings.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe"], "category": ["food"],
        ...                    "latitude": [-8.0634], "longitude": [-34.8711]})
        >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12, tzinfo=timezone.utc)],
        ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
        >>> data = footfall.open({"establishments": places, "pings": pings})
        >>> data.visit_profile(users=["ana"]).to_arrow().to_pylist()
        [{'user_id': 'ana', 'weekday': 5, 'category': 'food', 'visits': 1, 'share': 1.0}]
        """
        return self.run("visit_profile", users=users)

    def preferred_establishment_categories(self, users: Any = None) -> Result:
        """Job 6: which category of establishments does each user prefer on each weekday?

        Parameters
        ----------
        users : id or iterable of ids, optional
            These users only.

        Returns
        -------
        Result
            The rows of `visit_profile` with the most visits of each user and weekday, and tied (bool): other
            categories have as many, and the first by name is given. Sorted by user_id, weekday.

        Raises
        ------
        MissingTableError
            Without establishments or pings.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import footfall, pyarrow as pa
        >>> places = pa.table({"establishment_id": ["cafe"], "category": ["food"],
        ...                    "latitude": [-8.0634], "longitude": [-34.8711]})
        >>> pings = pa.table({"user_id": ["ana"], "timestamp": [datetime(2024, 3, 1, 12, tzinfo=timezone.utc)],
        ...                   "latitude": [-8.0631], "longitude": [-34.8711]})
        >>> data = footfall.open({"establishments": places, "pings": pings})
        >>> data.preferred_establishment_categories().to_arrow().select(["weekday", "category", "tied"]).to_pylist()
        [{'weekday': 5, 'category': 'food', 'tied': False}]
        """
        return self.run("preferred_establishment_categories", users=users)
