"""What reviews of an item say: sentences of theirs, or a model's where the reviews that it names support them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Usage
from tastemaker.language.asking.common_words import STEMS, stem
from tastemaker.language.asking.explaining import first_sentences, on_one_line, without_number
from tastemaker.language.asking.faithful import Fact, checked, tokens
from tastemaker.language.asking.fencing import scrubbed
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.asking.steps import Steps, arun_steps, run_steps, said
from tastemaker.language.generators.schemas import list_of, object_of, one_of

SUPPORT: Final = 0.6
"""How much of a sentence a review has to say; `chance_support` gives what a wrong review says of it by chance."""

SENTENCES: Final = 3
KEYWORDS: Final = 8
READ: Final = 8
"""So many reviews are read by a model: those with most of the words that many reviews share."""

_LONGEST: Final = 500
_FEWEST, _MOST = 4, 40
"""Words of a sentence that can stand in a summary."""
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Review:
    """What somebody wrote of an item."""

    review_id: str
    text: str


@dataclass(frozen=True)
class Sentence:
    """A sentence of a summary.

    Attributes:
        text: The sentence.
        review_id: The review that says it.
        support: Share of its words with a meaning that the review has, 0 to 1.
    """

    text: str
    review_id: str
    support: float


@dataclass(frozen=True)
class Summary:
    """What reviews say.

    Attributes:
        sentences: Each with the review that says it.
        keywords: Words that most reviews share.
        by: ``model`` or ``extract``, sentences of the reviews themselves.
        rejected: Sentences of the model that no review supports as it said, each with why.
        usage: What the model took.
        degraded: Why the model said nothing.
    """

    sentences: tuple[Sentence, ...]
    keywords: tuple[str, ...]
    by: str
    rejected: tuple[tuple[str, str], ...] = ()
    usage: Usage = field(default_factory=Usage)
    degraded: tuple[str, ...] = ()


class Summariser:
    """Sums up reviews.

    Args:
        generator: What may say it in fewer words; without one, sentences of the reviews are shown.
        prompt: What it is asked.
        support: How much of a sentence the review that it names has to say, 0 to 1.
    """

    def __init__(
        self,
        generator: Generator | None = None,
        *,
        prompt: ChatPrompt | str = "summarise-review",
        support: float = SUPPORT,
    ) -> None:
        self.generator, self.support = generator, support
        self.prompt = load_prompt(prompt) if isinstance(prompt, str) else prompt

    def __call__(self, reviews: Sequence[Review], deadline: float | None = None) -> Summary:
        """Sum up, before a moment of `time.monotonic`."""
        return run_steps(self.steps(reviews, deadline), self.generator)

    async def asummarise(self, reviews: Sequence[Review], deadline: float | None = None) -> Summary:
        """As a call, without holding up an event loop."""
        return await arun_steps(self.steps(reviews, deadline), self.generator)

    def steps(self, reviews: Sequence[Review], deadline: float | None = None) -> Steps[Summary]:
        """Sum up, the calls of the model being yielded."""
        keywords = key_words(reviews)
        plain = Summary(extract(reviews), keywords, "extract")
        if not plain.sentences:
            return plain
        read = _read(reviews)
        numbered = [str(number) for number in range(1, len(read) + 1)]
        values = {
            "keywords": ", ".join(keywords),
            "reviews": [f"{number}: {review.text}" for number, review in zip(numbered, read, strict=True)],
        }
        entry = object_of(review=one_of(numbered), sentence={"type": "string", "maxLength": 160})
        schema = object_of(sentences=list_of(entry, SENTENCES, 1))
        try:
            reply = yield from said(
                self.prompt.messages(values), self.prompt.max_tokens, schema=schema, deadline=deadline
            )
        except GenerationError as error:
            return Summary(plain.sentences, keywords, plain.by, degraded=(error.message,))
        kept, rejected = self._sifted(_told(reply.value, numbered, read))
        if not kept:
            return Summary(plain.sentences, keywords, plain.by, rejected, reply.usage)
        return Summary(kept, keywords, "model", rejected, reply.usage)

    def _sifted(self, told: Sequence[tuple[str, Review]]) -> tuple[tuple[Sentence, ...], tuple[tuple[str, str], ...]]:
        """Return the sentences that their reviews support, and the others with why not."""
        kept: dict[str, Sentence] = {}
        rejected = []
        for text, review in told:
            why = unsupported(text, review, self.support)
            if why:
                rejected.append((text, why))
            else:
                kept.setdefault(text.casefold(), Sentence(text, review.review_id, support(text, review.text)))
        return tuple(kept.values()), tuple(rejected)


def unsupported(text: str, review: Review, least: float = SUPPORT) -> str:
    """Return why a review does not support a sentence; empty where it does.

    What it says has to stand in the review as in any fact (`tastemaker.language.asking.faithful.checked`), save that a
    share ``1 - least`` of its words with a meaning may be others.
    """
    shared = support(text, review.text)
    if shared < least:
        return f"the review says {shared:.0%} of it, and {least:.0%} is the least"
    return "; ".join(checked(text, [Fact(review.text)], outside=1 - least, needs_fact=False).faults)


def support(sentence: str, text: str) -> float:
    """Return the share of a sentence's words with a meaning that a text has in some form, 0 to 1.

    >>> support("It smells of roses", "A smell like roses!")
    1.0
    """
    wanted, there = _meaning(sentence), _meaning(text)
    return len(wanted & there) / len(wanted) if wanted else 0.0


def chance_support(by_item: Mapping[str, Sequence[Review]], wrong: float = 0.05) -> float:
    """Return how much of a sentence another review of the same item says, in all but a share ``wrong`` of cases.

    A sentence that is taken out of one review is held against each other review of the item, which did not say it.
    A threshold above this takes a wrong citation for a right one in fewer than ``wrong`` of such cases.

    Args:
        by_item: Reviews of each item.
        wrong: The share, 0 to 1.
    """
    found = [
        support(sentence.text, other.text)
        for reviews in by_item.values()
        for sentence in extract(reviews)
        for other in reviews
        if other.review_id != sentence.review_id
    ]
    return float(np.quantile(found, 1 - wrong)) if found else 0.0


def key_words(reviews: Sequence[Review], most: int = KEYWORDS) -> tuple[str, ...]:
    """Return the words with a meaning that most reviews have, as they are written most often."""
    counts, forms = _counted(reviews)
    shared = [one for one, count in counts.items() if count > 1] or list(counts)
    best = sorted(shared, key=lambda one: (-counts[one], one))[:most]
    return tuple(forms[one].most_common(1)[0][0] for one in best)


def extract(reviews: Sequence[Review], most: int = SENTENCES) -> tuple[Sentence, ...]:
    """Return the sentences of reviews that say most of what many reviews say, each adding something to those before.

    A word that ``c`` of the reviews have is worth ``log(1 + c)``, once; a sentence is worth the sum of its words that
    no chosen sentence has, over the square root of how many it has, so that long ones do not win by their length.
    """
    counts, _ = _counted(reviews)
    pool = [
        (sentence, review.review_id, _meaning(sentence))
        for review in reviews
        for sentence in _SENTENCE.split(scrubbed(review.text, 4 * _LONGEST).text)
        if _FEWEST <= len(sentence.split()) <= _MOST
    ]
    chosen: list[Sentence] = []
    covered: set[str] = set()
    while pool and len(chosen) < most:
        worth = [sum(math.log1p(counts[word]) for word in own - covered) / math.sqrt(len(own) or 1) for *_, own in pool]
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            break
        sentence, review_id, own = pool.pop(best)
        chosen.append(Sentence(sentence.strip(), review_id, 1.0))
        covered |= own
    return tuple(chosen)


def _counted(reviews: Sequence[Review]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Return how many reviews have each word, by its stem, and how it is written."""
    counts: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    for review in reviews:
        counts.update(_meaning(review.text))
        for word in tokens(review.text):
            if _means(word):
                forms.setdefault(stem(word), Counter())[word] += 1
    return counts, forms


def _read(reviews: Sequence[Review]) -> list[Review]:
    """Return the reviews that a model is shown, as short as it is shown them."""
    counts, _ = _counted(reviews)
    shown = [Review(review.review_id, scrubbed(review.text, _LONGEST).text) for review in reviews]
    worth = [sum(math.log(counts[word]) for word in _meaning(review.text) if counts[word]) for review in shown]
    order = sorted(range(len(shown)), key=lambda place: (-worth[place], place))[:READ]
    return [shown[place] for place in order if shown[place].text]


def _meaning(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in tokens(text) if _means(word))


def _means(word: str) -> bool:
    return len(word) > 2 and word not in STEMS and stem(word) not in STEMS


def _told(value: Any, numbered: Sequence[str], read: Sequence[Review]) -> list[tuple[str, Review]]:
    """Return the sentences of a reply with the reviews that they name, whatever the reply is."""
    listed = value.get("sentences") if isinstance(value, dict) else None
    found = []
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and entry.get("review") in numbered and isinstance(entry.get("sentence"), str):
            text = without_number(on_one_line(entry["sentence"]), entry["review"])
            found.append((first_sentences(text, 1)[0], read[numbered.index(entry["review"])]))
    return [(text, review) for text, review in found if text]
