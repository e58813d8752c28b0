"""What was asked of S3 for an answer, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

from footfall.lang import number, tr

#: Dollars a thousand requests of each kind, in us-east-1 on 2025-01-01 (https://aws.amazon.com/s3/pricing/). Bytes
#: that stay in the region cost nothing.
PER_THOUSAND_LISTS_USD = 0.005
PER_THOUSAND_GETS_USD = 0.0004


@dataclass(frozen=True)
class Asked:
    """Requests to S3, by this machine, and the bytes that came.

    Attributes
    ----------
    lists : int
        Requests that list objects.
    gets : int
        Requests for bytes of objects.
    bytes : int
        Bytes of objects that came.

    Examples
    --------
    >>> asked = Asked(lists=1, gets=50, bytes=540_000)
    >>> print(asked)
    51 requests and 0.54 MB from S3, 0.000025 USD
    >>> asked - Asked(lists=1, gets=20, bytes=500_000)
    Asked(lists=0, gets=30, bytes=40000)
    """

    lists: int = 0
    gets: int = 0
    bytes: int = 0

    def __sub__(self, before: Asked) -> Asked:
        return Asked(self.lists - before.lists, self.gets - before.gets, self.bytes - before.bytes)

    def __bool__(self) -> bool:
        return self.lists > 0 or self.gets > 0

    @property
    def usd(self) -> float:
        """What the requests cost."""
        return (self.lists * PER_THOUSAND_LISTS_USD + self.gets * PER_THOUSAND_GETS_USD) / 1_000

    def __str__(self) -> str:
        told = {"requests": number(self.lists + self.gets), "megabytes": number(self.bytes / 1e6, ",.2f")}
        return tr("{requests} requests and {megabytes} MB from S3, {usd} USD", usd=number(self.usd, ".6f"), **told)


NOTHING = Asked()
