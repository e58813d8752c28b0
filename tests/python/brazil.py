"""A small data set as people in Brazil have it - semicolons, decimal commas, latin-1, local times, their own words and
columns - and its clean twin."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TZ = "America/Recife"
CLOCK = timezone(timedelta(hours=-3))
COLUMNS = {
    "user_id": "usuario",
    "ad_id": "anuncio",
    "campaign_id": "campanha",
    "establishment_id": "estabelecimento",
    "category": "categoria",
    "name": "nome",
    "action": "acao",
    "timestamp": "data_hora",
    "accuracy_m": "precisao",
}
ACTIONS = {"Impressão": "view", "Clique": "click"}
#: How they open it.
OPTIONS = {"tz": TZ, "naive_tz": TZ, "columns": COLUMNS, "actions": ACTIONS}
CATEGORIES = ["alimentação", "farmácia", "café"]


def tables(seed: int = 1) -> dict[str, list[dict]]:
    """Return the rows: whole minutes, coordinates with six decimals, ids with leading zeros."""
    chance = random.Random(seed)
    start = datetime(2024, 3, 4, 5, 49, tzinfo=CLOCK)
    places = [
        {"establishment_id": f"{n:03d}", "name": f"Pão & Cia; nº {n}", "category": CATEGORIES[n % 3],
         "latitude": round(-8.05 - n / 100, 6), "longitude": round(-34.9 - n / 200, 6)}
        for n in range(9)
    ]  # fmt: skip
    ads = [
        {"ad_id": f"{n:04d}", "campaign_id": f"verão {n % 4}", "category": CATEGORIES[n % 3],
         "establishment_id": places[n % 9]["establishment_id"]}
        for n in range(12)
    ]  # fmt: skip

    def minute() -> datetime:
        return start + timedelta(minutes=chance.randrange(60 * 24 * 40))

    def near(place: dict) -> dict:
        shift = [chance.choice([0, 0.0001, 0.02]) for _ in range(2)]
        return {name: round(place[name] + by, 6) for name, by in zip(("latitude", "longitude"), shift)}

    users = [f"{n:05d}" for n in range(30)]
    acts = [
        {"user_id": chance.choice(users), "ad_id": chance.choice(ads)["ad_id"],
         "action": chance.choice(["view", "view", "click"]), "timestamp": minute()}
        for _ in range(600)
    ]  # fmt: skip
    pings = [
        {"user_id": chance.choice(users), "timestamp": minute(), **near(chance.choice(places)),
         "accuracy_m": round(chance.uniform(3, 80), 1)}
        for _ in range(1500)
    ]  # fmt: skip
    return {"establishments": places, "ads": ads, "interactions": acts, "pings": pings}


def write_as_they_do(root: Path) -> Path:
    """Write CSV as a spreadsheet in Portuguese does."""
    root.mkdir(parents=True)
    words = {ours: theirs for theirs, ours in ACTIONS.items()}

    def cell(column: str, value: object) -> str:
        if isinstance(value, datetime):
            return f"{value:%d/%m/%Y %H:%M}"
        return f"{value}".replace(".", ",") if isinstance(value, float) else words.get(str(value), str(value))

    for name, rows in tables().items():
        with open(root / f"{name}.csv", "w", encoding="latin-1", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(COLUMNS.get(column, column) for column in rows[0])
            writer.writerows([cell(*pair) for pair in row.items()] for row in rows)
    return root


def write_twin(root: Path) -> Path:
    """Write the same rows as Parquet, with instants, our names and our words."""
    root.mkdir(parents=True)
    for name, rows in tables().items():
        table = pa.Table.from_pylist(rows)
        if "timestamp" in table.column_names:
            place = table.column_names.index("timestamp")
            instants = table["timestamp"].cast(pa.timestamp("us", "UTC"))
            table = table.set_column(place, "timestamp", instants)
        pq.write_table(table, root / f"{name}.parquet")
    return root
