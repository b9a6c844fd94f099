"""MovieLens by name: 100K (see `tastemaker.data.movielens`), 1M, latest-small, 20M and 32M.

F. M. Harper and J. A. Konstan (2015), The MovieLens Datasets: History and Context, ACM Transactions on Interactive
Intelligent Systems 5(4).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.data.assets import Asset
from tastemaker.data.mirrors import Content, Layout, WebMirror
from tastemaker.data.movielens import ML_100K, parse_movielens_100k, plain_title
from tastemaker.data.sources.reading import find, need, read_table, seconds
from tastemaker.data.sources.source import HAS_TAG, UNKNOWN, Source, Tables, make_source

_SITE: Final = "https://files.grouplens.org/datasets/movielens"
_CITE: Final = (
    "Publications that use it cite: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets:\n"
    "History and Context. ACM Transactions on Interactive Intelligent Systems 5(4), 19. doi:10.1145/2827872"
)
_STRICT: Final = (
    "It belongs to the GroupLens Research Project, University of Minnesota. It may be used for research. Without\n"
    "permission it may not be redistributed or used for any commercial or revenue-bearing purpose. No endorsement\n"
    f"may be implied. {_CITE}"
)
_SHARED: Final = (
    "It belongs to the GroupLens Research Project, University of Minnesota. It may be redistributed under the same\n"
    "conditions, and may not be used for any commercial or revenue-bearing purpose without permission. No\n"
    f"endorsement may be implied. {_CITE}"
)

_ML_1M_PEOPLE_AND_FILMS: Final = {
    "movies.dat": Content("0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9", 171_308),
    "users.dat": Content("1dc3a95300cb19f7c10e027daf29b8cdf1d908dab65b5edfb45950aa389a10a3", 134_368),
}
_ML_1M_FILES: Final = Layout(
    "official",
    {
        "ratings.dat": Content(size=24_594_131, git_blob="77a7c4b150f588c23bb9e1f068aa996c0b413695"),
        **_ML_1M_PEOPLE_AND_FILMS,
    },
)
ML_1M: Final = Asset(
    name="movielens-1m",
    mirrors=(
        WebMirror(
            url=f"{_SITE}/ml-1m.zip",
            layout=_ML_1M_FILES,
            digests={"md5": "c4d9eecfca2ab87c1945afe126590906"},
            max_size=12_000_000,
            members={name: f"ml-1m/{name}" for name in _ML_1M_FILES.files},
        ),
    ),
    licence="research use only, no redistribution, no commercial use",
    terms=f"MovieLens 1M. {_STRICT}",
    homepage="https://grouplens.org/datasets/movielens/1m/",
    size=6_000_000,
    local=(Layout("ratings-as-parquet", {"ratings.parquet": UNKNOWN, **_ML_1M_PEOPLE_AND_FILMS}),),
)

_LATEST_SMALL: Final = {  # the edition of September 2018
    "ratings.csv": Content("aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646", 2_483_723),
    "movies.csv": Content("5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07", 494_431),
    "links.csv": Content("97ad18e4e56a09363c65676b6cb3482ce3e2cea2372a24620c1599c843325f31", 197_979),
    "tags.csv": Content("92a9f8bb7916dceef6151209845788c3643f794dfa79d1feaec7121b5960399d", 118_660),
}
_CSV: Final = dict.fromkeys(("ratings.csv", "movies.csv", "links.csv", "tags.csv"), UNKNOWN)


def _csv_asset(
    name: str, archive: str, files: dict[str, Content], digests: dict[str, str], size: int, what: str
) -> Asset:
    layout = Layout("official", files)
    return Asset(
        name=name,
        mirrors=(
            WebMirror(
                url=f"{_SITE}/{archive}.zip",
                layout=layout,
                digests=digests,
                max_size=2 * size,
                members={file: f"{archive}/{file}" for file in files},
            ),
        ),
        licence="no commercial use; redistribution under the same terms",
        terms=f"{what}. {_SHARED}",
        homepage="https://grouplens.org/datasets/movielens/",
        size=size,
    )


ML_LATEST_SMALL: Final = _csv_asset(
    "movielens-latest-small", "ml-latest-small", _LATEST_SMALL, {}, 1_000_000, "MovieLens latest-small, 9/2018"
)
ML_20M: Final = _csv_asset(
    "movielens-20m",
    "ml-20m",
    _CSV,
    {
        "md5": "cd245b17a1ae2cc31bb14903e1204af3",
        "sha256": "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    },
    198_702_078,
    "MovieLens 20M",
)
ML_32M: Final = _csv_asset(
    "movielens-32m", "ml-32m", _CSV, {"md5": "d472be332d4daa821edc399621853b57"}, 238_950_008, "MovieLens 32M"
)

_OCCUPATIONS: Final = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service",
    "doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer",
    "retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman",
    "unemployed", "writer",
)  # fmt: skip
_FILMS: Final = pl.Schema(
    {"item_id": pl.String(), "title": pl.String(), "year": pl.Int32(), "categories": pl.List(pl.String())}
)
_NO_GENRES: Final = "(no genres listed)"


def parse_movielens_1m(folder: Path, layout: str) -> Tables:
    """Read MovieLens 1M: ``ratings.dat`` (or ``ratings.parquet`` with the same rows), ``movies.dat, users.dat``.

    ``age`` is the lower end of a range (1 stands for "under 18"), ``occupation`` the words of the README.

    Raises:
        DataError: A file is missing or is not what its name says.
    """
    if layout == "ratings-as-parquet":
        ratings = pl.read_parquet(folder / "ratings.parquet").rename({"movie_id": "item_id"})
    else:
        schema = {"user_id": pl.String, "item_id": pl.String, "rating": pl.Float32, "timestamp": pl.Int64}
        ratings = read_table(folder / "ratings.dat", schema, separator="::", header=False)
    listed = read_table(
        folder / "movies.dat", dict.fromkeys(("id", "title", "genres"), pl.String), separator="::",
        header=False, encoding="latin-1",
    )  # fmt: skip
    people = read_table(
        folder / "users.dat",
        {"user_id": pl.String, "gender": pl.String, "age": pl.Int32, "occupation": pl.Int32, "zip": pl.String},
        separator="::",
        header=False,
    )
    names = pl.col("occupation").replace_strict(dict(enumerate(_OCCUPATIONS)), return_dtype=pl.String, default=None)
    return Tables(
        ratings.select(
            pl.col("user_id", "item_id").cast(pl.String), pl.col("rating").cast(pl.Float32), seconds("timestamp")
        ),
        _films(listed),
        people.select("user_id", "age", "gender", names, "zip"),
    )


def parse_movielens_csv(folder: Path, layout: str) -> Tables:
    """Read the layout of latest-small, 20M and 32M: ``ratings.csv, movies.csv``, and ``links.csv, tags.csv`` if there.

    A tag that somebody gave to a film is a relation ``has_tag``, with ``user_id`` and ``timestamp`` beside it.

    Raises:
        DataError: A file is missing or is not what its name says.
    """
    ratings = read_table(
        need(folder, "ratings.csv"),
        {"userId": pl.String, "movieId": pl.String, "rating": pl.Float32, "timestamp": pl.Int64},
    )
    listed = read_table(need(folder, "movies.csv"), dict.fromkeys(("movieId", "title", "genres"), pl.String), quote='"')
    items = _films(listed.rename({"movieId": "id"}))
    if links := find(folder, "links.csv"):
        ids = read_table(links, dict.fromkeys(("movieId", "imdbId", "tmdbId"), pl.String))
        ids = ids.rename({"movieId": "item_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"})
        items = items.join(ids.unique("item_id", keep="first"), on="item_id", how="left", maintain_order="left")
    relations = None
    if tags := find(folder, "tags.csv"):
        schema = {"userId": pl.String, "movieId": pl.String, "tag": pl.String, "timestamp": pl.Int64}
        given = read_table(tags, schema, quote='"').drop_nulls("tag")
        relations = given.select(
            head="movieId", relation=pl.lit(HAS_TAG), tail="tag", user_id="userId", timestamp=seconds("timestamp")
        )
    events = ratings.select(user_id="userId", item_id="movieId", rating="rating", timestamp=seconds("timestamp"))
    return Tables(events, items, relations=relations)


def _films(listed: pl.DataFrame) -> pl.DataFrame:
    """Make the frame of items from ``id, title, genres`` as MovieLens lists them."""
    rows = [
        (item, *plain_title(title or ""), [] if genres in (None, _NO_GENRES) else genres.split("|"))
        for item, title, genres in listed.select("id", "title", "genres").iter_rows()
    ]
    return pl.DataFrame(rows, schema=_FILMS, orient="row")


def _parse_100k(folder: Path, layout: str) -> Tables:
    return Tables(*parse_movielens_100k(folder, layout))


SOURCES: Final[tuple[Source, ...]] = (
    make_source(
        ML_100K,
        "100,000 ratings of 1,682 films by 943 people, 1997-98",
        _parse_100k,
        folders=("ml-100k",),
        family="movielens",
        confirmed="the wheel",
    ),
    make_source(
        ML_1M,
        "1,000,209 ratings of 3,706 films by 6,040 people, 2000-03",
        parse_movielens_1m,
        folders=("ml-1m",),
        rows=1_000_209,
        family="movielens",
    ),
    make_source(
        ML_LATEST_SMALL,
        "100,836 ratings of 9,724 films by 610 people with 3,683 tags, 1996-2018",
        parse_movielens_csv,
        folders=("ml-latest-small-2018", "ml-latest-small"),
        family="movielens",
    ),
    make_source(
        ML_20M,
        "20,000,263 ratings by 138,493 people, 465,564 tags, 27,278 films, 1995-2015",
        parse_movielens_csv,
        folders=("ml-20m",),
        rows=20_000_263,
        family="movielens",
    ),
    make_source(
        ML_32M,
        "32,000,204 ratings by 200,948 people, 2,000,072 tags, 87,585 films, 1995-2023",
        parse_movielens_csv,
        folders=("ml-32m",),
        rows=32_000_204,
        family="movielens",
    ),
)
