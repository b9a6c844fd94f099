"""Generators by name, with arguments, and from other packages."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.language import named
from tastemaker.language.generators import GENERATORS, Script, generator_names, make_generator


def test_a_generator_is_its_own_spec() -> None:
    script = Script(["Fine."])
    assert make_generator(script) is script


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("endpiont", "Did you mean 'endpoint'"),
        ({"name": "endpoint", "base_urll": "x"}, "no argument 'base_urll'.*Did you mean 'base_url'"),
        ("endpoint:x", "takes nothing after a colon"),
        ("endpoint", "cannot be made: .*base_url"),
        ({"model": "m"}, "the key 'name'"),
        ("{nonsense", "no JSON"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": 3}, "should be str"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "retries": True}, "should be int"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "concurrency": 0}, "of a generator is 0"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "timeout": 0}, "at least 0.001"),
        ({"name": "endpoint", "base_url": "host", "model": "m"}, "no address"),
        (3, "named by text"),
    ],
)
def test_what_names_no_generator_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_generator(spec)


@pytest.mark.parametrize("address", ["http://me:secret@host/v1", "http://host/v1?key=secret"])
def test_an_address_with_a_secret_is_refused_without_telling_it(address: str) -> None:
    with pytest.raises(ConfigError, match="no password") as caught:
        make_generator({"name": "endpoint", "base_url": address, "model": "m"})
    assert "secret" not in str(caught.value)


def test_generators_of_other_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    place = "tastemaker.language.generators.script:Script"
    point = EntryPoint(name="theirs", value=place, group="tastemaker.generators")
    monkeypatch.setattr(named, "entry_points", lambda group: [point] if group == point.group else [])
    assert generator_names() == [*GENERATORS, "theirs"]
    assert isinstance(make_generator({"name": "theirs", "replies": []}), Script)


def test_importing_the_package_and_generators_asks_for_no_library_of_theirs() -> None:
    program = (
        "import sys, tastemaker; assert 'httpx' not in sys.modules; import tastemaker.language.generators as g; "
        "print({'torch', 'xllamacpp', 'jsonschema_rs', 'asyncio.runners'} & set(sys.modules) - {'asyncio.runners'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
