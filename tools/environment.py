"""Makes `.venv` hold exactly the locked dependencies of the asked sets, and this project in editable form.

Usage: python tools/environment.py SET...   where SET names a file in requirements/ (dev, serve, ...)

Runs on a bare CPython with pip and nothing else. A set whose lock has not changed since it was installed
costs nothing; sets that were installed earlier stay, and follow the lock with the others, so that asking for
fewer never breaks what is there and asking for more only adds.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STATE = VENV / "tastemaker.json"
LOCKS = ROOT / "requirements"
ALWAYS = ("build", "core")
# Wheels always: a source distribution would need a compiler, and fetch its own build tools unpinned.
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
INSTALL = (*PIP, "install", "--quiet", "--only-binary=:all:")


def main(names: list[str]) -> None:
    """Bring `.venv` to the asked sets."""
    if sys.version_info < (3, 11):  # noqa: UP036, an older Python may well be what runs this
        fail(f"Tastemaker needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")
    known = {path.stem for path in LOCKS.glob("*.txt")} - {"all", "torch-wheel"}
    if unknown := set(names) - known:
        fail(f"no such set of requirements: {', '.join(unknown)}. Known: {', '.join(sorted(known))}")
    place = {"python": "{}.{}".format(*sys.version_info), "root": str(ROOT)}
    state = read_state()
    if {key: state.get(key) for key in place} != place:
        create_venv()
        state = {**place, "sets": {}}
        write_state(state)
    wanted = {name: digest(name) for name in dict.fromkeys([*ALWAYS, *names, *state["sets"]])}
    missing = [name for name, content in wanted.items() if state["sets"].get(name) != content]
    if missing:
        say(f"installing {', '.join(missing)} into {VENV.relative_to(ROOT)} (this may download them)")
        install(missing)
        run("install the project", *INSTALL, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        run("check the installed packages against each other", *PIP, "check", "--quiet")
        # Written last: an interrupted installation is simply done again.
        write_state({**place, "sets": wanted})


def read_state() -> dict[str, Any]:
    """Return what was installed, or nothing where that cannot be known."""
    try:
        state: dict[str, Any] = json.loads(STATE.read_text(encoding="utf-8"))
        return state if PYTHON.exists() and isinstance(state["sets"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_state(state: dict[str, Any]) -> None:
    """Note what is installed now."""
    STATE.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def digest(name: str) -> str:
    """Hash what decides the content of a set, the project's own metadata included."""
    paths = [LOCKS / f"{name}.txt", ROOT / "pyproject.toml"]
    if name == "torch":
        paths.append(LOCKS / "torch-wheel.txt")
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def create_venv() -> None:
    """Make an empty environment that has pip."""
    say(f"creating {VENV.relative_to(ROOT)} with {sys.executable}")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return
    # Some systems ship Python without ensurepip; their pip can install one into the environment.
    run(
        "create a virtual environment",
        "-m",
        "venv",
        "--clear",
        "--without-pip",
        str(VENV),
        python=sys.executable,
    )
    run("install pip", *PIP, "--python", str(PYTHON), "install", "--quiet", "pip", python=sys.executable)


def install(names: list[str]) -> None:
    """Install sets from their locks, all in one step so that pip sees them together."""
    locks = [argument for name in names for argument in ("-r", str(LOCKS / f"{name}.txt"))]
    run("install the locked packages", *INSTALL, "--require-hashes", *locks)
    if "torch" in names:
        run("install torch", *INSTALL, "-r", str(LOCKS / "torch-wheel.txt"))


def run(purpose: str, *arguments: str, python: str = str(PYTHON)) -> None:
    """Run Python with arguments, or stop and say what could not be done."""
    if subprocess.run([python, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL).returncode:
        fail(f"could not {purpose}; the lines above say why. Nothing is half done: run it again to go on")


def say(message: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"[setup] {message}", flush=True)


def fail(message: str) -> NoReturn:
    """Stop with a message."""
    sys.exit(f"[setup] error: {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
