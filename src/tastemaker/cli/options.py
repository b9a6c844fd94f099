"""Options that several commands share, and commands in which one flag takes several values."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

MANY_VALUES: Final = ("--history", "--like", "--dislike")

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings to use instead of ./tastemaker.toml.")
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Data: a name of `data list`, or a folder.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Take the files of a named source from here, not from the network."),
]
Protocol = Annotated[
    str | None,
    typer.Option("--protocol", metavar="NAME", help="How data are cut: global-time, leave-one-out, leave-last-n, ..."),
]
Knobs = Annotated[
    list[str] | None,
    typer.Option("--knob", metavar="NAME=VALUE", help="A knob of the protocol, such as ties=shuffle; again for more."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same numbers.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Threads of matrix products: 1, or what TASTEMAKER_THREADS says."),
]
Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON, and nothing else to standard output.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress bars.")]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", metavar="FOLDER", help="A trained model instead of the configured one.")
]
HowMany = Annotated[int, typer.Option("--k", "-k", help="How many items at most.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Somebody whose events are in the data.")]
History = Annotated[
    list[str] | None,
    typer.Option(
        "--history",
        metavar="ITEM...",
        help="Titles or ids, oldest first, instead of a stored history: one flag with several values, or the flag "
        "again for each.",
    ),
]
Like = Annotated[
    list[str] | None,
    typer.Option("--like", metavar="ITEM...", help="Titles or ids that are liked now; several as for --history."),
]
Dislike = Annotated[
    list[str] | None,
    typer.Option("--dislike", metavar="ITEM...", help="Titles or ids to stay away from; several as for --history."),
]
Generator = Annotated[
    str | None,
    typer.Option(
        "--generator",
        metavar="NAME",
        help="What writes: a name of `models list`, NAME:MODEL, or none for templates alone.",
    ),
]
Text = Annotated[str | None, typer.Option("--text", metavar="WORDS", help="What is wanted, in words.")]

Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME=VALUE",
        help="What is known of the person, such as place=Riga; again for more, and for a second value of one name.",
    ),
]


def profile_of(given: Sequence[str] | None) -> dict[str, Any] | None:
    """Return attributes of the command line; a name that is given twice has a list.

    >>> profile_of(["place=Riga", "likes=the sea", "likes=trains"])
    {'place': 'Riga', 'likes': ['the sea', 'trains']}
    """
    values: dict[str, list[str]] = {}
    for word in given or ():
        name, equals, value = (part.strip() for part in word.partition("="))
        if not (name and equals and value):
            raise typer.BadParameter(f"'{word}' is not NAME=VALUE", param_hint="--profile")
        values.setdefault(name, []).append(value)
    return {name: own[0] if len(own) == 1 else own for name, own in values.items()} or None


def knob_values(given: Sequence[str] | None) -> dict[str, Any]:
    """Return knobs of the command line as settings: values are read as TOML, and as text where they are not.

    >>> knob_values(["ties=shuffle", "test_days=7"])
    {'split.ties': 'shuffle', 'split.test_days': 7}
    """
    values: dict[str, Any] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not (name.strip() and equals):
            raise typer.BadParameter(f"'{word}' is not NAME=VALUE", param_hint="--knob")
        try:
            values[f"split.{name.strip()}"] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[f"split.{name.strip()}"] = value.strip()
    return values


def repeat_flags(words: Sequence[str], flags: Sequence[str] = MANY_VALUES) -> list[str]:
    """Write a flag before each of its values: up to the next word that starts with a hyphen, all are its own.

    >>> repeat_flags(["--history", "Toy Story", "Heat", "-k", "5"])
    ['--history', 'Toy Story', '--history', 'Heat', '-k', '5']
    """
    written: list[str] = []
    flag, taken = "", 0
    for place, word in enumerate([*words, "--"]):
        if word.startswith("-") and word != "-":
            if flag and not taken:
                raise typer.BadParameter("it needs at least one title or id", param_hint=flag)
            flag, taken = (word if word in flags else ""), 0
            if word == "--":
                return written + list(words[place:])
            if not flag:
                written.append(word)
        else:
            written += [flag, word] if flag else [word]
            taken += 1
    return written


class ManyValuesCommand(TyperCommand):
    """A command whose flags in `MANY_VALUES` may be followed by several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring the command line into the form that the parser knows."""
        try:
            return super().parse_args(ctx, repeat_flags(args))
        except typer.BadParameter as error:
            error.ctx = error.ctx or ctx
            raise
