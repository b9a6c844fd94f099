"""Settings that papers, and so several systems, share: data set, split and cut-offs under one name."""

from __future__ import annotations

from typing import Final

from tastemaker.systems.reproduction.system import Setting

ML_100K_TIME: Final = Setting(source="movielens-100k", protocol="global-time")
"""Small and fetchable: the setting of quick cells."""

BEAUTY: Final = Setting(source="amazon-beauty", protocol="leave-one-out", ks=(10, 5))
SPORTS: Final = Setting(source="amazon-sports", protocol="leave-one-out", ks=(10, 5))
CLOTHING: Final = Setting(source="amazon-clothing", protocol="leave-one-out", ks=(10, 5))

BEAUTY_TIME: Final = Setting(source="amazon-beauty", protocol="global-time")
CLOTHING_TIME: Final = Setting(source="amazon-clothing", protocol="global-time")
FOOD_TIME: Final = Setting(source="food-com", protocol="global-time")
"""One clock for everybody, as a shop meets them. Food.com has no official file to fetch: it is read from a folder."""

BEAUTY_20: Final = Setting(source="amazon-beauty", protocol="leave-one-out", ks=(20, 10))
CLOTHING_20: Final = Setting(source="amazon-clothing", protocol="leave-one-out", ks=(20, 10))
"""Cut-offs of papers on graphs of people and items."""

BEAUTY_SHUFFLED: Final = Setting(
    source="amazon-beauty", protocol="leave-one-out", knobs={"ties": "shuffle", "tie_unit": "day"}, ks=(10, 5)
)
"""Amazon's times are days: within a day the order of the file is no order of events."""

BEAUTY_REFIT: Final = Setting(source="amazon-beauty", protocol="leave-one-out", ks=(10, 5), refit=True)
BEAUTY_99: Final = Setting(
    source="amazon-beauty", protocol="leave-one-out", ks=(10, 5, 1), candidates="uniform", negatives=99
)
BEAUTY_99_POPULAR: Final = Setting(
    source="amazon-beauty", protocol="leave-one-out", ks=(10, 5, 1), candidates="popular", negatives=99
)
"""One answer among a hundred, as in the tables of P5 and what came of it; not to be compared with all items."""

BEAUTY_COLD: Final = Setting(source="amazon-beauty", protocol="cold-item", ks=(10, 5))
BEAUTY_COLD_ALONE: Final = Setting(source="amazon-beauty", protocol="cold-item", ks=(10, 5), candidates="cold")

ML_1M_LAST: Final = Setting(source="movielens-1m", protocol="leave-one-out", ks=(10, 5))
ML_1M_20: Final = Setting(source="movielens-1m", protocol="leave-one-out", ks=(20, 10))
ML_1M_TIME: Final = Setting(source="movielens-1m", protocol="global-time")

GOWALLA: Final = Setting(source="gowalla-lightgcn", protocol="given", ks=(20,), refit=True)
"""The split of NGCF and LightGCN: no times and no validation part, so that one is drawn from training."""
