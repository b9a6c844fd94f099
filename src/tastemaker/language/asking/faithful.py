"""Whether a text says no more than its facts: every name, number, liking and nearly every word of it stands in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from tastemaker.language.asking.common_words import (
    CLAIMS,
    GRAMMAR,
    NEGATIVE,
    NUMBERS,
    STEMS,
    stem,
)

OUTSIDE: Final = 0.1
"""The largest share of words that say something and stand in no fact."""

LONGEST: Final = 400
"""Characters of a text that is to be shown."""

_TOKEN: Final = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)*")
_MARKUP: Final = re.compile(r"https?:|www\.|<[a-zA-Z/!]|\]\(|[{}<>`|*#\\_=~^]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_QUOTED: Final = re.compile(
    r'"([^"]+)"|\N{LEFT DOUBLE QUOTATION MARK}([^\N{RIGHT DOUBLE QUOTATION MARK}]+)\N{RIGHT DOUBLE QUOTATION MARK}'
)
_CLAUSE: Final = re.compile(r"[.!?;:,]+\s|\s(?:but|while|although|though|whereas)\s", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[.!?]+[\"'\N{RIGHT DOUBLE QUOTATION MARK})]*\s+|\n+")
_PIECE: Final = re.compile(r"[\ue000-\uf8ff]|[^\s\ue000-\uf8ff]+")
_BESIDE: Final = 4
_HALF: Final = 0.5

Side: TypeAlias = Literal["for", "against", ""]


@dataclass(frozen=True)
class Fact:
    """Something that is known, and may be said.

    Attributes:
        text: In words, as a prompt says it.
        names: Titles in it, as they are written.
        side: Whether the person, as far as is known, wants what the names stand for or turned it down; empty where
            nothing is known of that.
    """

    text: str
    names: tuple[str, ...] = ()
    side: Side = ""

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        return tuple(tokens(f"{self.text} {' '.join(self.names)}"))


@dataclass(frozen=True)
class Check:
    """What became of a check.

    Attributes:
        faults: What the text says that it must not, in words; empty where it passes.
        cited: Places of the facts that it speaks of.
        outside: Share of its words with a meaning that stand in no fact, 0 to 1.
    """

    faults: tuple[str, ...]
    cited: tuple[int, ...] = ()
    outside: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it may be shown."""
        return not self.faults


@dataclass(frozen=True)
class Faithfulness:
    """What share of texts may be shown.

    Attributes:
        texts: How many there are.
        passed: Share of them that passed the checks, 0 to 1; NaN where there are none.
        cited: Share of the facts that those cite which passed; NaN where none did.
    """

    texts: int
    passed: float
    cited: float


def faithfulness(checks: Sequence[tuple[Check, int]]) -> Faithfulness:
    """Return what share of texts passed, and what share of facts they cite.

    Args:
        checks: The check of each text, and how many facts it could cite.

    >>> faithfulness([(Check((), cited=(0,)), 2), (Check(("empty",)), 2)])
    Faithfulness(texts=2, passed=0.5, cited=0.5)
    """
    passed = [(check, facts) for check, facts in checks if check.passed]
    facts = sum(count for _, count in passed)
    nothing = float("nan")
    return Faithfulness(
        len(checks),
        len(passed) / len(checks) if checks else nothing,
        sum(len(check.cited) for check, _ in passed) / facts if facts else nothing,
    )


