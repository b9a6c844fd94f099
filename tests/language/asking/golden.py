"""The words of the prompts that are shipped, kept as files: each version's hash, and what is said with example values.

After a change of words raise the prompt's version and run: python -m tests.language.asking.golden
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from tastemaker.language.asking.checks import example_values
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt, prompt_names

FOLDER: Final = Path(__file__).parent / "messages"
VERSIONS: Final = Path(__file__).parent / "versions.json"
"""Name of a prompt -> its version and its fingerprint."""


def versions() -> dict[str, tuple[int, str]]:
    """Return the version and the fingerprint of each prompt as they were written down."""
    return {name: (version, hashed) for name, (version, hashed) in json.loads(VERSIONS.read_text("utf-8")).items()}


def spoken(prompt: ChatPrompt) -> str:
    """Return the messages of a prompt with example values, as a text."""
    messages = prompt.messages(example_values(prompt))
    return "\n".join(f"--- {message.role}\n{message.content}" for message in messages) + "\n"


def main() -> None:
    """Write down what the prompts say now; refuse where words have changed and the version has not."""
    known = versions() if VERSIONS.exists() else {}
    prompts = {name: load_prompt(name) for name in prompt_names()}
    for name, prompt in prompts.items():
        version, hashed = known.get(name, (0, ""))
        if hashed != prompt.fingerprint and prompt.version <= version:
            sys.exit(f"the words of '{name}' have changed: its version must rise above {version}")
    rows = {name: (prompt.version, prompt.fingerprint) for name, prompt in prompts.items()}
    VERSIONS.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    FOLDER.mkdir(exist_ok=True)
    for name, prompt in prompts.items():
        (FOLDER / f"{name}.txt").write_text(spoken(prompt), "utf-8")
    for gone in {file.stem for file in FOLDER.glob("*.txt")} - prompts.keys():
        (FOLDER / f"{gone}.txt").unlink()


if __name__ == "__main__":
    main()
