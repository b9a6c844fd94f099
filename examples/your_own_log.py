"""From a log and a catalogue in memory to a comparison, a saved model and recommendations with reasons.

pip install tastemaker && python your_own_log.py
"""

from __future__ import annotations

import random
import tempfile

import polars as pl

import tastemaker as tm


def a_log() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stands for your own tables: what people did, and what there is."""
    dice = random.Random(0)
    shelves = {
        "garden": ["spade", "rake", "hose", "gloves", "seeds"],
        "kitchen": ["pan", "pot", "knife", "bowl", "cup"],
    }
    events = []
    for person in range(200):
        favourite = dice.choice(sorted(shelves))
        for day in range(dice.randint(3, 6)):
            shelf = favourite if dice.random() < 0.9 else dice.choice(sorted(shelves))
            events.append((f"person {person}", dice.choice(shelves[shelf]), 1_700_000_000 + 86_400 * day))
    items = [(item, item.title(), [shelf]) for shelf, names in shelves.items() for item in names]
    return (
        pl.DataFrame(events, schema=["user_id", "item_id", "timestamp"], orient="row"),
        pl.DataFrame(items, schema=["item_id", "title", "categories"], orient="row"),
    )


def main() -> None:
    events, items = a_log()
    data = tm.Dataset.of(events, items, name="my shop")

    split = tm.leave_one_out(data)
    models = {"popularity": tm.Popularity(), "sequential-rules": tm.SequentialRules(), "ease": tm.EASE()}
    for row in tm.compare(models, split).rows:
        ndcg = row.metrics["ndcg@10"]
        print(f"{row.model}: {ndcg.value:.3f} [{ndcg.low:.3f}, {ndcg.high:.3f}]")

    model = tm.EASE().fit(split.train, split.valid)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model")
        served = tm.load_model(f"{folder}/model")
    query = tm.Query(history=(tm.Event("spade"), tm.Event("rake")), k=3)
    for found in served.recommend(query):
        because = max(served.explain(query, found.item_id).parts, key=lambda part: part.amount)
        print(f"{found.rank}. {data.catalogue.title(found.item_id)}, because of {because.name}")


if __name__ == "__main__":
    main()
