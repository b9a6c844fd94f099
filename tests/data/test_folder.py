"""A folder of tables becomes a data set; what is wrong with it is said with the file, the column and the way out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tastemaker.core.errors import ConfigError, DataError, StorageError
from tastemaker.data import Dataset, Relations, Users, read_folder, write_folder
from tastemaker.data.folder import FolderMap, TableMap, read_map
from tastemaker.testing import small_shop

CSV = "user_id,item_id,timestamp\nu,a,1717156800\nu,b,1717156801\nv,a,1717156802\n"


def put(folder: Path, **files: str | bytes | pl.DataFrame) -> Path:
    """Write ``interactions_csv="..."`` as the file interactions.csv, and frames as Parquet."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        stem, _, suffix = name.partition("_")
        path = folder / f"{stem}.{suffix.replace('_', '.')}"
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def history(data: Dataset, user: str = "u") -> list[str]:
    return data.history(user)


# -- what is read -------------------------------------------------------------------------------------------------


def test_csv_gzipped_csv_and_parquet_are_the_same_data(tmp_path: Path) -> None:
    frame = pl.read_csv(CSV.encode())
    folders = [
        put(tmp_path / "a", interactions_csv=CSV),
        put(tmp_path / "b", interactions_csv_gz=gzip.compress(CSV.encode())),
        put(tmp_path / "c", interactions_parquet=frame),
        put(tmp_path / "d", interactions_csv="\ufeff" + CSV),
        put(tmp_path / "e", interactions_csv=CSV.replace("\n", "\r\n")),
    ]
    assert len({read_folder(folder).fingerprint for folder in folders}) == 1
    assert history(read_folder(folders[0])) == ["a", "b"]
    assert read_folder(folders[0]).name == "a"


def test_leading_zeros_of_ids_in_a_csv_are_kept(tmp_path: Path) -> None:
    assert history(read_folder(put(tmp_path, interactions_csv="user_id,item_id\n007,01\n")), "007") == ["01"]


def test_positions_in_a_csv_are_numbers(tmp_path: Path) -> None:
    rows = "".join(f"u,i{position},{position}\n" for position in (10, 9, 2, 1))
    data = read_folder(put(tmp_path, interactions_csv="user_id,item_id,pos\n" + rows))
    assert history(data) == ["i1", "i2", "i9", "i10"]


def test_all_tables_come_together(tmp_path: Path) -> None:
    put(
        tmp_path,
        interactions_csv=CSV,
        items_csv="item_id,title,year,available\na,Heat &amp; Dust,1983,true\nc,New,,false\n",
        users_csv="user_id,age\nu,30\n",
        relations_csv="head,relation,tail\na,by,x\n",
        dataset_toml='name = "my shop"\nlicence = "mine"\n',
    )
    data = read_folder(tmp_path)
    assert data.name == "my shop"
    assert data.catalogue.frame.select("item_id", "title", "year", "available").rows() == [
        ("a", "Heat & Dust", 1983, True),
        ("c", "New", None, False),
        ("b", None, None, None),
    ]
    assert data.users is not None
    assert data.relations is not None
    assert (len(data.users), len(data.relations)) == (1, 1)


def test_rows_without_a_user_are_set_aside_and_counted(tmp_path: Path) -> None:
    data = read_folder(put(tmp_path, interactions_csv="user_id,item_id\nu,a\n,b\nu,\n"))
    assert history(data) == ["a"]
    assert data.interactions.rejected["reason"].to_list() == ["no user_id", "no item_id"]


# -- which column is which ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["user_id,item_id,timestamp", "userId,movieId,timestamp", "Customer_ID,SKU,Date", "uid,asin,ts", "USER,ITEM,TIME"],
)
def test_names_that_everybody_uses_are_recognised(tmp_path: Path, header: str) -> None:
    data = read_folder(put(tmp_path, interactions_csv=f"{header}\nu,a,1717156800\nu,b,1717156801\n"))
    assert history(data) == ["a", "b"]
    assert data.interactions.has_times


def test_items_have_their_own_names(tmp_path: Path) -> None:
    put(tmp_path, interactions_csv=CSV, items_csv="ASIN,Name,Description,Genres,time\na,Heat,A film,Crime|Drama,90\n")
    assert read_folder(tmp_path).catalogue.item("a") == {
        "item_id": "a",
        "title": "Heat",
        "text": "A film",
        "categories": ["Crime", "Drama"],
        "time": "90",
    }


def test_the_name_of_a_person_is_no_title(tmp_path: Path) -> None:
    users = read_folder(put(tmp_path, interactions_csv=CSV, users_csv="user,name\nu,Ada\n")).users
    assert users is not None
    assert users.frame.columns == ["user_id", "name"]


