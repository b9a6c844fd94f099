"""Candidates put in order by asking a generator about them: one by one, by letters, in pairs, or as a written list.

All of it is about plain lines of text. What a line says of an item, and what becomes of the order, is decided above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from tastemaker.core.errors import ConfigError
from tastemaker.core.generator import Message, Usage
from tastemaker.language.asking.arrangements import Floats, Places, balanced_orders, bradley_terry, chunks, next_pairs
from tastemaker.language.asking.calling import Ask, Caller
from tastemaker.language.asking.prompt import ChatPrompt, Values
from tastemaker.language.generators.schemas import list_of, object_of, one_of

Way: TypeAlias = Literal["pointwise", "listwise", "pairwise", "elimination", "written"]

PROMPTS: Final[Mapping[Way, str]] = {
    "pointwise": "rank-yes-no",
    "listwise": "rank-letters",
    "pairwise": "rank-pair",
    "elimination": "rank-worst",
    "written": "rank-list",
}
"""Way of asking -> the prompt that is made for it."""

LETTERS: Final = ascii_uppercase
MOST_LETTERS: Final = 10
"""The most candidates of one question by letters; small models lose sight of more."""
WORST_OF: Final = 5
"""Candidates of which the worst is taken out."""
MOST_CALLS: Final = 60
"""Questions of a tournament, at most."""

_RULED_OUT: Final = float(np.log(0.01))
"""The least that one order says of a letter: what is less likely than a hundredth is as good as ruled out."""
_ANYTHING: Final = "an item"
"""What stands for a candidate of which nothing is known, and for every one where letters are asked for by
themselves."""


@dataclass(frozen=True)
class Ranking:
    """What came of asking.

    Attributes:
        order: Places of the candidates, best first, int64 ``[c]``: always all of them, each once.
        scores: What the answers say of each, higher is better, float64 ``[c]``; NaN for what was not asked about.
        usage: What the answers took.
        calls: How many questions were put.
        mass: The share of probability that the options had on average, NaN where that is not known; where it is small
            the model would rather have said something else.
        flaws: What went wrong, in words.
    """

    order: Places
    scores: Floats
    usage: Usage
    calls: int
    mass: float
    flaws: tuple[str, ...] = ()

    @classmethod
    def of(cls, scores: Floats, caller: Caller, order: Places | None = None) -> Ranking:
        """Return the ranking of some scores; what has none keeps the place that it was given."""
        if order is None:
            asked = np.flatnonzero(~np.isnan(scores))
            order = np.arange(len(scores))
            order[asked] = asked[np.argsort(-scores[asked], kind="stable")]
        return cls(order, scores, caller.usage, caller.calls, caller.mass, caller.flaws)


Rank: TypeAlias = Callable[[Caller, ChatPrompt, Values, Sequence[str], np.random.Generator], Ranking]
"""Ranks candidates: whom to ask, with which words, what all questions share, a line for each candidate, and chance."""


def pointwise(
    caller: Caller,
    prompt: ChatPrompt,
    shared: Values,
    lines: Sequence[str],
    rng: np.random.Generator | None = None,
    *,
    prior: bool = False,
) -> Ranking:
    """Rank by the log-odds of the first option against the second, asked of each candidate by itself.

    The candidate stands last in the prompt, so that a generator with a prefix cache reads all else once. No candidate
    is seen beside another: order plays no part, and what one says of itself changes nothing for the others.

    Args:
        caller: Whom to ask.
        prompt: With two options, the good one first, and a slot ``item``.
        shared: What all questions share, by slot; slots that the prompt does not have are passed over.
        lines: What is said of each candidate.
        rng: Not used.
        prior: Whether the log-odds of the same question about nobody in particular are taken off: what is left is
            what the person says for an item, and not that it is well known. It takes twice as many questions.
    """
    scores = _log_odds(caller, prompt, shared, lines)
    if prior:
        scores = scores - _log_odds(caller, prompt, {}, lines)
    return Ranking.of(scores, caller)


def _log_odds(caller: Caller, prompt: ChatPrompt, shared: Values, lines: Sequence[str]) -> Floats:
    asks = [Ask(_messages(prompt, shared, {"item": line}), prompt.options) for line in lines]
    return np.array([np.nan if said is None else said[0] - said[1] for said in caller.chosen(asks)], dtype=np.float64)


def listwise(
    caller: Caller,
    prompt: ChatPrompt,
    shared: Values,
    lines: Sequence[str],
    rng: np.random.Generator,
    *,
    orders: int = 1,
    most: int = MOST_LETTERS,
    prior: bool = True,
    priors: dict[int, Floats] | None = None,
    early_stop: bool = True,
) -> Ranking:
    """Rank by the mean over orders of ``log P(letter) - log P_prior(letter)``, a letter standing for a candidate.

    More candidates than ``most`` are asked about in chunks, each of which gets its share of those that stand first.

    Args:
        caller: Whom to ask.
        prompt: With a slot of one line for each letter from ``a`` on.
        shared: See `pointwise`.
        lines: See `pointwise`.
        rng: Draws chunks and orders.
        orders: In how many orders each chunk is shown; over as many as it has candidates, each has had every letter.
        most: The most candidates of a question, 3 or more.
        prior: Whether what the letters have by themselves is taken off.
        priors: That, by the number of candidates, as far as it was asked for before; what is asked for now joins it.
        early_stop: Whether no further order of a chunk is asked for once none could change which is its first.
    """
    if orders < 1 or most < 3:
        raise ConfigError(
            f"{orders} orders of {most} letters", remedy="Ask in 1 order at least, of 3 letters at least."
        )
    scores = np.full(len(lines), np.nan)
    letters = _LetterPriors(caller, prompt, shared, prior, priors)
    for chunk in chunks(len(lines), min(most, len(_slots(prompt))), rng) if len(lines) > 1 else ():
        sums, asked = np.zeros(len(chunk)), 0
        for left, order in zip(range(orders - 1, -1, -1), balanced_orders(len(chunk), rng), strict=False):
            (said,) = caller.chosen([letters.ask([lines[place] for place in chunk[order]])])
            if said is None:
                continue
            sums[order] += np.maximum(_normalised(said - letters.of(len(chunk))), _RULED_OUT)
            asked += 1
            if early_stop and _decided(sums, left):
                break
        if asked:
            scores[chunk] = sums / asked + np.log(len(chunk))
    return Ranking.of(scores, caller)


def _decided(sums: Floats, left: int) -> bool:
    """Say whether the first of some sums stays the first whatever ``left`` more orders say."""
    second, first = np.sort(sums)[-2:]
    return bool(first - second > -left * _RULED_OUT)


def _normalised(scores: Floats) -> Floats:
    """Return log-probabilities that sum to 1."""
    highest = scores.max()
    return np.asarray(scores - highest - np.log(np.exp(scores - highest).sum()))


class _LetterPriors:
    """What letters have by themselves: in the question about nobody, with the same words for every candidate."""

    def __init__(
        self, caller: Caller, prompt: ChatPrompt, shared: Values, wanted: bool, known: dict[int, Floats] | None
    ) -> None:
        self._caller, self._prompt, self._shared, self._wanted = caller, prompt, shared, wanted
        self._known = {} if known is None else known

    def ask(self, lines: Sequence[str]) -> Ask:
        """Return the question about some candidates in this order."""
        return self._about(self._shared, lines)

    def _about(self, shared: Values, lines: Sequence[str]) -> Ask:
        return Ask(_messages(self._prompt, shared, _by_letter(lines)), _letters(len(lines)))

    def of(self, count: int) -> Floats:
        """Return the log-probabilities of the first letters, float64 ``[count]``; zeros where they are not wanted."""
        if not self._wanted:
            return np.zeros(count)
        if count not in self._known:
            (said,) = self._caller.chosen([self._about({}, [_ANYTHING] * count)])
            if said is None:
                return np.zeros(count)
            self._known[count] = said
        return self._known[count]


def pairwise(
    caller: Caller,
    prompt: ChatPrompt,
    shared: Values,
    lines: Sequence[str],
    rng: np.random.Generator | None = None,
    *,
    calls: int = MOST_CALLS,
) -> Ranking:
    """Rank by who is taken of two, each pair asked about in both orders, summed up as Bradley and Terry do.

    Where that many questions suffice, all pairs meet; else it is a Swiss tournament: in each round neighbours in the
    order so far meet who have not met.

    Args:
        caller: Whom to ask.
        prompt: With slots ``a`` and ``b``.
        shared: See `pointwise`.
        lines: See `pointwise`.
        rng: Not used.
        calls: The most questions.
    """
    count = len(lines)
    wins, met = np.zeros((count, count)), np.zeros((count, count), dtype=bool)
    all_of_them = count * (count - 1) <= calls
    left = calls // 2
    while left > 0 and count > 1:
        found = list(combinations(range(count), 2)) if all_of_them else next_pairs(bradley_terry(wins), met)
        pairs = [pair for pair in found if not met[pair]][:left]
        if not pairs or (met.any() and caller.over):
            break
        left -= len(pairs)
        asks = [_of_two(prompt, shared, lines, *both) for one, other in pairs for both in ((one, other), (other, one))]
        said = caller.chosen(asks)
        for (one, other), first, second in zip(pairs, said[::2], said[1::2], strict=True):
            met[one, other] = met[other, one] = True
            if first is not None and second is not None:  # one order alone would count a letter's own likelihood
                share = (np.exp(_normalised(first)[0]) + np.exp(_normalised(second)[1])) / 2
                wins[one, other], wins[other, one] = share, 1 - share
    scores = bradley_terry(wins)
    scores[(wins + wins.T).sum(axis=1) == 0] = np.nan
    return Ranking.of(scores, caller)


def _of_two(prompt: ChatPrompt, shared: Values, lines: Sequence[str], one: int, other: int) -> Ask:
    return Ask(_messages(prompt, shared, _by_letter([lines[one], lines[other]])), _letters(2))


def elimination(
    caller: Caller,
    prompt: ChatPrompt,
    shared: Values,
    lines: Sequence[str],
    rng: np.random.Generator,
    *,
    group: int = WORST_OF,
    prior: bool = True,
    priors: dict[int, Floats] | None = None,
) -> Ranking:
    """Rank by taking out the worst of a few, again and again (IRanker: Feng et al., 2025).

    The few are the last ones of those that are left, in an order that is drawn; who stays meets the next one. It takes
    a question for each candidate but one.

    Args:
        caller: Whom to ask.
        prompt: Asks which is the worst; with a slot of one line for each letter from ``a`` on.
        shared: See `pointwise`.
        lines: See `pointwise`.
        rng: Draws orders.
        group: How many candidates a question is about, 2 or more.
        prior: See `listwise`.
        priors: See `listwise`.
    """
    if not 2 <= group <= len(LETTERS):
        raise ConfigError(f"the worst of {group} cannot be asked for", remedy=f"Take 2 to {len(LETTERS)}.")
    left, out, guessed = list(range(len(lines))), list[int](), list[int]()
    group = min(group, len(_slots(prompt)))
    letters = _LetterPriors(caller, prompt, shared, prior, priors)
    while len(left) > 1:
        few = rng.permutation(left[-group:])
        (said,) = caller.chosen([letters.ask([lines[place] for place in few])])
        if said is None:
            if caller.over:
                break
            worst = left[-1]  # nothing is known of these few, so the given order holds
            guessed.append(worst)
        else:
            worst = int(few[int(np.argmax(said - letters.of(len(few))))])
        left.remove(worst)
        out.append(worst)
    scores = np.full(len(lines), np.nan)
    scores[out] = np.arange(len(out), dtype=np.float64)
    if len(left) == 1:
        scores[left] = len(out)
    scores[guessed] = np.nan
    return Ranking.of(scores, caller, np.asarray([*left, *reversed(out)], dtype=np.int64))


def written(
    caller: Caller,
    prompt: ChatPrompt,
    shared: Values,
    lines: Sequence[str],
    rng: np.random.Generator | None = None,
) -> Ranking:
    """Rank as the model writes it down: a list of letters as JSON, which a schema holds to the letters that there are.

    The slow control of the other ways. What it does not name comes after what it names, as it stood; what is named
    twice stands at its first place; of more candidates than there are letters the first ones are asked about.

    Args:
        caller: Whom to ask.
        prompt: With a slot of one line for each letter from ``a`` on.
        shared: See `pointwise`.
        lines: See `pointwise`.
        rng: Not used.
    """
    scores, count = np.full(len(lines), np.nan), min(len(lines), len(_slots(prompt)))
    if count < 2:
        return Ranking.of(scores, caller)
    letters = _letters(count)
    schema = object_of(ranking=list_of(one_of(letters), most=count, least=count))
    value = caller.written(_messages(prompt, shared, _by_letter(lines[:count])), schema, prompt.max_tokens)
    named = value.get("ranking") if isinstance(value, Mapping) else None
    places = [letters.index(each) for each in named if each in letters] if isinstance(named, list) else []
    distinct = list(dict.fromkeys(places))
    scores[distinct] = np.arange(len(distinct), 0, -1, dtype=np.float64)
    unnamed = [place for place in range(len(lines)) if place not in set(distinct)]
    return Ranking.of(scores, caller, np.asarray([*distinct, *unnamed], dtype=np.int64))


WAYS: Final[Mapping[Way, Rank]] = {
    "pointwise": pointwise,
    "listwise": listwise,
    "pairwise": pairwise,
    "elimination": elimination,
    "written": written,
}
"""Every way of asking, by name."""


def _messages(prompt: ChatPrompt, shared: Values, own: Mapping[str, str]) -> list[Message]:
    """Return the messages of a question; what the prompt does not speak of is left out."""
    common = {name: value for name, value in shared.items() if name in prompt.slots}
    # A line falls away whose slots are empty, and with it the question.
    told = {name: line if prompt.slots[name].said(line) else _ANYTHING for name, line in own.items()}
    return prompt.messages({**common, **told})


def _slots(prompt: ChatPrompt) -> list[str]:
    """Return the slots of candidates: ``a``, ``b`` and so on."""
    return [letter for letter in ascii_lowercase if letter in prompt.slots]


def _by_letter(lines: Sequence[str]) -> dict[str, str]:
    return dict(zip(ascii_lowercase, lines, strict=False))


def _letters(count: int) -> tuple[Any, ...]:
    return tuple(LETTERS[:count])
