"""What `tastemaker prompts` shows of checks, trials and frozen questions: tables, and JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from tastemaker.cli.output import Output
    from tastemaker.evaluation.frozen_questions import FrozenQuestions
    from tastemaker.evaluation.prompt_trials import Trial
    from tastemaker.language.asking.checks import PromptCheck
    from tastemaker.language.asking.prompt import ChatPrompt


def checked_json(prompt: ChatPrompt, check: PromptCheck, trial: Trial | None) -> dict[str, Any]:
    """Return what was found of a prompt as JSON values."""
    about: dict[str, Any] = {"name": prompt.name, "version": prompt.version, "hash": prompt.fingerprint}
    about |= {"characters": check.characters, "tokens": check.tokens, "most_tokens": check.most_tokens}
    about |= {"context": check.context, "shared": round(check.shared, 4), "promised": prompt.shared}
    return about | {"faults": list(check.faults), "trial": trial and trial.to_json()}


def set_json(frozen: FrozenQuestions | None) -> dict[str, Any] | None:
    """Return what frozen questions are as JSON values."""
    if frozen is None:
        return None
    scores = {"chance": round(frozen.chance, 4), "popularity": round(frozen.popularity, 4)}
    return {"count": len(frozen), "hash": frozen.hash, **scores, "about": dict(frozen.about)}


def show_checks(
    out: Output, prompts: list[ChatPrompt], checks: dict[str, PromptCheck], trials: dict[str, Trial]
) -> None:
    """Show what was found of some prompts: a table, and what is wrong."""
    heads = ["name", "characters", "tokens", "at most", "shared", "promised"]
    table = table_of(*heads, *(("right", "95 %", "calls", "tokens read", "known before", "seconds") if trials else ()))
    for prompt in prompts:
        check = checks[prompt.name]
        counted = [_number(check.characters), _number(check.tokens), _number(check.most_tokens)]
        trial = trials.get(prompt.name)
        cells = [*counted, f"{check.shared:.0%}", f"{prompt.shared:.0%}"]
        table.add_row(prompt.name, *cells, *(measured(trial) if trial else ()))
    out.print(table)
    for prompt in prompts:
        for fault in checks[prompt.name].faults:
            out.print(f"{prompt.name}: {fault}")
        for flaw in trials[prompt.name].flaws if prompt.name in trials else ():
            out.note(f"{prompt.name}: {flaw}")


def measured(trial: Trial) -> list[str]:
    """Return a trial as the cells of a table."""
    right = trial.accuracy
    counts = (trial.calls, trial.usage.prompt_tokens, trial.usage.reused_tokens)
    return [f"{right.value:.3f}", f"{right.low:.3f} to {right.high:.3f}", *map(_number, counts), f"{trial.seconds:.1f}"]


def show_set(out: Output, frozen: FrozenQuestions | None) -> None:
    """Say which questions were asked, and what a guess would get."""
    if frozen is not None:
        out.print(
            f"{len(frozen)} questions {frozen.hash[:12]} on {frozen.about.get('dataset', 'unnamed data')}: a guess is "
            f"right in {frozen.chance:.3f} of them, the most popular candidate in {frozen.popularity:.3f}."
        )


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def table_of(*heads: str) -> Table:
    """Return an empty table with these heads."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number == 0)
    return table