def test_the_column_map_decides(tmp_path: Path) -> None:
    put(
        tmp_path,
        interactions_csv="user_id,who,what,junk\nsession1,u,a,x\nsession2,u,b,y\n",
        dataset_toml='[interactions]\nignore = ["junk"]\n'
        'columns = {user_id = "who", item_id = "what", context = "user_id"}\n',
    )
    frame = read_folder(tmp_path).interactions.frame
    assert frame["user_id"].to_list() == ["u", "u"]
    assert frame["context"].to_list() == ["session1", "session2"]
    assert "junk" not in frame.columns


def test_a_mapped_column_takes_the_place_of_one_that_has_its_name(tmp_path: Path) -> None:
    put(
        tmp_path,
        interactions_csv="user_id,who,item_id\nsession1,u,a\n",
        dataset_toml='[interactions]\ncolumns = {user_id = "who"}\n',
    )
    assert history(read_folder(tmp_path)) == ["a"]


def test_one_column_may_serve_as_two(tmp_path: Path) -> None:
    put(
        tmp_path,
        interactions_csv=CSV,
        items_csv="item_id,label\na,Heat\n",
        dataset_toml='[items]\ncolumns = {title = "label", text = "label"}\n',
    )
    assert read_folder(tmp_path).catalogue.item("a") == {"item_id": "a", "title": "Heat", "text": "Heat"}


def test_the_default_map_serves_folders_without_one(tmp_path: Path) -> None:
    put(tmp_path, interactions_csv="who,item_id\nu,a\n")
    layout = FolderMap(name="given", interactions=TableMap(columns={"user_id": "who"}))
    assert read_folder(tmp_path, layout).name == "given"
    put(tmp_path, dataset_toml='name = "own"\n[interactions]\ncolumns = {user_id = "who"}\n')
    assert read_folder(tmp_path, FolderMap(name="given")).name == "own"


@pytest.mark.parametrize(
    ("header", "role"), [("user,customer_id,item", "user_id"), ("uid,asin,parent_asin", "item_id")]
)
def test_two_columns_that_could_be_one_are_asked_about(tmp_path: Path, header: str, role: str) -> None:
    with pytest.raises(DataError, match=rf"several columns could be '{role}': \w+, \w+") as caught:
        read_folder(put(tmp_path, interactions_csv=f"{header}\n1,2,3\n"))
    assert f"dataset.toml: [interactions] columns = {{{role} = " in str(caught.value)


def test_our_own_name_in_capitals_goes_before_what_others_say(tmp_path: Path) -> None:
    assert history(read_folder(put(tmp_path, interactions_csv="User_ID,customer,item_id\nu,x,a\n"))) == ["a"]


@pytest.mark.parametrize(
    ("header", "lacking"), [("item_id,timestamp", "user_id"), ("user_id,timestamp", "item_id"), ("a;b;c", "user_id")]
)
def test_no_user_or_item_column_is_said_with_the_columns_there_are(tmp_path: Path, header: str, lacking: str) -> None:
    with pytest.raises(DataError, match=f"no column '{lacking}', and none that looks like it") as caught:
        read_folder(put(tmp_path, interactions_csv=f"{header}\n1,2\n" if ";" not in header else f"{header}\n1;2;3\n"))
    assert "interactions.csv; columns: " + ", ".join(header.split(",")) in str(caught.value)
    assert f'[interactions] columns = {{{lacking} = "..."}}' in str(caught.value)


def test_items_without_an_id_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'item_id'.*items.csv.*\[items\] columns"):
        read_folder(put(tmp_path, interactions_csv=CSV, items_csv="label\nHeat\n"))


def test_a_map_of_an_absent_column_names_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, interactions_csv="usr,item_id\nu,a\n", dataset_toml='[interactions]\ncolumns = {user_id = "user"}\n')
    with pytest.raises(DataError, match="no column 'user', which the column map names") as caught:
        read_folder(tmp_path)
    assert caught.value.remedy == "Did you mean 'usr'?"


# -- dataset.toml -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('nmae = "x"', r"unknown key 'nmae' .*Did you mean 'name'"),
        ('[interactions]\ncolums = {user_id = "u"}', r"unknown key 'interactions.colums' .*Did you mean 'columns'"),
        ("[events]\n", r"unknown key 'events' .*Known: name, licence, interactions"),
        ("[interactions]\ncolumns = 3", r"valid dictionary 'interactions.columns'"),
        ("[interactions]\ncolumns = {user_id = 3}", r"valid string 'interactions.columns.user_id'"),
        ("name = x", r"cannot read TOML: .*line 1"),
        (b'name = "\xff"', r"cannot read TOML"),
    ],
)
def test_a_wrong_map_is_refused_with_file_and_key(tmp_path: Path, text: str | bytes, message: str) -> None:
    put(tmp_path, interactions_csv=CSV, dataset_toml=text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_folder(tmp_path)
    assert caught.value.where == str(tmp_path / "dataset.toml")


def test_a_map_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read TOML"):
        read_map(tmp_path)


# -- files that are not what they should be -----------------------------------------------------------------------


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no such folder \(.*nowhere\)"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text(CSV)
    with pytest.raises(DataError, match="there is no such folder"):
        read_folder(tmp_path / "file")


@pytest.mark.parametrize(("present", "said"), [([], "nothing"), (["notes.txt", "events.csv"], "events.csv, notes.txt")])
def test_a_folder_without_interactions_says_what_it_holds(tmp_path: Path, present: list[str], said: str) -> None:
    for name in present:
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=rf"no interactions.parquet \(nor .csv, .csv.gz\) \(.* holds {said}\)"):
        read_folder(tmp_path)


