"""`tastemaker jobs`: put in line once, done in the foreground, and listed with what came of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Done

from tastemaker.cli import job_commands
from tastemaker.cli.stores import Opened
from tastemaker.core.run import Run as CoreRun
from tastemaker.engine.refit import Plan, Refit
from tastemaker.store.ports import TenantStore

Run = Callable[..., Done]


@pytest.fixture
def filled(run: Run) -> Run:
    assert run("store", "fill").code == 0
    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process that fits take the saved model of the working directory."""
    script = (
        "import shutil, sys\n"
        "shutil.copytree('model', sys.argv[1] + '/model')\n"
        "open(sys.argv[1] + '/facts.json', 'w').write('{\"seconds\": 1}')\n"
    )
    begin = Refit.__init__

    def command(self: Refit, store: TenantStore, plan: Plan, run: CoreRun | None = None) -> None:
        begin(self, store, plan, run, (sys.executable, "-S", "-c", script))

    monkeypatch.setattr(Refit, "__init__", command)


def test_the_same_work_is_put_in_line_once(filled: Run) -> None:
    first = filled("jobs", "enqueue", "train", "--json").json
    assert first == {"job_id": 1, "kind": "train", "payload": {}}
    assert filled("jobs", "enqueue", "train", "--json").json["job_id"] == 1
    other = filled("jobs", "enqueue", "train", "--set", "model=popularity", "--set", "promote=false", "--json").json
    assert (other["job_id"], other["payload"]) == (2, {"model": "popularity", "promote": False})
    assert "Job 1 is in line" in filled("jobs", "enqueue", "train").out


@pytest.mark.usefixtures("quick")
def test_what_is_due_is_done(filled: Run) -> None:
    filled("jobs", "enqueue", "train")
    filled("jobs", "enqueue", "clean")
    done = filled("jobs", "run", "--json")
    assert done.code == 0
    assert [(row["kind"], row["state"]) for row in done.json["jobs"]] == [("train", "done"), ("clean", "done")]
    trained = done.json["jobs"][0]["result"]
    assert trained["promoted"] is True
    assert trained["last_offset"] == 720
    assert filled("store", "facts", "--json").json["tenants"][0]["live"].startswith("sequential-rules")
    listed = filled("jobs", "list")
    assert "live now." in listed.out
    assert "served 0, models 0" in listed.out
    assert filled("jobs", "run").out == "Nothing is due.\n"
    assert not list(Path("store").rglob("job-*"))


def test_a_job_that_failed_for_good_is_an_exit_code(filled: Run) -> None:
    filled("jobs", "enqueue", "train", "--set", "modle=ease")
    done = filled("jobs", "run")
    assert done.code == 1
    rows = filled("jobs", "list", "--kind", "train", "--json").json["jobs"]
    assert [(row["state"], row["attempts"]) for row in rows] == [("failed", 1)]
    assert "knows no 'modle'" in rows[0]["result"]["error"]


def test_an_unknown_kind_is_refused(filled: Run) -> None:
    done = filled("jobs", "enqueue", "trian")
    assert done.code == 7
    assert "Did you mean 'train'?" in done.err


def test_a_wish_needs_a_name(filled: Run) -> None:
    assert filled("jobs", "enqueue", "train", "--set", "model").code == 2


def test_no_jobs_are_said_to_be_none(filled: Run) -> None:
    assert "There are no jobs" in filled("jobs", "list").out


def test_the_settings_say_how_models_are_fitted(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tastemaker.toml").write_text(
        '[data]\nsource = "./shop"\n[train]\nmodel = "ease"\nminutes = 3\n[models.ease]\nregularisation = 5.0\n'
        '[split]\nprotocol = "leave-one-out"\n[import]\nevents = { view = 0.2 }\n[run]\nseed = 4\n'
        "[serve]\nkeep_days = 9\n"
    )
    made: list[object] = []
    who_does = job_commands.who_does

    def seen(found: Opened) -> object:
        made.append(who_does(found))
        return {}

    monkeypatch.setattr(job_commands, "who_does", seen)
    shutil.rmtree("model")
    filled("jobs", "run")
    (handlers,) = made
    assert isinstance(handlers, dict)
    plan = handlers["train"]._plan
    assert (plan.model, plan.minutes, plan.protocol, plan.seed) == ("ease", 3.0, "leave-one-out", 4)
    assert plan.tables == {"ease": {"regularisation": 5.0}}
    assert plan.weights == {"view": 0.2}
    assert plan.work == Path("store/default/work")
    assert handlers["clean"].days == 9