def checked(text: str, facts: Sequence[Fact], *, outside: float = OUTSIDE, needs_fact: bool = True) -> Check:
    """Check a text against what is known.

    A text passes where each of these holds; each is about words, so that what passes can still put true words together
    wrongly. What it can not do is to bring in a name, a number, a claim or a turn of a liking that is not there.

    - It is not empty, at most `LONGEST` characters long, and has no markup or address in it.
    - What is quoted, and every run of words with capitals, stands so in one fact.
    - Every number stands in a fact; one in digits beside one of the words that stand beside it there.
    - Nothing is said twice, three words long or longer, but names.
    - What is liked is not spoken against, what was turned down is not spoken for; nothing is denied unless a fact is
      about what was turned down, or denies something itself.
    - No more than a share ``outside`` of its words stands neither in a fact nor among those that mean nothing here
      (`tastemaker.language.asking.common_words`), and none of these is a claim, such as "best".

    Args:
        text: The text.
        facts: What is known.
        outside: The share.
        needs_fact: Whether it has to speak of a fact at all.
    """
    said = " ".join(text.split())
    if not any(letter.isalnum() for letter in said):
        return Check(("it is empty",))
    if len(said) > LONGEST:
        return Check((f"it has {len(said)} characters, and {LONGEST} are the most",))
    found = tokens(said)
    known = _Known(facts)
    strange = [word for word in found if known.lacks(word)]
    meaning = [word for word in found if word not in STEMS and stem(word) not in STEMS and word not in NEGATIVE]
    share = len(strange) / len(meaning) if meaning else 0.0
    faults = [
        *(["it has markup or an address in it"] if _MARKUP.search(text) else []),
        *(f"it names '{name}', and no fact does" for name in _names(said, known)),
        *(f"it says the number '{word}', and no fact does" for word in _numbers(found, known)),
        *_polarity(said, facts),
        *_repeated(_pieces(said, [name for fact in facts for name in fact.names])),
        *(f"it claims '{word}', and no fact does" for word in strange if word in CLAIMS),
    ]
    if share > outside:
        faults.append(f"{share:.0%} of its words stand in no fact: {', '.join(dict.fromkeys(strange))}"[:200])
    cited = tuple(place for place, fact in enumerate(facts) if _cites(found, fact))
    if needs_fact and facts and not cited:
        faults.append("it speaks of none of the facts")
    return Check(tuple(dict.fromkeys(faults)), cited, share)


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text in small letters and without accents; short forms keep their mark.

    >>> tokens("Amélie's 2nd, don't you know?")
    ["amelie's", '2', 'nd', "don't", 'you', 'know']
    """
    return [_folded(word) for word in _TOKEN.findall(unicodedata.normalize("NFKC", text))]


def _folded(word: str) -> str:
    spread = unicodedata.normalize("NFKD", word.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


class _Known:
    """The words of some facts, and the order in which they stand."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self.words = {word for fact in facts for word in fact._tokens}
        self.stems = {stem(word.removesuffix("'s")) for word in self.words}

    def has(self, word: str) -> bool:
        """Say whether a word stands in a fact, in whatever form."""
        return word in self.words or stem(word.removesuffix("'s")) in self.stems

    def lacks(self, word: str) -> bool:
        """Say whether a word means something and stands in no fact; numbers are looked at elsewhere."""
        if word[0].isdigit() or word in NUMBERS or word in NEGATIVE:
            return False
        common = word in STEMS or stem(word) in STEMS or word.removesuffix("'s") in STEMS
        return not (common and word not in CLAIMS) and not self.has(word)

    def beside(self, word: str) -> set[str]:
        """Return the words that stand next to a word in a fact; itself where it stands there at all."""
        return {
            neighbour
            for fact in self.facts
            for place, other in enumerate(fact._tokens)
            if other == word
            for neighbour in fact._tokens[max(place - 1, 0) : place + 2]
        }

    def runs(self, run: Sequence[str]) -> bool:
        """Say whether words stand in this order, with nothing between them, in one fact."""
        return any(_place(fact._tokens, run) is not None for fact in self.facts)


def _place(words: Sequence[str], run: Sequence[str], begin: int = 0) -> int | None:
    for place in range(begin, len(words) - len(run) + 1):
        if all(_alike(words[place + step], word) for step, word in enumerate(run)):
            return place
    return None


def _alike(one: str, other: str) -> bool:
    return one == other or one.removesuffix("'s") == other.removesuffix("'s")


def _names(text: str, known: _Known) -> list[str]:
    """Return what a text names and no fact does: quotes, and runs of words with capitals."""
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(text)]
    strange = [piece for piece in quoted if tokens(piece) and not known.runs(tokens(piece))]
    for sentence in _SENTENCE.split(text):
        for place, run in enumerate(_capitals(sentence)):
            words = [_folded(word) for word in run]
            if place == 0 and words[0] in STEMS and not known.runs(words) and _begins(sentence, words[0]):
                words, run = words[1:], run[1:]
            while words and words[0] in GRAMMAR and not known.runs(words):
                words, run = words[1:], run[1:]
            if words and not known.runs(words) and not (len(words) == 1 and _may_begin(words[0], known, sentence)):
                strange.append(" ".join(run))
    return strange