@pytest.mark.parametrize("name", ["interactions_parquet", "interactions_csv"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        read_folder(put(tmp_path, **{name: b""}))


def test_a_file_of_a_header_alone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="interactions are empty"):
        read_folder(put(tmp_path, interactions_csv="user_id,item_id\n"))


def parquet(tmp_path: Path) -> bytes:
    path = tmp_path / "whole"
    small_shop().interactions.frame.write_parquet(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: whole[: len(whole) // 2], id="half written"),
        pytest.param(lambda whole: whole[:-1], id="one byte short"),
        pytest.param(lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), id="a picture"),
        pytest.param(lambda whole: CSV.encode(), id="text"),
        pytest.param(lambda whole: whole[:4] + bytes(len(whole) - 8) + whole[-4:], id="zeros"),
        pytest.param(lambda whole: np.random.default_rng(0).bytes(len(whole)), id="noise"),
    ],
)
def test_a_damaged_parquet_file(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = put(tmp_path / "data", interactions_parquet=damage(parquet(tmp_path)))
    with pytest.raises(DataError, match="cannot read the file as Parquet; it is damaged, cut off, or something else"):
        read_folder(folder)


def test_a_reader_that_panics_is_an_error_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(path: Path) -> pl.DataFrame:
        raise pl.exceptions.PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(DataError, match="cannot read the file as Parquet"):
        read_folder(put(tmp_path, interactions_parquet=b"PAR1"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("interactions_csv", b"user_id,item_id\n\xff\xfe\x00,\xe9\n"),
        ("interactions_csv", b"user_id,item_id\nu,a,b,c\n"),
        ("interactions_csv_gz", gzip.compress(CSV.encode() * 500, mtime=0)[:40]),
    ],
    ids=["bytes that are no text", "rows of another length", "half of a gzip file"],
)
def test_a_damaged_csv_file(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(DataError, match="cannot read the file as CSV"):
        read_folder(put(tmp_path, **{name: content}))


def test_a_damaged_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the file as Parquet.*items\.parquet"):
        read_folder(put(tmp_path, interactions_csv=CSV, items_parquet=b"PAR1 is how it begins"))


def test_duplicate_items_and_unusable_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 item ids occur more than once"):
        read_folder(put(tmp_path / "a", interactions_csv=CSV, items_csv="item_id\na\na\n"))
    with pytest.raises(DataError, match=r"all 2 rows of the interactions are unusable \(row 1: no user_id\)"):
        read_folder(put(tmp_path / "b", interactions_csv="user_id,item_id\n,a\n,b\n"))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **more: Any) -> pl.DataFrame:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pl, "read_csv", refused)
    with pytest.raises(DataError, match=r"cannot read the file as CSV; .*Permission denied"):
        read_folder(put(tmp_path, interactions_csv=CSV))


# -- writing ------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    shop = small_shop()
    data = Dataset.of(
        shop.interactions,
        shop.catalogue,
        users=Users(pl.DataFrame({"user_id": ["u000"], "age": [30]})),
        relations=Relations(pl.DataFrame({"head": ["i000"], "relation": ["by"], "tail": ["x"]})),
        name='a "shop" \\ 🙂',
    )
    write_folder(data, tmp_path / "shop")
    again = read_folder(tmp_path / "shop")
    assert again.name == data.name
    assert again.fingerprint == data.fingerprint
    assert_frame_equal(again.interactions.frame, data.interactions.frame)
    assert_frame_equal(again.catalogue.frame, data.catalogue.frame, check_column_order=False)
    assert again.users is not None
    assert again.relations is not None
    assert again.users.frame.rows() == [("u000", 30)]
    assert again.relations.frame.rows() == [("i000", "by", "x")]
    assert again.items.ids.tolist() == data.items.ids.tolist()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OSError(28, "No space left on device"), StorageError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: type[BaseException]
) -> None:
    write_folder(small_shop(), tmp_path / "shop")
    before = files(tmp_path)
    write, calls = pl.DataFrame.write_parquet, 0

    def failing(frame: pl.DataFrame, *arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise error
        return write(frame, *arguments, **more)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", failing)
    with pytest.raises(expected):
        write_folder(small_shop(seed=9), tmp_path / "shop")
    assert files(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match="holds other things"):
        write_folder(small_shop(), tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"mine"}
