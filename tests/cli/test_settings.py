"""`tastemaker.toml`: what it may hold, what is said when it is wrong, and where each value came from."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.cli.settings import ServeSettings, Settings, load_settings, template
from tastemaker.core.errors import ConfigError

Run = Callable[..., Any]


def write(text: str) -> None:
    Path("tastemaker.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message", "where", "remedy"),
    [
        ("[train]\nmodle = 'ease'\n", "unknown key 'train.modle'", "tastemaker.toml:2", "Did you mean 'model'?"),
        ("[server]\nport = 1\n", "unknown section 'server'", "tastemaker.toml:1", "Did you mean 'serve'?"),
        (
            "[serve]\n\nport = 'eighty'\n",
            "'serve.port' is 'eighty', but should be a whole number",
            "tastemaker.toml:3",
            None,
        ),
        ("[serve]\nport = 70000\n", "'serve.port' is 70000, but should be less than or equal to 65535", ":2", None),
        ("[evaluate]\nk = [10, 0]\n", "'evaluate.k' is 0, but should be greater than or equal to 1", ":2", None),
        ("[data]\nsource = 3\n", "'data.source' is 3, but should be text", "tastemaker.toml:2", None),
        ("data = 3\n", "'data' is not a section", "tastemaker.toml:1", "Write it as [data] with keys below it."),
        ("[data\n", "not a TOML file", "tastemaker.toml", "tastemaker init"),
        ("[generator]\nmodle = 'm'\n", "unknown key 'generator.modle'", "tastemaker.toml:2", "Did you mean 'model'?"),
        (
            "[generator]\n[generator.sampling]\ntemprature = 1\n",
            "unknown key 'generator.sampling.temprature'",
            "tastemaker.toml:3",
            "Did you mean 'temperature'?",
        ),
        (
            "[generator]\nbudget = { cost_per_day = -1.0 }\n",
            "'generator.budget.cost_per_day' is -1.0, but should be greater than or equal to 0",
            "tastemaker.toml:2",
            None,
        ),
    ],
)
def test_a_wrong_file_is_refused(run: Run, text: str, message: str, where: str, remedy: str | None) -> None:
    write(text)
    done = run("config", "show", "--json")
    assert done.code == 3
    assert message in done.error["message"]
    assert where in done.error["where"]
    assert remedy is None or remedy in done.error["remedy"]


def test_a_typo_is_reported_to_a_person_in_two_lines(run: Run) -> None:
    write("[data]\nsorce = 'movielens-100k'\n")
    done = run("train")
    assert (done.code, done.out) == (3, "")
    assert done.err == "error: unknown key 'data.sorce' (tastemaker.toml:2)\n  Did you mean 'source'?\n"


def test_a_file_that_is_not_text_is_refused(run: Run) -> None:
    Path("tastemaker.toml").write_bytes(b"\xff\xfe\x00\x01")
    done = run("config", "show")
    assert done.code == 3
    assert "not a TOML file" in done.err


def test_a_missing_config_file_is_named(run: Run) -> None:
    done = run("train", "--config", "absent.toml")
    assert done.code == 3
    assert done.err.startswith("error: there is no such file (absent.toml)")


def test_each_value_has_its_origin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[run]\nseed = 4\n\n[train]\nmodel = 'ease'\n")
    monkeypatch.setenv("TASTEMAKER_DATA", "/somewhere")
    values = run("config", "show", "--protocol", "leave-one-out", "--seed", "9", "--json").json["values"]
    assert values["run.seed"] == {"value": 9, "origin": "command line"}
    assert values["train.model"] == {"value": "ease", "origin": "tastemaker.toml:5"}
    assert values["serve.port"] == {"value": 8000, "origin": "default"}
    assert values["data.path"] == {"value": "/somewhere", "origin": "environment (TASTEMAKER_DATA)"}
    assert values["split.protocol"] == {"value": "leave-one-out", "origin": "command line"}


def test_the_command_line_is_stronger_than_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_DATA", "/somewhere")
    values = run("config", "show", "--data", "here", "--json").json["values"]
    assert values["data.path"] == {"value": "here", "origin": "command line"}


def test_config_show_is_a_table_for_people(run: Run) -> None:
    out = run("config", "show").out
    assert "train.model" in out
    assert "sequential-rules" in out
    assert "tastemaker.toml:5" in out


def test_paths_start_at_the_file(shop: Path) -> None:
    inner = shop / "inner"
    inner.mkdir()
    (inner / "own.toml").write_text("[data]\nsource = './log'\n[evaluate]\nreports = 'out'\n", encoding="utf-8")
    settings = load_settings(Path("inner/own.toml")).settings
    assert (settings.data.source, settings.evaluate.reports) == ("inner/./log", "inner/out")
    assert settings.train.folder == "inner/model"


def test_paths_of_the_command_line_start_where_one_stands(shop: Path) -> None:
    settings = load_settings(Path("tastemaker.toml"), {"train.folder": "elsewhere"}).settings
    assert settings.train.folder == "elsewhere"


def test_one_k_may_be_written_without_brackets(shop: Path) -> None:
    write("[evaluate]\nk = 20\n")
    assert load_settings().settings.evaluate.k == [20]


def test_zero_targets_for_each_person_means_all() -> None:
    assert Settings.model_validate({"split": {"targets_per_user": 0}}).split.knobs()["targets_per_user"] is None


def test_the_template_is_valid_and_says_nothing_but_defaults() -> None:
    assert tomllib.loads(template()) == {field.alias or name: {} for name, field in Settings.model_fields.items()}


def test_every_line_of_the_template_is_valid_when_it_is_used() -> None:
    used = "\n".join(line[2:] if " = " in line else line for line in template().splitlines())
    settings = Settings.model_validate(tomllib.loads(used))
    assert settings.serve == ServeSettings(hosts=["shop.example"], backups="backups")
    assert settings.evaluate.models == ["ladder"]


def test_init_writes_a_file_that_is_read_back(run: Run, shop: Path) -> None:
    assert run("init", "new", "--source", "amazon-beauty").code == 0
    assert load_settings(shop / "new" / "tastemaker.toml").settings.data.source == "amazon-beauty"


def test_init_writes_a_folder_as_it_is_seen_from_the_file(run: Run, shop: Path) -> None:
    assert run("init", "new", "--source", "shop", "--json").json == {
        "file": "new/tastemaker.toml",
        "source": "../shop",
    }
    assert Path(load_settings(Path("new/tastemaker.toml")).settings.data.source).samefile(shop / "shop")


def test_init_refuses_to_replace_a_file(run: Run, shop: Path) -> None:
    before = (shop / "tastemaker.toml").read_bytes()
    done = run("init")
    assert done.code == 3
    assert done.err == "error: the file is there already (tastemaker.toml)\n  Use --force to replace it.\n"
    assert (shop / "tastemaker.toml").read_bytes() == before
    assert run("init", "--force").code == 0
    assert (shop / "tastemaker.toml").read_bytes() != before


def test_init_refuses_an_unknown_source(run: Run) -> None:
    done = run("init", "new", "--source", "movielens-100")
    assert done.code == 4
    assert "Did you mean 'movielens-100k'?" in done.err
    assert not Path("new").exists()


def test_an_unknown_key_of_the_command_line_cannot_happen() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'run\.sed'"):
        load_settings(None, {"run.sed": 1})


def test_text_says_how_models_read_words(shop: Path) -> None:
    write("[text]\nitem = '{title}'\nencoder = 'tfidf-svd'\n[models.embedding-knn]\nencoder = { name = 'random' }\n")
    tables = load_settings().settings.models.tables()
    assert tables["embedding-knn"] == {"template": "{title}", "encoder": {"name": "random"}}
    assert tables["alpharec"] == {"template": "{title}", "encoder": "tfidf-svd"}
    assert "ease" not in tables


def test_hyper_parameters_that_are_tables_may_be_set(shop: Path) -> None:
    write(
        "[models.generative]\ntasks = { sequential = 2, rating = 1.5 }\n"
        "id_vectors = { kind = 'per-id', mode = 'trained' }\n"
        "indexer = { name = 'collaborative', clusters = 5 }\n"
    )
    assert load_settings().settings.models.tables()["generative"] == {
        "tasks": {"sequential": 2, "rating": 1.5},
        "id_vectors": {"kind": "per-id", "mode": "trained"},
        "indexer": {"name": "collaborative", "clusters": 5},
    }


def test_models_are_told_nothing_that_nobody_has_said(shop: Path) -> None:
    write("[text]\nleave_out = ['age']\nencoder = 'minilm'\n")
    settings = load_settings().settings
    assert settings.models.tables() == {}
    assert settings.text.leave_out == ["age"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("item = '{title'", "'{' at character 1 of the template"),
        ("person = 'Age {age}]'", "']' at character 10"),
        ("encoder = 3", "'text.encoder' is 3"),
        ("leave_out = 'age'", "'text.leave_out' is 'age', but should be a list"),
        ("itm = '{title}'", "unknown key 'text.itm'"),
    ],
)
def test_a_wrong_text_section_is_refused(run: Run, line: str, message: str) -> None:
    write(f"[text]\n{line}\n")
    done = run("config", "show", "--json")
    assert done.code == 3
    assert message in done.error["message"]


def test_the_template_shows_the_templates_in_use() -> None:
    from tastemaker.language.texts import ITEM_TEMPLATE

    assert ITEM_TEMPLATE in template()


def test_a_text_section_imports_nothing_heavy() -> None:
    program = (
        "import sys, pathlib, tempfile, os\n"
        "os.chdir(tempfile.mkdtemp())\n"
        "pathlib.Path('tastemaker.toml').write_text('[text]\\nencoder = \"endpoint\"\\nleave_out = [\"age\"]\\n')\n"
        "from tastemaker.cli.settings import load_settings\n"
        "assert load_settings().settings.text.encoder == 'endpoint'\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'scipy', 'polars', 'torch'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
