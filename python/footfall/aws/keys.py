"""What lets into a cluster and must be the same on all its nodes: `up` puts it into the workspace."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from footfall.engines.cluster import credentials as stored
from footfall.engines.cluster import spark

#: Of the account by which one logs in to the hub.
PASSWORD = "hub-password"
_PASSWORD_BYTES = 18


def write(folder: Path) -> None:
    """Write Dask's key and certificate, Spark's secret and the hub's password into a new folder of the owner's alone.

    Raises
    ------
    FileExistsError
        If the folder is there.
    """
    folder.mkdir(mode=0o700)
    stored.write_key(folder)
    stored.write_properties(folder / stored.PROPERTIES, spark.new_secret())
    stored.write(folder / PASSWORD, secrets.token_urlsafe(_PASSWORD_BYTES).encode())


def main() -> None:
    """Write them into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.keys", description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