def _capitals(sentence: str) -> list[list[str]]:
    """Return the runs of neighbouring words that begin with a capital."""
    runs: list[list[str]] = []
    end = -2
    for found in _TOKEN.finditer(sentence):
        if found[0][0].isupper():
            if end >= 0 and sentence[end : found.start()].isspace():
                runs[-1].append(found[0])
            else:
                runs.append([found[0]])
            end = found.end()
    return runs


def _may_begin(word: str, known: _Known, sentence: str) -> bool:
    """Say whether a word that stands alone with a capital is a usual one, at the beginning of a sentence."""
    return _begins(sentence, word) and not known.lacks(word)


def _begins(sentence: str, word: str) -> bool:
    first = _TOKEN.search(sentence)
    return first is not None and _folded(first[0]) == word


def _numbers(found: Sequence[str], known: _Known) -> list[str]:
    """Return the numbers that no fact says, or says of something else."""
    strange = []
    for place, word in enumerate(found):
        beside = set(found[max(place - 1, 0) : place + 2]) - {word}
        misplaced = word[0].isdigit() and not known.beside(word) & beside
        unknown = word in NUMBERS and not {word, NUMBERS[word]} & known.words
        if misplaced or unknown:
            strange.append(word)
    return list(dict.fromkeys(strange))


def _repeated(found: Sequence[str]) -> list[str]:
    """Return what a text says twice, if anything: the first three words."""
    seen = set()
    for run in zip(found, found[1:], found[2:], strict=False):
        if run in seen:
            return [f"it repeats itself: '{' '.join(run)}'"]
        seen.add(run)
    return []


def _polarity(text: str, facts: Sequence[Fact]) -> list[str]:
    """Return what a text says against what is wanted, for what was turned down, or denies otherwise.

    Beside a name that was turned down, a few words before or behind it, an odd number of denials has to stand. No other
    denial is allowed but those of a fact.
    """
    sides = {name: fact.side for fact in facts if fact.side for name in fact.names}
    marks = {_mark(place): (name, side) for place, (name, side) in enumerate(sides.items())}
    known = _Known([fact for fact in facts if fact.side != "against"])
    faults = []
    for clause in _CLAUSE.split(_masked(text, sides)):
        words = _words_and_signs(clause)
        denials = _denials(words, known)
        for place, word in enumerate(words):
            name, side = marks.get(word, ("", ""))
            if side == "against":
                beside = {at for at in denials if abs(at - place) <= _BESIDE}
                denials -= beside
                if len(beside) % 2 == 0:
                    faults.append(f"it speaks for '{name}', which was turned down")
        for at in sorted(denials):
            wanted = [marks[word][0] for word in words if word in marks and marks[word][1] == "for"]
            beside_name = f" beside '{wanted[0]}', which is wanted" if wanted else ""
            faults.append(f"it denies something: '{words[at]}'{beside_name}")
    return faults


def _denials(words: Sequence[str], known: _Known) -> set[int]:
    """Return where words stand that turn something into its opposite; not those that do so likewise in a fact."""
    return {
        place
        for place, word in enumerate(words)
        if word in NEGATIVE and not (place + 1 < len(words) and known.runs(words[place : place + 2]))
    }


def _pieces(text: str, names: Sequence[str]) -> list[str]:
    """Return the words of a text, each name as one sign."""
    return _words_and_signs(_masked(text, names))


def _words_and_signs(masked: str) -> list[str]:
    return [word for piece in _PIECE.findall(masked) for word in (tokens(piece) or [piece])]


def _mark(place: int) -> str:
    """Return a sign that no text has: one for private use."""
    return chr(0xE000 + place % 6400)


def _masked(text: str, names: Iterable[str]) -> str:
    """Return a text with a sign in place of each name, the longest first, so that words of names are no cues."""
    numbered = sorted(enumerate(names), key=lambda one: -len(one[1]))
    for place, name in numbered:
        words = [re.escape(word) for word in name.split()]
        if words:
            text = re.sub(r"\s+".join(words), f" {_mark(place)} ", text, flags=re.IGNORECASE)
    return text


def _cites(found: Sequence[str], fact: Fact) -> bool:
    if fact.names:
        return any(_place(found, tokens(name)) is not None for name in fact.names if tokens(name))
    own = [stem(word) for word in fact._tokens if word not in STEMS and stem(word) not in STEMS]
    said = {stem(word) for word in found}
    return bool(own) and sum(word in said for word in own) >= _HALF * len(own)
