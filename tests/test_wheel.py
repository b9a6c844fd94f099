"""The wheel, installed into an environment that holds nothing but what the wheel itself asks for."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent

# The end-to-end program: whatever a stranger does first must work from the wheel alone.
PROGRAM = """
import importlib.metadata
import pathlib

import tastemaker

assert tastemaker.__version__ == importlib.metadata.version("tastemaker")

from tastemaker.evaluation.html import write_html
from tastemaker.models import make_model
from tastemaker.testing import small_shop

data = small_shop(users=60)
split = tastemaker.global_time(data)
models = {name: make_model(name) for name in ("popularity", "sequential-rules", "content-knn")}
report = tastemaker.compare(models, split)
assert report.to_json()["rows"][1]["metrics"]["ndcg@10"]["value"] > 0
write_html(report, pathlib.Path("report.html"))
models["sequential-rules"].save("model")
print(tastemaker.load_model("model").recommend(history=data.history("u001")[:3], k=3).items())
print(tastemaker.__version__)
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, without anything of the one that the tests run in."""

    folder: Path

    def run(self, *command: str) -> str:
        """Run a program of this environment outside the source tree and return what it printed."""
        program = str(self.folder / "bin" / command[0])
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        result = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


def closure(requirements: list[str]) -> Iterator[importlib.metadata.Distribution]:
    """Yield the installed distributions that ``requirements`` ask for, and all that those ask for."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        extras = ["", *requirement.extras]
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found:
            continue
        found.add(name)
        distribution = importlib.metadata.distribution(name)
        yield distribution
        waiting += [Requirement(line) for line in distribution.requires or []]


def link_into(site: Path, distribution: importlib.metadata.Distribution) -> None:
    """Make an installed distribution importable from another environment without copying it."""
    for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
        link = site / top
        if not link.exists():
            link.symlink_to(Path(str(distribution.locate_file(top))))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An empty environment with the wheel, and links to the distributions that its metadata names.

    Links instead of an installation from the registry: the test then needs no network, runs on the locked
    versions, and an import that the metadata does not declare still fails.
    """
    folder = tmp_path_factory.mktemp("wheel") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (installed,) = importlib.metadata.distributions(name="tastemaker", path=[str(site)])
    for distribution in closure(installed.requires or []):
        link_into(site, distribution)
    return Environment(folder)


def test_the_wheel_holds_the_package_and_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "src" / "tastemaker"
    sources = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    in_package = {name for name in names if name.startswith("tastemaker/")}
    assert in_package == {str(path.relative_to(package.parent)) for path in sources}
    assert "tastemaker/py.typed" in in_package
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert all(".dist-info/" in name for name in names - in_package)


def test_a_program_runs_from_the_wheel(environment: Environment) -> None:
    version = importlib.metadata.version("tastemaker")
    assert environment.run("python", "-c", PROGRAM).splitlines()[-1] == version


def test_the_command_is_there(environment: Environment) -> None:
    assert "Usage" in environment.run("tastemaker", "--help")


def test_an_extra_is_not_there_unless_asked_for(environment: Environment) -> None:
    program = "import importlib.util, sys; sys.exit(importlib.util.find_spec('fastapi') is not None)"
    environment.run("python", "-c", program)


@pytest.mark.network
@pytest.mark.slow
def test_the_wheel_installs_from_the_registry(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    environment = Environment(tmp_path / "venv")
    environment.run("python", "-m", "pip", "install", "--quiet", "-c", str(ROOT / "requirements/all.txt"), str(wheel))
    environment.run("python", "-c", PROGRAM)
