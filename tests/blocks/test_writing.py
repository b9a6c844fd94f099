"""Sentences are of legal words, end at the end mark, repeat nothing, and with room enough are the best there are."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError, ModelError

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.blocks.encoder_decoder import EncoderDecoder, Stepper  # noqa: E402
from tastemaker.blocks.writing import write  # noqa: E402

START, END, VOCABULARY, QUERIES = 8, 9, 10, 3
LEGAL = (2, 5, 6)


class Story:
    """A model whose next token depends on the query and on every token before."""

    def __init__(self, queries: int = QUERIES, seed: int = 1, places: int = 12) -> None:
        rng = np.random.default_rng(seed)
        self.by_query = rng.normal(size=(queries, places, VOCABULARY)) * 2
        self.by_token = rng.normal(size=(places, VOCABULARY, VOCABULARY))
        self.stories: list[tuple[int, ...]] = [()] * queries
        self.queries = queries

    def logits(self, query: int, story: tuple[int, ...]) -> Any:
        before = [self.by_token[place, token] for place, token in enumerate(story)]
        return self.by_query[query, len(story)] + np.sum(before, axis=0)

    def __call__(self, tokens: Any, rows: Any) -> Any:
        width, before = len(tokens) // self.queries, len(self.stories) // self.queries
        assert [int(row) // before for row in rows] == [i // width for i in range(len(rows))]
        self.stories = [(*self.stories[row], int(token)) for row, token in zip(rows, tokens, strict=True)]
        return torch.from_numpy(
            np.array([self.logits(i // width, story) for i, story in enumerate(self.stories)], dtype=np.float32)
        )


def repeats(line: tuple[int, ...], length: int) -> bool:
    stretches = [line[first : first + length] for first in range(len(line) - length + 1)]
    return length > 0 and len(set(stretches)) < len(stretches)


def best(story: Story, query: int, most: int, no_repeat: int, penalty: float) -> tuple[int, ...]:
    """Return the best of all sentences, each scored by itself."""

    def score(line: tuple[int, ...]) -> float:
        tokens, total = line if len(line) == most else (*line, END), 0.0
        for place, token in enumerate(tokens):
            scores = story.logits(query, (START, *tokens[:place]))
            # The first place shares out its probability among words and the end mark too, though that may not come.
            total += scores[token] - math.log(sum(math.exp(scores[each]) for each in (*LEGAL, END)))
        return float(total / len(tokens) ** penalty)

    lines = [line for size in range(1, most + 1) for line in itertools.product(LEGAL, repeat=size)]
    return max((line for line in lines if not repeats(line, no_repeat)), key=score)


@pytest.mark.parametrize("no_repeat", [0, 1, 2, 3])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_with_room_for_everything_it_is_the_best_of_all(no_repeat: int, penalty: float) -> None:
    found = write(
        Story(), QUERIES, LEGAL, start=START, end=END, most=4, beams=121, no_repeat=no_repeat, length_penalty=penalty
    )
    for query, line in enumerate(found):
        assert tuple(line.tolist()) == best(Story(), query, 4, no_repeat, penalty)


def test_one_beam_takes_the_likeliest_word_each_time() -> None:
    story = Story()
    for query, line in enumerate(write(Story(), QUERIES, LEGAL, start=START, end=END, most=6, no_repeat=0)):
        told: tuple[int, ...] = (START,)
        while len(told) <= 6:
            scores = story.logits(query, told)
            word = max((*LEGAL, END) if len(told) > 1 else LEGAL, key=lambda token: scores[token])
            if word == END:
                break
            told += (word,)
        assert tuple(line.tolist()) == told[1:]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("no_repeat", [1, 2, 3])
def test_nothing_but_legal_words_and_no_stretch_twice(beams: int, no_repeat: int) -> None:
    for seed in range(6):
        story = Story(seed=seed)
        story.by_query[:, :, END] -= 4  # long sentences, which would repeat themselves
        for line in write(story, QUERIES, LEGAL, start=START, end=END, most=11, beams=beams, no_repeat=no_repeat):
            assert set(line.tolist()) <= set(LEGAL)
            assert 1 <= len(line) <= 11
            assert not repeats(tuple(line.tolist()), no_repeat)


def test_a_batch_writes_what_each_would_alone() -> None:
    torch.manual_seed(0)
    model = EncoderDecoder(VOCABULARY, 16, 2, 16, 1, 1, 0.0, tied=True).eval()
    with torch.no_grad():
        model.tokens.mul_(4)
    embedded, mask = model.embed(torch.randint(0, 8, (5, 4))), torch.ones(5, 4, dtype=torch.bool)
    memory = model.encode(embedded, mask).detach()

    def told(rows: slice) -> list[list[int]]:
        step = Stepper(model, memory[rows], mask[rows])
        found = write(step, len(memory[rows]), LEGAL, start=START, end=END, most=8, beams=3)
        return [line.tolist() for line in found]

    alone = [told(slice(row, row + 1))[0] for row in range(5)]
    assert told(slice(0, 5)) == alone
    assert len({tuple(line) for line in alone}) > 1


@pytest.mark.parametrize("given", [{"beams": 0}, {"most": 0}, {"legal": ()}])
def test_what_makes_no_sense_is_an_error(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="nothing can be written"):
        write(Story(), QUERIES, **{"legal": LEGAL, "start": START, "end": END, "most": 3, **given})


def test_no_number_is_an_error() -> None:
    with pytest.raises(ModelError, match="no numbers"):
        write(
            lambda tokens, rows: torch.full((len(tokens), VOCABULARY), torch.nan),
            2,
            LEGAL,
            start=START,
            end=END,
            most=3,
        )
