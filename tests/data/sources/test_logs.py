"""The other sources: official files, made up here, become exactly these events, items and facts."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import AssetError, DataError
from tastemaker.data import load_dataset
from tastemaker.data.sources.goodbooks import parse_goodbooks
from tastemaker.data.sources.gowalla import parse_gowalla, parse_gowalla_lightgcn
from tastemaker.data.sources.lastfm import parse_lastfm
from tastemaker.data.sources.open_bandit import parse_open_bandit
from tastemaker.data.sources.retailrocket import parse_retailrocket
from tastemaker.data.sources.steam import parse_steam
from tastemaker.data.sources.yoochoose import parse_yoochoose


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type,misc]


def write(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode(encoding)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


# goodbooks-10k


BOOKS = {
    "ratings.csv": "user_id,book_id,rating\n1,2,5\n2,1,4\n1,1,3\n",
    "books.csv": "book_id,goodreads_book_id,isbn,authors,original_publication_year,title,language_code,ratings_count\n"
    '1,77,0439023483,"Ann, Bob",2008.0,"Tide (Sea, #1)",eng,900\n2,78,,Cid,-750.0,Été,,5\n',
    "book_tags.csv": "goodreads_book_id,tag_id,count\n78,0,7\n77,1,-1\n",
    "tags.csv": "tag_id,tag_name\r\n0,to-read\r\n1,mer\r\n",
    "to_read.csv": "user_id,book_id\n9,1\n",
}


def test_goodbooks(tmp_path: Path) -> None:
    tables = parse_goodbooks(write(tmp_path, BOOKS), "official")
    assert tables.interactions.rows() == [("1", "2", 5.0), ("2", "1", 4.0), ("1", "1", 3.0)]
    assert tables.items is not None
    assert tables.items.columns == ["item_id", "title", "authors", "year", "language", "isbn"]
    assert tables.items.rows() == [
        ("1", "Tide (Sea, #1)", "Ann, Bob", 2008, "eng", "0439023483"),
        ("2", "Été", "Cid", -750, None, None),
    ]
    assert tables.relations is not None
    assert tables.relations.rows() == [
        ("2", "has_tag", "to-read", 7),
        ("1", "has_tag", "mer", -1),
        ("9", "wants_to_read", "1", None),
    ]
    assert tables.dataset("x").history("1") == ["2", "1"]  # the order of the file is that of time


def test_goodbooks_without_ratings_says_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, {"books.csv.gz": BOOKS["books.csv"]})
    with pytest.raises(DataError, match=r"the books of goodbooks-10k and not their ratings .*ratings\.csv"):
        load_dataset("goodbooks-10k", tmp_path)


# RetailRocket


SHOP = {
    "events.csv": "timestamp,visitorid,event,itemid,transactionid\n"
    "1433221332117,7,view,10,\n1433221332118,7,addtocart,10,\n1433221332119,7,transaction,10,3\n1433221332000,8,view,11,\n",
    "item_properties_part1.csv": "timestamp,itemid,property,value\n5000,10,categoryid,3\n4000,10,790,n12.000\n",
    "item_properties_part2.csv": "timestamp,itemid,property,value\n1000,10,categoryid,2\n1000,99,categoryid,1\n",
    "category_tree.csv": "categoryid,parentid\n2,1\n1,\n3,1\n",
}


@pytest.mark.parametrize("archive", [None, "archive.zip", "ecommerce-dataset.zip"])
def test_retailrocket(tmp_path: Path, archive: str | None) -> None:
    if archive is None:
        write(tmp_path, SHOP)
    else:
        with zipfile.ZipFile(tmp_path / archive, "w") as opened:
            for name, text in SHOP.items():
                opened.writestr(name, text)
    tables = parse_retailrocket(tmp_path, "official" if archive is None else f"zip-{archive}")
    moment = at(2015, 6, 2, 5, 2, 12)
    assert tables.interactions.columns == ["user_id", "item_id", "timestamp", "event", "transaction_id"]
    assert tables.interactions.rows() == [
        ("7", "10", moment.replace(microsecond=117_000), "view", None),
        ("7", "10", moment.replace(microsecond=118_000), "cart", None),
        ("7", "10", moment.replace(microsecond=119_000), "buy", "3"),
        ("8", "11", moment, "view", None),
    ]
    assert tables.items is not None
    assert tables.items.rows() == [("10", ["1 > 2"]), ("11", None)]  # the first category that is stated


def test_retailrocket_cleaned_goes_by_its_own_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Retailrocket_Ecommerce.zip", "w") as opened:
        header = "visitorid\titemid\tevent\n"
        opened.writestr("R/view_ecommerce.dat", header + "1\t5\t1\n1\t6\t1\n")
        opened.writestr("R/add_to_cart_ecommerce.dat", header + "1\t6\t1\n")
        opened.writestr("R/purchase_ecommerce.dat", header + "1\t6\t1\n")
    dataset = load_dataset("retailrocket", tmp_path)
    assert dataset.name == "retailrocket-cleaned"
    assert dataset.interactions.frame.select("item_id", "event").rows() == [
        ("5", "view"), ("6", "view"), ("6", "cart"), ("6", "buy"),
    ]  # fmt: skip


def test_retailrocket_is_only_to_be_had_by_hand() -> None:
    with pytest.raises(AssetError, match=r"'retailrocket' has to be put in place by hand.*kaggle\.com.*--data DIR"):
        load_dataset("retailrocket")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match=r"unusable zip file.*archive\.zip"):
        load_dataset("retailrocket", tmp_path)


# YooChoose


def test_yoochoose(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "yoochoose-clicks.dat": "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n",
            "yoochoose-buys.dat": "1,2014-04-07T10:55:00.000Z,214536500,12462,1\n",
        },
    )
    tables = parse_yoochoose(tmp_path, "official")
    assert tables.interactions.columns == [
        "user_id", "item_id", "timestamp", "event", "category", "price", "quantity",
    ]  # fmt: skip
    assert tables.interactions.rows() == [
        ("1", "214536502", at(2014, 4, 7, 10, 51, 9, 277_000), "view", "0", None, None),
        ("1", "214536500", at(2014, 4, 7, 10, 54, 9, 868_000), "view", "S", None, None),
        ("1", "214536500", at(2014, 4, 7, 10, 55), "buy", None, 12462.0, 1),
    ]
    (tmp_path / "yoochoose-buys.dat").unlink()
    assert load_dataset("yoochoose", tmp_path).interactions.frame["event"].to_list() == ["view", "view"]


def test_yoochoose_with_a_bad_time_names_the_line(tmp_path: Path) -> None:
    write(tmp_path, {"yoochoose-clicks.dat": "1,2014-04-07T10:51:09.277Z,5,0\n1,soon,6,0\n"})
    with pytest.raises(DataError, match=r"'soon' is no time .*clicks\.dat, line 2"):
        parse_yoochoose(tmp_path, "clicks")


def test_yoochoose_rewritten_takes_the_finer_time(tmp_path: Path) -> None:
    events = {"user_id": [1], "item_id": [2], "timestamp": [1396853842], "timestamp_ms": [1396853842621]}
    (tmp_path / "yoochoose-buys").mkdir()
    pl.DataFrame(events).write_parquet(tmp_path / "yoochoose-buys" / "interactions.parquet")
    dataset = load_dataset("yoochoose", tmp_path)
    assert dataset.name == "yoochoose-buys"
    assert dataset.interactions.frame["timestamp"].to_list() == [at(2014, 4, 7, 6, 57, 22, 621_000)]


# Steam


def test_steam(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "steam_reviews.json.gz": "{u'username': u'Ann \\u2764', u'hours': 51.1, u'product_id': u'725280', "
            "u'date': u'2017-12-17', u'text': u\"it's 'good'\", u'early_access': False}\n"
            "{u'username': u'Bob', u'product_id': u'7', u'date': u'2011-01-02', u'text': u''}\n",
            "steam_games.json.gz": "{u'app_name': u'Ori &amp; I', u'genres': [u'Indie'], u'id': u'725280', u'price': "
            "4.99, u'tags': [u'Calm'], u'sentiment': u'Positive', u'developer': u'Moon', u'discount_price': 1.0}\n"
            "{u'title': u'No id'}\n{u'app_name': u'Free', u'id': u'7', u'price': u'Free to Play'}\n",
        },
    )
    tables = parse_steam(tmp_path, "official")
    assert tables.interactions["user_id"].to_list() == ["Ann ❤", "Bob"]
    assert tables.interactions["item_id"].to_list() == ["725280", "7"]
    assert tables.interactions["timestamp"].to_list() == [at(2017, 12, 17), at(2011, 1, 2)]
    assert tables.interactions["hours"].round(2).to_list() == [pytest.approx(51.1), None]
    catalogue = tables.dataset("x").catalogue.frame
    assert catalogue.columns == ["item_id", "title", "categories", "brand", "price", "tags"]
    assert catalogue.rows() == [
        ("725280", "Ori & I", ["Indie"], "Moon", 4.99, ["Calm"]),
        ("7", "Free", [], None, None, []),
    ]


# Last.fm


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_lastfm(tmp_path: Path, ending: str, encoding: str) -> None:
    files = {
        "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t2\t1\n",
        "artists.dat": 'id\tname\turl\tpictureURL\n51\tBjörk\thttp://x\t\n2\t12" Mix &amp; "more\thttp://y\t\n',
        "tags.dat": "tagID\ttagValue\n1\tmétal\n",
        "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\n"
        "2\t51\t1\t1\t4\t2009\n2\t2\t1\t1\t1\t1956\n",
        "user_friends.dat": "userID\tfriendID\n2\t275\n275\t2\n",
    }
    crlf = {name + ending: text.replace("\n", "\r\n") for name, text in files.items()}
    tables = parse_lastfm(write(tmp_path, crlf, encoding), "official")
    assert tables.interactions.rows() == [("2", "51", 13883), ("2", "2", 1)]
    assert tables.items is not None
    assert tables.items.rows() == [("51", "Björk"), ("2", '12" Mix &amp; "more')]
    assert tables.dataset("x").catalogue.title("2") == '12" Mix & "more'
    assert tables.relations is not None
    assert tables.relations.rows() == [
        ("51", "has_tag", "métal", "2", at(2009, 4, 1)),
        ("2", "has_tag", "métal", "2", None),  # nobody tagged anything in 1956
        ("2", "friend_of", "275", None, None),
        ("275", "friend_of", "2", None, None),
    ]


# Gowalla


def test_gowalla(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "loc-gowalla_totalCheckins.txt.gz": "0\t2010-10-19T23:55:27Z\t30.25\t-97.75\t22847\n"
            "0\t2010-10-18T22:17:43Z\t30.5\t-97.5\t22847\n1\t2010-10-17T23:42:03Z\t0.0\t0.0\t9\n",
            "loc-gowalla_edges.txt.gz": "0\t1\n1\t0\n",
        },
    )
    tables = parse_gowalla(tmp_path, "official")
    assert tables.interactions.rows() == [
        ("0", "22847", at(2010, 10, 19, 23, 55, 27)),
        ("0", "22847", at(2010, 10, 18, 22, 17, 43)),
        ("1", "9", at(2010, 10, 17, 23, 42, 3)),
    ]
    assert tables.items is not None
    assert sorted(tables.items.rows()) == [("22847", 30.5, -97.5), ("9", 0.0, 0.0)]
    assert tables.relations is not None
    assert tables.relations.rows() == [("0", "friend_of", "1"), ("1", "friend_of", "0")]


@pytest.mark.parametrize("layout", ["official", "parquet"])
def test_the_split_of_lightgcn_stays_as_it_was_given(tmp_path: Path, layout: str) -> None:
    if layout == "official":
        write(tmp_path, {"train.txt": "0 5 6\n1 5\n2\n", "test.txt": "0 7 \n1\n"})
    else:
        for part, pairs in {"train": [(0, 5), (0, 6), (1, 5)], "test": [(0, 7)]}.items():
            frame = pl.DataFrame(pairs, schema={"user_id": pl.Int32, "item_id": pl.Int32}, orient="row")
            frame.write_parquet(tmp_path / f"{part}.parquet")
    dataset = parse_gowalla_lightgcn(tmp_path, layout).dataset("x")
    assert dataset.interactions.frame.select("user_id", "item_id", "split").rows() == [
        ("0", "5", "train"), ("0", "6", "train"), ("0", "7", "test"), ("1", "5", "train"),
    ]  # fmt: skip


def test_a_line_that_is_no_list_of_numbers_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"train.txt": "0 5\n1 <html>\n", "test.txt": "0 7\n"})
    with pytest.raises(DataError, match=r"train\.txt, line 2"):
        parse_gowalla_lightgcn(tmp_path, "official")


# MIND


def test_mind(tmp_path: Path) -> None:
    news = 'N1\tsports\tsoccer\tIt\'s "on"\tA long night.\thttps://n/1\t[]\t[]\n'
    more = "N2\tnews\tus\tVotes\t\thttps://n/2\t[]\t[]\nN3\tnews\tus\tVotes\t\thttps://n/3\t[]\t[]\n"
    write(
        tmp_path,
        {
            "MINDsmall_train/behaviors.tsv": "1\tU1\t11/9/2019 9:05:58 AM\tN2 N1\tN3-1 N1-0\n"
            "2\tU2\t11/12/2019 6:11:30 PM\t\tN1-1 N3-1\n",
            "MINDsmall_train/news.tsv": news + more,
            "MINDsmall_dev/behaviors.tsv": "1\tU1\t11/15/2019 12:00:00 AM\tN2 N1 N3\tN2-1 N3-0\n",
            "MINDsmall_dev/news.tsv": news,
        },
    )
    dataset = load_dataset("mind", tmp_path)
    columns = ("user_id", "item_id", "timestamp", "event", "split", "impression_id")
    assert dataset.interactions.frame.select(columns).rows() == [
        ("U1", "N2", None, "history", "train", None),
        ("U1", "N1", None, "history", "train", None),
        ("U1", "N3", at(2019, 11, 9, 9, 5, 58), "click", "train", "1"),
        ("U1", "N2", at(2019, 11, 15), "click", "valid", "1"),
        ("U2", "N1", at(2019, 11, 12, 18, 11, 30), "click", "train", "2"),
        ("U2", "N3", at(2019, 11, 12, 18, 11, 30), "click", "train", "2"),
    ]
    assert dataset.catalogue.frame.select("item_id", "title", "categories", "text").rows() == [
        ("N1", 'It\'s "on"', ["sports > soccer"], "A long night."),
        ("N2", "Votes", ["news > us"], None),
        ("N3", "Votes", ["news > us"], None),
    ]


def test_mind_rewritten_has_its_categories_joined(tmp_path: Path) -> None:
    folder = tmp_path / "mind-reclm"
    folder.mkdir()
    events = {"user_id": [0, 0], "item_id": [1, 2], "pos": [0, 1], "split": ["train", "test"]}
    items = {
        "item_id": [1, 2],
        "cate": ["news", "tv"],
        "sub_cate": ["us", "tv"],
        "title": ["a", "b"],
        "abstract": ["", "c"],
    }
    pl.DataFrame(events).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    dataset = load_dataset("mind", tmp_path)
    assert dataset.name == "mind-reclm"
    assert dataset.catalogue.frame["categories"].to_list() == [["news > us"], ["tv > tv"]]
    assert dataset.interactions.frame["split"].to_list() == ["train", "test"]


# Open Bandit


def test_open_bandit(tmp_path: Path) -> None:
    header = ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,"
    header += "user_feature_3,user-item_affinity_0\n"
    context = ",item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n0,14,-0.5,a,b,c\n1,3,0.5,d,e,f\n"
    write(
        tmp_path,
        {
            "random/men/men.csv": header + "0,2019-11-24 00:00:34.762830+00:00,14,3,0,0.5,x,y,z,w,0.0\n"
            "1,2019-11-25 00:00:00+00:00,3,1,1,0.5,x,y,z,v,0.0\n",
            "bts/men/men.csv": header + "0,2019-11-24 00:00:00.000001+00:00,14,2,1,0.0025,x,y,z,w,0.0\n",
            "random/men/item_context.csv": context,
        },
    )
    tables = parse_open_bandit(tmp_path, "wheel", "men")
    dataset = tables.dataset("x")
    columns = ("user_id", "item_id", "timestamp", "event", "weight", "policy", "propensity", "slot")
    assert dataset.interactions.frame.select(columns).rows() == [
        ("x-y-z-v", "3", at(2019, 11, 25), "click", 1.0, "random", 0.5, 1),
        ("x-y-z-w", "14", at(2019, 11, 24, 0, 0, 0, 1), "click", 1.0, "bts", 0.0025, 2),
        ("x-y-z-w", "14", at(2019, 11, 24, 0, 0, 34, 762_830), "impression", 0.0, "random", 0.5, 3),
    ]
    assert tables.items is not None
    assert tables.items.rows() == [("14", -0.5, "a", "b", "c"), ("3", 0.5, "d", "e", "f")]
    assert dataset.users is not None
    assert dataset.users.frame.rows() == [("x-y-z-w", "x", "y", "z", "w"), ("x-y-z-v", "x", "y", "z", "v")]
