"""Open Bandit, small: impressions of a fashion shop with the probability of each (Y. Saito et al., 2021, NeurIPS)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.data.assets import Asset
from tastemaker.data.interactions import as_time
from tastemaker.data.mirrors import Content, Layout, WheelMirror
from tastemaker.data.sources.reading import need, read_table
from tastemaker.data.sources.source import Source, Tables, make_source

POLICIES: Final = ("random", "bts")
CAMPAIGNS: Final = {"all": 80, "men": 34, "women": 46}  # campaign -> its items
_CONTENT: Final = {
    "bts/all/all.csv": Content("0ad874e4dbf6902f0845dd478ad8dde5ef6903583d3ffaace78411bdad064106", 5_084_456),
    "bts/men/men.csv": Content("db6d1f7ed2d591ba521533e45286d4c1fba7fe57a8ad2e80342210335f43c527", 3_240_432),
    "bts/women/women.csv": Content("e5d1b49a39b608585a2f3014a3f54970430cd37a495c1b73fceb85cdf428a5b8", 3_722_697),
    "random/all/all.csv": Content("7168295b6e0a9eabcf3392320a5dd434e542b68e705d5cd9491499af589812f1", 5_039_451),
    "random/men/men.csv": Content("ede6d08c6877f99cd3770f7d09e26c738e6aa6de4445ccccfb1356ba5d06b1eb", 3_336_811),
    "random/women/women.csv": Content("e65f3bd3beb17664fa69cc129bf7bf852a775f8ffa630506e505fc905315bb34", 3_817_771),
    "random/all/item_context.csv": Content("eba04cc23d5f130a93ff174c5392986882b94c3839433cb8143870eaa6221358", 10_041),
    "random/men/item_context.csv": Content("6d855c2b7e917d0448d71bbe62c023147495882c0fdc8c41e86fef86abf9fe09", 4_287),
    "random/women/item_context.csv": Content("b1ca4905f97703d196004f2ad4552c1e90c2afad8b50688d333b0d2dc0b33147", 5_792),
}
_USER_FEATURES: Final = tuple(f"user_feature_{number}" for number in range(4))
_ITEM_FEATURES: Final = tuple(f"item_feature_{number}" for number in range(4))


def parse_open_bandit(folder: Path, layout: str, campaign: str) -> Tables:
    """Read the logs of both policies of a campaign.

    An event is an item that was shown: ``click`` with weight 1, or ``impression`` with weight 0. ``policy`` chose it
    (``random``, or ``bts`` for Bernoulli Thompson sampling) with ``propensity`` for place ``slot`` (1 to 3). Nobody is
    identified: a ``user_id`` is all people with the same four features. Item features are hashed differently in each
    log; they are those of the random policy.

    Raises:
        DataError: A file is missing or damaged.
    """
    schema = {
        "timestamp": pl.String,
        "item_id": pl.String,
        "position": pl.Int32,
        "click": pl.Int8,
        "propensity_score": pl.Float64,
        **dict.fromkeys(_USER_FEATURES, pl.String),
    }
    logs = []
    for policy in POLICIES:
        log = read_table(need(folder / policy / campaign, f"{campaign}.csv"), schema)
        logs.append(log.with_columns(as_time(log["timestamp"]), policy=pl.lit(policy)))
    shown = pl.concat(logs).with_columns(user_id=pl.concat_str(_USER_FEATURES, separator="-"))
    clicked = pl.col("click") == 1
    events = shown.select(
        "user_id",
        "item_id",
        "timestamp",
        pl.when(clicked).then(pl.lit("click")).otherwise(pl.lit("impression")).alias("event"),
        pl.col("click").cast(pl.Float32).alias("weight"),
        "policy",
        pl.col("propensity_score").alias("propensity"),
        pl.col("position").alias("slot"),
    )
    columns = {"item_id": pl.String, "item_feature_0": pl.Float64, **dict.fromkeys(_ITEM_FEATURES[1:], pl.String)}
    items = read_table(need(folder / "random" / campaign, "item_context.csv"), columns)
    return Tables(events, items, shown.select("user_id", *_USER_FEATURES).unique("user_id", maintain_order=True))


def _source(campaign: str) -> Source:
    files = {name: content for name, content in _CONTENT.items() if f"/{campaign}/" in name}
    asset = Asset(
        name="open-bandit" if campaign == "all" else f"open-bandit-{campaign}",
        mirrors=(
            WheelMirror(
                requirement="obp==0.4.1",
                layout=Layout("wheel", files),
                sha256="87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208",
                members={name: f"obp/dataset/obd/{name}" for name in files},
            ),
        ),
        licence="CC BY 4.0",
        terms=(
            "The Open Bandit Dataset is licensed CC BY 4.0: name the source (Y. Saito, S. Aihara, M. Matsutani and\n"
            "Y. Narita. 2021. Open Bandit Dataset and Pipeline. NeurIPS Datasets and Benchmarks; ZOZO, Inc.)."
        ),
        homepage="https://research.zozo.com/data.html",
        size=1_338_290,
    )
    return make_source(
        asset,
        f"Open Bandit, small, campaign {campaign}: 2 x 10,000 impressions of {CAMPAIGNS[campaign]} items, propensities",
        partial(parse_open_bandit, campaign=campaign),
        folders=("open-bandit-small",),
        family="open-bandit",
        confirmed="the wheel",
    )


SOURCES: Final[tuple[Source, ...]] = tuple(_source(campaign) for campaign in CAMPAIGNS)
