"""What speaks for an item, in sentences of a template, and as the facts that any other wording has to keep to."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from tastemaker.language.asking.faithful import Fact
from tastemaker.language.asking.fencing import scrubbed
from tastemaker.language.cleaning import shortened

Kind: TypeAlias = Literal[
    "history", "similar", "shared", "words", "meaning", "profile", "popular", "whole", "expected", "new"
]

_LONGEST: Final = 120
"""Characters of a title, or of words of a request, that a sentence repeats."""


@dataclass(frozen=True)
class Ground:
    """Something that speaks for an item.

    Attributes:
        kind: ``history``: items that the person chose; ``similar``: items that they named; ``shared``: a category that
            the item shares with items that they chose; ``words``: words of the request that its text holds;
            ``meaning``: its text is near to the request; ``profile``, ``popular``, ``whole`` (the history as a whole),
            ``expected`` (a rating), ``new``: what they say.
        names: Titles, or words.
        detail: The category of ``shared``.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    detail: str = ""


TEMPLATES: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "history": (
            "{item} is suggested because of {names}.",
            "You chose {names}; {item} goes with that.",
            "Since you chose {names}, {item} may suit you.",
            "{item} often goes together with {names}, which you chose.",
            "What speaks for {item} is that you chose {names}.",
            "Your choice of {names} leads to {item}.",
        ),
        "similar": (
            "{item} is similar to {names}.",
            "Much like {names}: {item}.",
            "{item} comes close to {names}.",
            "Whoever looks at {names} may look at {item} too.",
            "You asked about {names}, and {item} is near to it.",
        ),
        "shared": (
            "{item} shares {detail} with {names}, which you chose.",
            "You chose {names}; {item} is {detail} too.",
            "{detail} is what {item} has in common with {names}.",
            "Like {names}, {item} is {detail}.",
            "{item} is {detail}, and so is {names}, which you chose.",
        ),
        "words": (
            "What is known of {item} says {names}, as you asked.",
            "You asked for {names}, and {item} has that in its description.",
            "{item} fits your words: {names}.",
            "Your request and {item} share these words: {names}.",
            "With {item} you get what you asked for in words: {names}.",
        ),
        "meaning": (
            "{item} is near to what you asked for.",
            "What is known of {item} comes close to your request.",
            "{item} is close to your request.",
            "Your request leads to {item}.",
            "Going by its description, {item} is near to your request.",
        ),
        "profile": (
            "{item} fits your profile.",
            "What you say of yourself speaks for {item}.",
            "{item} goes with your profile.",
            "Your profile leads to {item}.",
            "Going by your profile, {item} may suit you.",
        ),
        "popular": (
            "{item} is chosen by many.",
            "Many people choose {item}.",
            "{item} is popular.",
            "What speaks for {item} is that many people choose it.",
            "{item} is among what many people choose.",
        ),
        "whole": (
            "{item} fits what you chose as a whole.",
            "All that you chose speaks for {item}.",
            "Your choices together lead to {item}.",
            "{item} goes with your choices as a whole.",
            "Many of your choices speak for {item}.",
        ),
        "expected": (
            "You are expected to like {item}.",
            "By what is known, you would like {item}.",
            "{item} is expected to be liked by you.",
            "You may well like {item}, going by what is known.",
            "What is known says that you would like {item}.",
        ),
        "new": (
            "{item} is new here.",
            "{item} came in lately.",
            "A new arrival: {item}.",
            "{item} has just arrived.",
            "New in the catalogue: {item}.",
        ),
    }
)
"""Kind -> the ways in which a template says it; ``{item}``, ``{names}`` and ``{detail}`` are filled in."""

_FACTS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "history": "You chose {names}, which speaks for {item}",
        "similar": "You asked about {names}, and {item} is similar",
        "shared": "You chose {names}, and {item} is {detail} too",
        "words": "You asked for {names}, which the description of {item} says",
        "meaning": "What is known of {item} is near to what you ask for",
        "profile": "{item} fits your profile",
        "popular": "{item} is popular: many people choose it",
        "whole": "{item} fits what you chose as a whole",
        "expected": "You are expected to like {item}",
        "new": "{item} is new: it came in lately",
    }
)
_TITLES: Final = frozenset({"history", "similar", "shared"})


def worded(item: str, grounds: Sequence[Ground], seed: int = 0) -> str:
    """Return a sentence for each ground, at most two.

    Args:
        item: Title of the item.
        grounds: The strongest first; without any, nothing is said but the title.
        seed: Chooses among the ways of saying it, together with the title.

    >>> worded("Heat", [Ground("history", ("Fargo",))])
    'Heat often goes together with Fargo, which you chose.'
    """
    title = plainly(item)
    sentences = []
    for place, ground in enumerate(grounds[:2]):
        ways = TEMPLATES[ground.kind]
        chosen = ways[zlib.crc32(f"{seed} {place} {title}".encode()) % len(ways)]
        sentence = chosen.format(item=title, names=listed(ground), detail=plainly(ground.detail))
        sentences.append(sentence[0].upper() + sentence[1:])
    return " ".join(sentences) or f"{title}."


def facts_of(
    item: str, grounds: Sequence[Ground], about: str = "", *, disliked: Sequence[str] = (), request: str = ""
) -> list[Fact]:
    """Return what may be said of an item: a fact for each ground, then what is known of it.

    Args:
        item: Title of the item.
        grounds: What speaks for it.
        about: What is known of it, in words.
        disliked: Titles that the person turned down.
        request: What the person asks for.
    """
    title = plainly(item)
    facts = []
    for ground in grounds:
        said = _FACTS[ground.kind].format(item=title, names=listed(ground), detail=plainly(ground.detail))
        titles = tuple(name for title in ground.names for name in _names(title)) if ground.kind in _TITLES else ()
        facts.append(Fact(said, titles, "for" if titles else ""))
    facts.append(Fact(f"{title}. {scrubbed(about, 4 * _LONGEST).text}".strip(), _names(title), "for"))
    if request.strip():
        facts.append(Fact(f"You ask for {scrubbed(request, 4 * _LONGEST).text}"))
    facts += [Fact(f"You turned down {plainly(name)}", _names(name), "against") for name in disliked]
    return facts


def listed(ground: Ground) -> str:
    """Return the names of a ground as a part of a sentence; words in quotes."""
    names = [plainly(name) for name in ground.names]
    if ground.kind == "words":
        names = [f'"{name}"' for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def plainly(text: str) -> str:
    """Return a title or words of somebody as they may stand in a sentence: on one line, short, without orders."""
    return scrubbed(text, _LONGEST).text or shortened("something without a name", _LONGEST)


def _names(title: str) -> tuple[str, ...]:
    """Return a title as it may be said: whole, and without its year where it ends with one."""
    whole = plainly(title)
    bare, bracket, rest = whole.rpartition(" (")
    return (whole, bare) if bracket and rest.rstrip(")").removesuffix(" BC").isdigit() else (whole,)
