"""The knobs of a split as keys of `[split]` and as `--knob`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from tastemaker.cli.options import knob_values
from tastemaker.cli.settings import load_settings
from tastemaker.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("tastemaker.toml").write_text(text, encoding="utf-8")


def test_every_knob_is_a_key() -> None:
    write("[split]\nprotocol = 'leave-last-n'\ntest_events = 2\nties = 'shuffle'\ncore_users = 5\n")
    resolved = load_settings()
    assert resolved.settings.split.knobs() == {"test_events": 2, "ties": "shuffle", "core_users": 5}
    assert resolved.origins["split.ties"] == "tastemaker.toml:4"
    assert resolved.values()["split.test_events"] == 2


def test_an_unknown_knob_is_refused_where_it_stands() -> None:
    write("[split]\nprotocol = 'cold-user'\nshwon = 2\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value) == "unknown key 'split.shwon' (tastemaker.toml:3). Did you mean 'shown'?"


def test_shares_and_caps_are_told_to_the_protocols_that_have_them() -> None:
    write("[split]\nvalid = 0.2\n")

    def told(protocol: str) -> dict[str, object]:
        return load_settings(overrides={"split.protocol": protocol}).settings.split.knobs()

    assert told("global-time") == {"valid": 0.2, "test": 0.1, "targets_per_user": 10}
    assert told("user-ratio") == {"valid": 0.2, "test": 0.1}
    assert told("leave-one-out") == {}


def test_dates_are_kept_as_text() -> None:
    write("[split]\nborders = [2024-05-01, 2024-06-01T12:00:00Z]\n")
    values = load_settings().values()
    assert json.loads(json.dumps(values))["split.borders"] == ["2024-05-01", "2024-06-01T12:00:00+00:00"]


def test_the_command_line_writes_knobs_as_in_the_file() -> None:
    given = knob_values(["ties=shuffle", "test_days = 7", "drop_seen=false", "borders=['2024-05-01']", "by=first-seen"])
    assert given == {
        "split.ties": "shuffle",
        "split.test_days": 7,
        "split.drop_seen": False,
        "split.borders": ["2024-05-01"],
        "split.by": "first-seen",
    }
    assert load_settings(overrides=given).settings.split.knobs()["test_days"] == 7
    assert knob_values(None) == {}
    for wrong in ("ties", "=shuffle"):
        with pytest.raises(typer.BadParameter, match="is not NAME=VALUE"):
            knob_values([wrong])
