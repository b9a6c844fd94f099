"""Writes the pages of the documentation that come from elsewhere: the command line, the modules, the README.

Usage: python tools/generate_reference.py [--check]

With `--check` nothing is written; the program names the pages that are out of date and exits with 1.
What a page of the Python reference shows is read from the docstrings when the site is built.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from tastemaker.cli import app
from tastemaker.cli.output import EXIT_CODES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "tastemaker"
GENERATED = "<!-- Generated from {source} by tools/generate_reference.py: change it there. -->\n\n"


def main(arguments: list[str]) -> None:
    """Write or check all generated pages."""
    pages = dict(generated_pages())
    expected = {DOCS / name: text for name, text in pages.items()}
    gone = set((DOCS / "reference").rglob("*.md")) - expected.keys()
    stale = [path for path, text in expected.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        if out_of_date := sorted(str(path.relative_to(ROOT)) for path in [*stale, *gone]):
            sys.exit(f"out of date: {', '.join(out_of_date)}. Run: make reference")
        return
    for path in gone:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(expected[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


def generated_pages() -> Iterator[tuple[str, str]]:
    """Yield each page's name below docs/ and its text."""
    yield "index.md", index_page((ROOT / "README.md").read_text("utf-8"))
    yield "reference/cli.md", command_line_page()
    floors = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    yield "reference/python/index.md", overview_page(floors)
    for floor in floors:
        yield f"reference/python/{floor.name}.md", floor_page(floor)


def index_page(readme: str) -> str:
    """Turn the README into the site's first page: links into docs/ lose the folder, others their target."""
    text = re.sub(r"(\]\(|src=\")docs/", r"\1", readme)
    kept = r"https?:|#|mailto:"
    inside = "|".join(re.escape(path.name) for path in sorted(DOCS.iterdir()))
    text = re.sub(rf"(?<!!)\[([^\]]+)\]\((?!{kept}|{inside})[^)]+\)", r"\1", text)
    return GENERATED.format(source="README.md") + text


def overview_page(floors: list[Path]) -> str:
    """List the packages with the first sentence of their docstrings."""
    lines = [f"- [`tastemaker.{floor.name}`]({floor.name}.md): {summary(floor / '__init__.py')}" for floor in floors]
    head = GENERATED.format(source="the docstrings") + "# Python reference\n\n"
    start = "The order of the floors is in [Architecture](../../architecture.md).\n\n"
    return head + start + "\n".join(lines) + "\n"


def floor_page(floor: Path) -> str:
    """Ask for the public names of a package, or of each of its modules where it exports none."""
    head = GENERATED.format(source="the docstrings") + f"# {floor.name}\n\n{summary(floor / '__init__.py')}\n\n"
    modules = sorted(path for path in floor.rglob("*.py") if not path.name.startswith("_"))
    names = [".".join(module.relative_to(PACKAGE).with_suffix("").parts) for module in modules]
    return head + "\n".join(f"::: tastemaker.{name}\n" for name in names)


def summary(module: Path) -> str:
    """Return the first paragraph of a module's docstring on one line."""
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def command_line_page() -> str:
    """Describe every command with its arguments and options, and the exit codes."""
    group = typer.main.get_command(app)
    head = GENERATED.format(source="the commands") + "# Command line\n\n"
    return head + "\n".join([*describe(group, "tastemaker", 1), *exit_codes()]) + "\n"


def describe(command: Any, path: str, level: int) -> Iterator[str]:
    """Yield the lines about one command and those below it."""
    context = command.make_context(path, [], resilient_parsing=True)
    if level > 1:
        yield f"{'#' * level} `{path}`\n"
    if command.help:
        yield plain(command.help) + "\n"
    yield f"```console\n$ {' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    records = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    for name, text in records:
        yield f"- `{name}`: {plain(text)}" if text else f"- `{name}`"
    if records:
        yield ""
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if not below.hidden:
                yield from describe(below, f"{path} {name}", level + 1)


def plain(text: str) -> str:
    """Drop rich's markup, and what stands behind the form feed that ends a help text."""
    text = text.split("\f")[0].strip()
    return re.sub(r"\[/?(?:bold|dim|italic|red|green|yellow|blue|cyan|magenta)[^\]]*\]", "", text).replace("\\[", "[")


def exit_codes() -> Iterator[str]:
    """Yield the table of exit codes."""
    yield "## Exit codes\n\n| code | when |\n|---|---|"
    yield from (f"| {code} | {when} |" for code, when in EXIT_CODES.items())


if __name__ == "__main__":
    main(sys.argv[1:])
