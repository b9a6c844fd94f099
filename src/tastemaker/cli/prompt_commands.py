"""`tastemaker prompts list | show | test | diff`: what language models are asked, and how well the words do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.cli.prompt_output import checked_json, measured, set_json, show_checks, show_set, table_of

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.generator import Generator
    from tastemaker.evaluation.frozen_questions import FrozenQuestions
    from tastemaker.evaluation.prompt_trials import Trial
    from tastemaker.language.asking.prompt import ChatPrompt

app = typer.Typer(no_args_is_help=True, help="What language models are asked: the words, and how well they do.")

SETTINGS: Final = "settings"
_BOOKS: Final = "bookshop"
_FAULTY: Final = 3

Which = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME", help="A generator instead of that of [generator], or JSON."),
]
SetFile = Annotated[Path | None, typer.Option("--set", metavar="FILE", help="Take these frozen questions.")]
Save = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the frozen questions here.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many questions at most, each of another person.")]
_NAME: Final = "A prompt of `prompts list`"


@app.command("list")
def list_prompts(config: options.Config = None, as_json: options.Json = False) -> None:
    """List the prompts: version, hash of the words in use, and whether the settings change them."""
    from tastemaker.language.asking.prompt import load_prompt, prompt_names

    work = _workspace(config, as_json)
    tables = work.settings.prompts.tables()
    rows: list[dict[str, Any]] = []
    for name in prompt_names():
        shipped, used = load_prompt(name), work.prompt(name)
        changed = sorted(tables.get(name, {})) if used.fingerprint != shipped.fingerprint else []
        about = {"name": name, "version": shipped.version, "hash": used.fingerprint, "changed": changed}
        rows.append(about | {"purpose": shipped.purpose, "slots": list(used.slots), "options": list(used.options)})
    if as_json:
        write_json({"prompts": rows})
        return
    table = table_of("name", "version", "hash", "settings", "purpose")
    for row in rows:
        cells = (row["name"], row["version"], row["hash"][:12], ", ".join(row["changed"]), row["purpose"])
        table.add_row(*map(str, cells))
    work.out.print(table)


@app.command("show")
def show_prompt(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{_NAME}, or a .toml file.")],
    values: Annotated[
        Path | None, typer.Option("--values", metavar="FILE", help="JSON: slot -> text, or list of texts.")
    ] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="As it is shipped, not as the settings have it.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show the messages of a prompt, with example values or your own."""
    from tastemaker.language.asking.checks import example_values
    from tastemaker.language.asking.prompt import load_prompt

    work = _workspace(config, as_json)
    as_it_is = shipped or name.endswith(".toml")
    prompt = load_prompt(name) if as_it_is else work.prompt(name)
    messages = prompt.messages(example_values(prompt) if values is None else _read_values(values))
    if as_json:
        said = [{"role": message.role, "content": message.content} for message in messages]
        slots = {slot: vars(about) for slot, about in prompt.slots.items()}
        about = {"name": prompt.name, "version": prompt.version, "hash": prompt.fingerprint, "slots": slots}
        write_json(about | {"messages": said, "options": list(prompt.options), "max_tokens": prompt.max_tokens})
        return
    for message in messages:
        work.out.print(f"--- {message.role}\n{message.content}")
    if prompt.options:
        work.out.print(f"--- one of: {', '.join(prompt.options)}")


