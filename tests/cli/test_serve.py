"""`tastemaker serve`: what it answers is what `recommend` prints, and Ctrl-C ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.cli.output import Output
from tastemaker.cli.workspace import Workspace
from tastemaker.core.tenant import Tenant
from tastemaker.data import Dataset
from tastemaker.models import Popularity
from tastemaker.store import open_store

Run = Callable[..., Any]


@pytest.mark.slow
@pytest.mark.needs_extra("serve")
def test_the_server_gives_the_same_list_as_the_command(run: Run, shop: Path) -> None:
    command = [sys.executable, "-m", "tastemaker", "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            assert said.startswith("Serving at http://127.0.0.1:"), said
            url = said.split()[2]
            answer = httpx.get(f"{url}/v1/recommend", params={"user": "42", "k": 5}, trust_env=False, timeout=30).json()
        finally:
            server.send_signal(signal.SIGINT)
            code = server.wait(timeout=30)
    assert code == 0
    printed = run("recommend", "--user", "42", "--k", "5", "--json").json
    assert [item["item_id"] for item in answer["items"]] == [item["item_id"] for item in printed["items"]]
    assert answer.keys() == printed.keys()


def begins_with(model: Path | None = None) -> tuple[str, str]:
    """Return the model that a server of the working directory begins with, and its version."""
    work = Workspace.open(Output(progress=False))
    with closing(open_store("store")) as store:
        engine = work.live_engine(store.for_tenant(Tenant()), model)
        return engine.model.name, str(engine.facts()["version"])


def test_a_server_begins_with_the_live_model_and_needs_no_other(run: Run, shop: Path, dataset: Dataset) -> None:
    assert begins_with()[0] == "sequential-rules"
    Popularity().fit(dataset).save("popular")
    live = run("registry", "add", "popular", "--json").json["artefact_id"]
    run("registry", "promote", live, "--force")
    assert begins_with(Path("model"))[0] == "sequential-rules"
    shutil.rmtree("model")
    assert begins_with() == ("popularity", live)


def test_a_live_model_that_is_damaged_leaves_the_answers_to_the_trained_one(
    run: Run, shop: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    begins_with()
    Popularity().fit(dataset).save("popular")
    live = run("registry", "add", "popular", "--json").json["artefact_id"]
    run("registry", "promote", live, "--force")
    (shop / "store" / "default" / "artefacts" / live / "config.json").unlink()
    assert begins_with()[0] == "sequential-rules"
    assert "The live model cannot be taken" in capsys.readouterr().err
