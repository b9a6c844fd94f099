"""Decoding finds what a search item by item finds: legal, distinct, allowed items, each with its probability."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.trie import OVERS, Trie
from tastemaker.core.errors import ConfigError, ModelError

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.blocks.decoding import beam, score_all, score_items  # noqa: E402
from tastemaker.blocks.encoder_decoder import EncoderDecoder, Stepper  # noqa: E402

START, VOCABULARY, QUERIES = 9, 10, 4


def trie_of(*codes: tuple[int, ...]) -> Trie:
    table = np.full((len(codes), max(map(len, codes))), -1, dtype=np.int32)
    for row, code in enumerate(codes):
        table[row, : len(code)] = code
    return Trie(Codes(table, VOCABULARY))


@pytest.fixture
def trie() -> Trie:
    every = list(itertools.product(range(4), repeat=3))
    chosen = [every[i] for i in np.random.default_rng(0).permutation(len(every))[:23]]
    # Two shorter and a longer one, none the beginning of another.
    return trie_of(*chosen, (5,), (6, 1), (7, 0, 1, 2))


class Story:
    """A model whose next token depends on the query and on every token before, and that counts its rows."""

    def __init__(self, queries: int = QUERIES) -> None:
        rng = np.random.default_rng(1)
        self.by_query = rng.normal(size=(queries, 6, VOCABULARY)) * 2
        self.by_token = rng.normal(size=(6, VOCABULARY, VOCABULARY))
        self.queries, self.rows = queries, 0
        self.stories: list[tuple[int, ...]] = [()] * queries

    def logits(self, query: int, story: tuple[int, ...]) -> Any:
        before = [self.by_token[place, token] for place, token in enumerate(story)]
        return self.by_query[query, len(story)] + np.sum(before, axis=0)

    def __call__(self, tokens: Any, rows: Any) -> Any:
        width, before = len(tokens) // self.queries, len(self.stories) // self.queries
        self.rows += len(tokens)
        assert [int(row) // before for row in rows] == [i // width for i in range(len(rows))]
        self.stories = [(*self.stories[row], int(token)) for row, token in zip(rows, tokens, strict=True)]
        return torch.from_numpy(
            np.array([self.logits(i // width, story) for i, story in enumerate(self.stories)], dtype=np.float32)
        )


def codes_of(trie: Trie) -> dict[int, tuple[int, ...]]:
    kept = sorted(set(trie.items.tolist()) - {-1})
    return {item: tuple(int(token) for token in trie.codes.tokens[item] if token >= 0) for item in kept}


def log_probability(story: Story, query: int, code: tuple[int, ...], over: str, codes: Any) -> float:
    """Return the sum over tokens, with what is legal read from the codes themselves."""
    total = 0.0
    for place, token in enumerate(code):
        scores = story.logits(query, (START, *code[:place]))
        legal = {each[place] for each in codes if each[:place] == code[:place] and len(each) > place}
        among = range(VOCABULARY) if over == "vocabulary" else sorted(legal)
        total += scores[token] - math.log(sum(math.exp(scores[each]) for each in among))
    return total


def exhaustive(trie: Trie, query: int, over: str) -> dict[int, float]:
    codes, story = codes_of(trie), Story()
    return {item: log_probability(story, query, code, over, codes.values()) for item, code in codes.items()}


@pytest.mark.parametrize("over", OVERS)
def test_with_as_many_beams_as_items_the_search_is_exhaustive(trie: Trie, over: Any) -> None:
    found = beam(Story(), trie, QUERIES, 30, 26, start=START, over=over)
    for query in range(QUERIES):
        wanted = exhaustive(trie, query, over)
        best = sorted(wanted, key=lambda item: -wanted[item])
        assert found.items[query].tolist() == best + [-1] * 4
        np.testing.assert_allclose(found.log_probabilities[query, :26], [wanted[item] for item in best], atol=1e-5)
        assert np.isneginf(found.log_probabilities[query, 26:]).all()


def test_probabilities_of_legal_tokens_add_up_to_1_over_the_items(trie: Trie) -> None:
    found = beam(Story(), trie, QUERIES, 26, 26, start=START, over="legal")
    np.testing.assert_allclose(np.exp(found.log_probabilities).sum(axis=1), 1, atol=1e-5)


def plain_beam(trie: Trie, query: int, beams: int, over: str) -> dict[int, float]:
    """Return every item that one more token completes, with lists and dictionaries."""
    codes, story = codes_of(trie), Story()
    by_code = {code: item for item, code in codes.items()}
    paths: list[tuple[int, ...]] = [()]
    found: dict[int, float] = {}
    while paths:
        grown = {code[: len(path) + 1] for path in paths for code in by_code if code[: len(path)] == path}
        scores = {path: log_probability(story, query, path, over, by_code) for path in grown}
        found |= {by_code[path]: scores[path] for path in grown if path in by_code}
        paths = sorted((path for path in grown if path not in by_code), key=lambda path: -scores[path])[:beams]
    return found


@pytest.mark.parametrize("over", OVERS)
@pytest.mark.parametrize("beams", [1, 2, 5])
def test_few_beams_find_what_a_beam_search_in_lists_finds(trie: Trie, beams: int, over: Any) -> None:
    found = beam(Story(), trie, QUERIES, 6, beams, start=START, over=over)
    for query in range(QUERIES):
        wanted = plain_beam(trie, query, beams, over)
        best = sorted(wanted, key=lambda item: -wanted[item])[:6]
        assert found.items[query].tolist() == best + [-1] * (6 - len(best))
        np.testing.assert_allclose(
            found.log_probabilities[query, : len(best)], [wanted[item] for item in best], atol=1e-5
        )


@pytest.mark.parametrize("over", OVERS)
@pytest.mark.parametrize("beams", [2, 26])
def test_a_mask_keeps_each_query_to_its_items_and_changes_no_probability(trie: Trie, beams: int, over: Any) -> None:
    rng = np.random.default_rng(3)
    mask = rng.random((QUERIES, 26)) < [[0.1], [0.5], [0.9], [0.0]]
    mask[0, [23, 25]] = True
    found = beam(Story(), trie, QUERIES, 8, beams, start=START, over=over, mask=mask)
    assert (found.items[3] == -1).all()
    for query in range(3):
        wanted, items = exhaustive(trie, query, over), found.items[query][found.items[query] >= 0]
        assert len(items)
        assert len(set(items.tolist())) == len(items)
        assert mask[query, items].all()
        np.testing.assert_allclose(
            found.log_probabilities[query, : len(items)], [wanted[item] for item in items], atol=1e-5
        )
        if beams == 26:
            allowed = np.flatnonzero(mask[query]).tolist()
            assert items.tolist() == sorted(allowed, key=lambda item: -wanted[item])[:8]


def test_a_beam_is_not_spent_on_a_beginning_that_leads_to_no_allowed_item(trie: Trie) -> None:
    for item in range(26):
        mask = np.zeros((QUERIES, 26), dtype=bool)
        mask[:, item] = True
        assert beam(Story(), trie, QUERIES, 1, 1, start=START, mask=mask).items.tolist() == [[item]] * QUERIES


def test_the_trie_of_a_subset_shares_out_the_probability_among_its_items(trie: Trie) -> None:
    some = trie.subset([2, 3, 5, 24])
    found = beam(Story(), some, QUERIES, 9, 9, start=START, over="legal")
    assert (np.sort(found.items, axis=1) == [-1] * 5 + [2, 3, 5, 24]).all()
    np.testing.assert_allclose(np.exp(found.log_probabilities).sum(axis=1), 1, atol=1e-5)
    wanted = exhaustive(some, 2, "legal")
    np.testing.assert_allclose(found.log_probabilities[2, :4], sorted(wanted.values(), reverse=True), atol=1e-5)


def test_a_length_penalty_orders_by_the_mean_and_reports_the_sum(trie: Trie) -> None:
    found = beam(Story(), trie, QUERIES, 26, 26, start=START, length_penalty=1.0)
    codes = codes_of(trie)
    for query in range(QUERIES):
        wanted = exhaustive(trie, query, "vocabulary")
        best = sorted(wanted, key=lambda item: -wanted[item] / len(codes[item]))
        assert found.items[query].tolist() == best
        np.testing.assert_allclose(found.log_probabilities[query], [wanted[item] for item in best], atol=1e-5)


@pytest.mark.parametrize("over", OVERS)
def test_given_items_have_exactly_their_log_probabilities(trie: Trie, over: Any) -> None:
    candidates = np.array([[0, 25, 4, -1], [3, 3, 24, 26], [7, 8, 9, 10], [-1, -1, -1, -1]])
    found = score_items(Story(), trie, candidates, start=START, over=over)
    for query, row in enumerate(candidates):
        wanted = exhaustive(trie, query, over)
        np.testing.assert_allclose(found[query], [wanted.get(int(item), -math.inf) for item in row], atol=1e-5)


def test_an_item_outside_the_trie_of_a_subset_has_no_probability(trie: Trie) -> None:
    found = score_items(Story(), trie.subset([1, 2]), np.tile([2, 3], (QUERIES, 1)), start=START)
    assert np.isfinite(found).tolist() == [[True, False]] * QUERIES


def test_a_common_beginning_is_worked_out_once() -> None:
    story = Story(1)
    score_items(story, trie_of((0, 1, 2), (0, 1, 3), (0, 1, 4), (2, 3, 4)), [[0, 1, 2]], start=START)
    assert story.rows == 3


def test_a_banned_token_is_never_found(trie: Trie) -> None:
    story = Story()
    story.by_query[:, 1, 5] = -np.inf
    found = beam(story, trie, QUERIES, 26, 26, start=START)
    assert not (found.items == 23).any()
    assert ((found.items >= 0).sum(axis=1) == 25).all()


def test_no_query_and_an_empty_trie_find_nothing(trie: Trie) -> None:
    assert beam(Story(), trie.subset([]), QUERIES, 2, 2, start=START).items.tolist() == [[-1, -1]] * QUERIES
    assert beam(Story(0), trie, 0, 2, 2, start=START).items.shape == (0, 2)


def test_what_cannot_be_searched_is_refused(trie: Trie) -> None:
    story = Story()
    story.by_query[1] = np.nan
    with pytest.raises(ModelError, match="no numbers"):
        beam(story, trie, QUERIES, 2, 2, start=START)
    with pytest.raises(ConfigError, match="beams=0"):
        beam(Story(), trie, QUERIES, 2, 0, start=START)


@pytest.mark.parametrize("over", OVERS)
def test_an_encoder_decoder_finds_what_it_scores_teacher_forced(over: Any) -> None:
    codes = sorted({tuple(row) for row in np.random.default_rng(5).integers(0, 8, (40, 3)).tolist()})
    trie = trie_of(*codes)
    torch.manual_seed(0)
    model = EncoderDecoder(VOCABULARY, 16, 2, 24, 1, 2, 0.1).eval()
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[1, 2:] = False
    with torch.no_grad():
        memory = model.encode(torch.randn(3, 5, 16), mask)
        targets = torch.tensor(codes)
        known = torch.cat([torch.full((len(codes), 1), START), targets[:, :-1]], dim=1)
        wanted = []
        for query in range(3):
            same = memory[[query] * len(codes)], mask[[query] * len(codes)]
            logits = model.logits(model.decode(model.embed(known), *same)).double()
            if over == "legal":
                for row, code in enumerate(codes):
                    for place in range(3):
                        legal = {each[place] for each in codes if each[:place] == code[:place]}
                        logits[row, place, [t for t in range(VOCABULARY) if t not in legal]] = -torch.inf
            wanted.append(logits.log_softmax(2).gather(2, targets[:, :, None]).sum(dim=(1, 2)).numpy())
    every = np.tile(np.arange(len(codes)), (3, 1))
    scores = score_items(Stepper(model, memory, mask), trie, every, start=START, over=over)
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    found = beam(Stepper(model, memory, mask), trie, 3, 5, len(codes), start=START, over=over)
    np.testing.assert_array_equal(found.items, np.argsort(-np.array(wanted), axis=1)[:, :5])


@pytest.mark.parametrize("over", OVERS)
def test_all_items_at_once_have_the_scores_of_each_alone(trie: Trie, over: Any) -> None:
    found = score_all(Story(), trie, QUERIES, start=START, over=over)
    assert found.dtype == np.float32
    for query in range(QUERIES):
        wanted = exhaustive(trie, query, over)
        assert found[query].tolist() == pytest.approx([wanted[item] for item in range(len(trie.codes))], abs=1e-4)


def test_all_items_of_a_subset_are_scored_and_no_others(trie: Trie) -> None:
    found = score_all(Story(), trie.subset([3, 7, 24]), QUERIES, start=START, over="legal")
    assert np.flatnonzero(np.isfinite(found[0])).tolist() == [3, 7, 24]
    assert np.exp(found).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_scores_of_all_items_that_are_no_numbers_are_an_error(trie: Trie) -> None:
    def broken(tokens: Any, rows: Any) -> Any:
        return torch.full((len(tokens), VOCABULARY), math.nan)

    with pytest.raises(ModelError, match="no numbers"):
        score_all(broken, trie, 2, start=START)