@app.command("test")
def check_prompts(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help=f"{_NAME}; all if none.")] = None,
    model: Which = None,
    source: options.Source = None,
    questions: SetFile = None,
    save: Save = None,
    limit: Limit = 100,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Check prompts: values stand in them, they fit the model, and questions share as much as they promise.

    Of prompts that rank and are named, or that are given questions by --set, it is measured how often the item that
    came next comes first. The questions are made of the validation part of the data.
    """
    from tastemaker.evaluation.prompt_trials import TRIED, try_prompt, way_of
    from tastemaker.language.asking.checks import check_prompt
    from tastemaker.language.asking.prompt import prompt_names

    work = _workspace(config, as_json, source, not no_progress)
    prompts = [work.prompt(name) for name in names or prompt_names()]
    generator = _generator(work, model)
    checks = {prompt.name: check_prompt(prompt, generator) for prompt in prompts}
    tried = [prompt for prompt in prompts if prompt.name in TRIED] if names or questions or save else []
    frozen = _questions(work, questions, save, limit) if tried and (generator or save) else None
    trials: dict[str, Trial] = {}
    if frozen is not None and generator is not None:
        for prompt in tried:
            trials[prompt.name] = try_prompt(prompt, generator, frozen, way_of(prompt.name), run=work.run)
    if as_json:
        found = [checked_json(prompt, checks[prompt.name], trials.get(prompt.name)) for prompt in prompts]
        write_json({"prompts": found, "model": generator and generator.name, "questions": set_json(frozen)})
    show_checks(work.out, prompts, checks, trials)
    show_set(work.out, frozen)
    if any(check.faults for check in checks.values()):
        raise typer.Exit(_FAULTY)


@app.command("diff")
def diff_prompts(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{_NAME} that ranks; NAME@STYLE tells histories so.")],
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="What it is compared with: `settings`, NAME@STYLE, or a .toml file.")
    ],
    model: Which = None,
    source: options.Source = None,
    questions: SetFile = None,
    save: Save = None,
    limit: Limit = 100,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compare two variants of a prompt on the same questions: accuracy with its interval, tokens and seconds.

    A style is sequential, recent or example. No reply comes from those that are kept on disk.
    """
    from tastemaker.core.errors import ConfigError
    from tastemaker.evaluation.prompt_trials import difference, interval_to_json, try_prompt, verdict, way_of
    from tastemaker.language.asking.prompt import load_prompt

    work = _workspace(config, as_json, source, not no_progress)
    variants = [(name, *_with_style(name)), (other, *_with_style(other))]
    first, second = (prompt for _, prompt, _ in variants)
    prompts = [load_prompt(first), _variant(work, second, first)]
    ways = [way_of(prompt.name) for prompt in prompts]
    generator = _generator(work, model)
    if generator is None:
        raise ConfigError("no language model is named", where="[generator]", remedy="Name one there, or with --model.")
    frozen = _questions(work, questions, save, limit)
    trials = [
        try_prompt(prompt, generator, frozen, way, style=style, run=work.run)
        for prompt, way, (_, _, style) in zip(prompts, ways, variants, strict=True)
    ]
    found = difference(*trials)
    said = verdict(found, all(trial.answered == len(frozen) for trial in trials))
    if as_json:
        rows = [
            {"variant": text, "hash": prompt.fingerprint, "style": style} | trial.to_json()
            for (text, _, style), prompt, trial in zip(variants, prompts, trials, strict=True)
        ]
        result = {"variants": rows, "difference": interval_to_json(found), "verdict": said}
        write_json(result | {"model": generator.name, "questions": set_json(frozen)})
        return
    table = table_of("variant", "right", "95 %", "calls", "tokens read", "known before", "seconds")
    for (text, _, _), trial in zip(variants, trials, strict=True):
        table.add_row(text, *measured(trial))
    work.out.print(table)
    for flaw in dict.fromkeys(flaw for trial in trials for flaw in trial.flaws):
        work.out.note(flaw)
    show_set(work.out, frozen)
    work.out.print(f"Difference {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]: {said}.")


def _workspace(config: Path | None, as_json: bool, source: str | None = None, progress: bool = True) -> Workspace:
    """Return what a command works with; its data are the bookshop where nobody names any."""
    from tastemaker.cli.settings import DEFAULT
    from tastemaker.cli.workspace import Workspace

    # What is measured here is asked for: a reply from disk would take no tokens and no time.
    given = {"data.source": source, "generator.cache": False}
    out = Output(as_json=as_json, progress=progress)
    work = Workspace.open(out, config, given)
    if work.resolved.origins["data.source"] == DEFAULT:
        return Workspace.open(out, config, given | {"data.source": _BOOKS})
    return work


def _generator(work: Workspace, named: str | None) -> Generator | None:
    """Return the generator that is named, or that of the settings, or none."""
    from tastemaker.language.generators import make_generator

    if named is not None:
        return make_generator(named)
    if work.settings.generator.name is not None:
        return work.generator()
    work.out.note("No language model is named, so that tokens are not counted and nothing is asked.")
    return None


def _variant(work: Workspace, text: str, first: str) -> ChatPrompt:
    """Return what the prompt ``first`` is compared with: that of the settings, a file, or one that is shipped."""
    from tastemaker.cli.prompt_settings import in_place_of
    from tastemaker.language.asking.prompt import load_prompt

    if text == SETTINGS:
        return work.prompt(first)
    return in_place_of(load_prompt(first), load_prompt(text)) if text.endswith(".toml") else load_prompt(text)


def _with_style(text: str) -> tuple[str, str]:
    """Return the prompt and the style of ``NAME@STYLE``; the style is ``sequential`` where none is said."""
    from tastemaker.core.errors import ConfigError, nearest
    from tastemaker.language.asking.styles import STYLES

    name, at, style = text.partition("@")
    if at and style not in STYLES and not text.endswith(".toml"):
        raise ConfigError(f"a history is not told as '{style}'", where=text, remedy=nearest(style, STYLES))
    return (name, style) if style in STYLES else (text, STYLES[0])


def _read_values(file: Path) -> dict[str, Any]:
    from tastemaker.core.errors import ConfigError

    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the values cannot be read: {error.strerror}", where=str(file)) from error
    except ValueError as error:
        raise ConfigError(f"the values are no JSON: {error}", where=str(file)) from error
    if not isinstance(read, dict) or not all(_is_value(value) for value in read.values()):
        raise ConfigError("values are an object of texts and lists of texts", where=str(file))
    return read


def _is_value(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value))


def _questions(work: Workspace, file: Path | None, save: Path | None, limit: int) -> FrozenQuestions:
    """Return the frozen questions of a file, or made of the data in use."""
    from tastemaker.evaluation.frozen_questions import FrozenQuestions, freeze_questions

    if file is not None:
        frozen = FrozenQuestions.load(file).first(limit)
    else:
        frozen = freeze_questions(work.split(work.dataset()), limit=limit)
    if save is not None:
        frozen.save(save)
        work.out.note(f"Wrote {save}: {len(frozen)} questions, hash {frozen.hash[:12]}")
    return frozen
