"""Ratings and texts as tasks of a model that writes: nothing held out goes in, and what comes out are known words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.models.small import SMALL

from tastemaker.blocks.digits import digit_codes
from tastemaker.blocks.id_graph import IdGraph
from tastemaker.core.errors import DataError, LeakError, ModelError, UnknownItemError
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, Dataset, HeldOut, Interactions, leave_one_out
from tastemaker.language.prompts import load_prompts, vocabulary_of
from tastemaker.language.sentences import ngrams, split_words
from tastemaker.language.texts import item_texts
from tastemaker.models import Generative
from tastemaker.models.generative_examples import Examples
from tastemaker.models.generative_material import TOLD, Material
from tastemaker.models.generative_texts import Questions, Told
from tastemaker.models.prompting import Alphabet

pytestmark = pytest.mark.needs_extra("torch")
pytest.importorskip("torch")

from tastemaker.models.generative_training import GenerativeTask  # noqa: E402

TASKS: dict[str, float] = {"sequential": 1.0, "direct": 1.0, "rating": 2.0, "explanation": 2.0, "review": 2.0}
TINY: dict[str, Any] = {**SMALL["generative"], "tasks": TASKS, "epochs": 2, "prompts": "p5"}
SHELVES, NOUNS = ("garden", "kitchen", "music"), ("spade", "pan", "violin", "rake", "bowl", "drum")
SETTINGS = {"words": 1000, "max_read": 50, "max_written": 10}


def model(**given: Any) -> Generative:
    return Generative(**{**TINY, **given})


def shop(turn: int = 0, **columns: Any) -> Dataset:
    """People write of items, in words that the item and their rating decide; ``turn`` changes each last event."""
    rng, rows = np.random.default_rng(0), []
    for user in range(30):
        items, stars = rng.permutation(18)[:7], rng.integers(1, 6, 7)
        if turn:
            items[-1] = next(item for item in (items[-1] + np.arange(1, 19)) % 18 if item not in items)
            stars[-1] = 9
        for place, (item, star) in enumerate(zip(items.tolist(), stars.tolist(), strict=True)):
            shelf, noun = SHELVES[item % 3], NOUNS[item % 6]
            said = "secret turn" if turn and place == 6 else "good" if star > 2 else "poor"
            text = f"My {noun} for the {shelf}: {said}!"
            rows.append((f"u{user:02}", f"i{item:02}", place, star, text, f"{said} {noun}", f"It is for the {shelf}!"))
    names = ["user_id", "item_id", "timestamp", "rating", "text", "summary", "explanation"]
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{item:02}" for item in range(18)],
            "title": [f"{NOUNS[item % 6].title()} number {item}" for item in range(18)],
        }
    )
    return Dataset.of(pl.DataFrame(rows, schema=names, orient="row").with_columns(**columns), catalogue, name="shop")


def without(data: Dataset, column: str) -> Dataset:
    return replace(data, interactions=Interactions(data.interactions.frame.drop(column)))


def material(train: Dataset, valid: HeldOut | None = None, **given: Any) -> tuple[dict[str, Told], Alphabet, Material]:
    """Return what tasks learn from, and the tokens that it is written in."""
    prompts = load_prompts("p5", TASKS)
    found = Material(train, valid, IdGraph.of(train), prompts, {**SETTINGS, **given})
    people = digit_codes(np.arange(len(train.sequences.user_ids)), 1, 100)
    items = digit_codes(np.arange(len(train.items)), 1, 100)
    alphabet = Alphabet(items, people, found.vocabulary(vocabulary_of(prompts)))
    return found.told(alphabet)[0], alphabet, found


def answers_of(told: Told, alphabet: Alphabet) -> list[str]:
    return [
        " ".join(alphabet.word(token) for token in row if token >= 0) for row in told.answer_table(np.arange(len(told)))
    ]


class Seen(Exception):
    """Ends a fit with what it would have learnt from."""


def learnt_of(monkeypatch: pytest.MonkeyPatch, train: Dataset, valid: HeldOut) -> list[Any]:
    """Return the prompts and answers of an epoch, all words, and the tables of ids, without a training."""
    found: list[Any] = []

    def note(task: GenerativeTask, *_: object) -> None:
        for batch in task.batches(np.random.default_rng(0)):
            lists = (task.events if isinstance(batch, Examples) else task.told[batch.task]).lists(batch)  # type: ignore[arg-type]
            written = task.prompter.write(batch.prompt, batch.people, **lists)
            told = isinstance(batch, Questions)
            answers = task.told[batch.task].answer_table(batch.places) if told else batch.targets  # type: ignore[union-attr]
            found.append((batch.task, written.tokens, written.ids, written.phrases, batch.weights, answers))
        found.append(np.array(task.alphabet.words))
        found.extend(each.legal for each in task.told.values())
        found.extend(value.numpy() for value in task.module.state_dict().values())
        raise Seen

    monkeypatch.setattr("tastemaker.models.generative_training.train_generative", note)
    with pytest.raises(Seen):
        model(id_vectors="propagated").fit(train, valid)
    return found


def test_another_held_out_answer_or_text_changes_nothing_that_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for turn in (0, 1):
        split = leave_one_out(shop(turn=turn))
        assert ("secret" in " ".join(shop(turn=turn).interactions.frame["text"])) == bool(turn)
        seen.append(learnt_of(monkeypatch, split.train, split.valid))
    assert {entry[0] for entry in seen[0] if isinstance(entry, tuple)} == set(TASKS)
    for before, after in zip(*seen, strict=True):
        for first, second in zip(before, after, strict=True):
            np.testing.assert_array_equal(first, second)


def test_texts_about_what_the_validation_part_asks_for_are_left_out() -> None:
    """A person who wrote of an item twice must not have the first text learnt where the second event is asked about."""
    split = leave_one_out(shop())
    asked = split.valid.queries.dictionary[split.valid.targets]
    people = split.valid.queries.user_ids[split.valid.query]
    twice = split.train.interactions.frame.head(len(people)).with_columns(
        user_id=pl.Series(people.tolist()),
        item_id=pl.Series(asked.tolist()),
        order=pl.Series(np.arange(len(people)) + 9000),
    )
    frame = pl.concat([split.train.interactions.frame, twice]).sort("user_id", "timestamp", "order")
    train = replace(split.train, interactions=Interactions(frame))
    told, _, _ = material(train, split.valid)
    pairs = {(person, item) for person, item in zip(people, asked, strict=True)}
    for task in TOLD:
        learnt = {
            (train.sequences.user_ids[person], train.items.ids[item])
            for person, item in zip(told[task].people, told[task].items, strict=True)
        }
        assert bool(learnt & pairs) == (task == "rating")


def test_a_held_out_event_in_the_training_part_is_refused() -> None:
    data = shop(weight=pl.lit(-1.0))  # no pair of them is in the graph
    split = leave_one_out(shop())
    held = replace(split.valid, fingerprint=data.fingerprint)
    with pytest.raises(LeakError, match="30 of 30 held-out events are in the training part"):
        material(data, held)


def test_the_most_frequent_words_are_known_and_others_are_not_learnt() -> None:
    data = shop()
    for most in (1000, 12):
        told, alphabet, found = material(data, words=most)
        frame = data.interactions.frame
        texts = [split_words(text) for name in ("text", "summary", "explanation") for text in frame[name].to_list()]
        texts += [split_words(text) for text in item_texts(data.catalogue, data.items.ids)]
        words = [word for text in texts for word in text]
        counts = sorted(set(words), key=lambda word: (-words.count(word), word))
        assert set(found.words) == set(counts[:most])
        written = {word for name in ("summary", "explanation") for text in frame[name] for word in split_words(text)}
        assert set(found.spoken.written) == written & set(counts[:most])
        assert set(told["review"].legal) == {*alphabet.of_words(found.spoken.written), alphabet.end}
        assert alphabet.unknown not in told["explanation"].legal
    assert (told["review"].answers.items == alphabet.unknown).any()


def test_answers_end_with_their_mark_unless_they_are_cut_off() -> None:
    data = shop()
    for most in (10, 2, 1):
        told, alphabet, _ = material(data, max_written=most)
        frame = data.interactions.frame
        for task, column in (("explanation", "explanation"), ("review", "summary")):
            whole = [split_words(text) for text in frame[column]]
            for words, row in zip(whole, told[task].answer_table(np.arange(len(whole))), strict=True):
                expected = alphabet.of_words(tuple(words[:most])).tolist() + [alphabet.end] * (len(words) <= most)
                assert row[row >= 0].tolist() == expected


def test_ratings_are_one_mark_each_and_no_word_of_a_text() -> None:
    data = shop(rating=pl.col("rating") / 2)
    told, alphabet, found = material(data)
    assert found.spoken.levels.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
    said = answers_of(told["rating"], alphabet)
    assert [float(mark.strip("<>")) for mark in said] == data.interactions.frame["rating"].to_list()
    assert all(split_words(mark) != [mark] for mark in said)


def test_every_event_is_asked_about_as_often_as_every_other() -> None:
    told, _, _ = material(shop())
    rng = np.random.default_rng(0)
    counts = np.bincount(told["review"].some(2.5 * len(told["review"]), rng), minlength=len(told["review"]))
    assert set(counts) == {2, 3}
    assert counts.sum() == int(2.5 * len(told["review"]))
    few = [len(told["review"].some(0.3, rng)) for _ in range(400)]
    assert abs(np.mean(few) - 0.3) < 4 * (0.3 * 0.7 / 400) ** 0.5


@pytest.mark.parametrize(
    ("task", "column"),
    [("explanation", "explanation"), ("review", "summary"), ("review", "text"), ("rating", "rating")],
)
def test_what_a_task_lacks_is_named(task: str, column: str) -> None:
    with pytest.raises(DataError, match=column):
        model(tasks={"sequential": 1.0, task: 1.0}).fit(without(shop(), column))
    nothing: Any = {column: pl.lit(None, dtype=pl.Float64 if column == "rating" else pl.String)}
    with pytest.raises(DataError, match=column):
        model(tasks={"sequential": 1.0, task: 1.0}).fit(shop(**nothing))
    model(tasks={"sequential": 1.0}, epochs=1).fit(without(shop(), column))


def test_too_many_ratings_for_marks_are_an_error() -> None:
    with pytest.raises(DataError, match="210 different ratings"):
        material(shop(rating=pl.int_range(pl.len()) / 100))


@pytest.fixture(scope="module")
def fitted() -> Generative:
    tasks = {"sequential": 1.0, "rating": 1.0, "explanation": 4.0, "review": 10.0}
    given = {"prompts": "bare", "epochs": 25, "dropout": 0.0, "learning_rate": 0.005, "batch_tokens": 1500}
    # Words are met often: from tokens of variance 1 they are learnt in a few epochs, unlike items that are met seldom.
    return model(tasks=tasks, tied=False, spread=1.0, **given).fit(leave_one_out(shop()).train)


def test_what_is_written_is_of_known_words_and_ends(fitted: Generative) -> None:
    data = shop()
    pairs = list(zip(data.interactions.frame["user_id"], data.interactions.frame["item_id"], strict=True))[:40]
    known = set(fitted.spoken_.written)
    for beams in (1, 3):
        for found in (
            fitted.explanations(pairs, beams=beams),
            fitted.summaries(data.interactions.frame["text"].to_list()[:40], beams=beams),
        ):
            for text in found:
                words = split_words(text)
                assert words
                assert set(words) <= known
                assert len(set(ngrams(words, 3))) == len(ngrams(words, 3))
    assert all(len(split_words(text)) <= 2 for text in fitted.explanations(pairs, words=2))


def test_it_learns_what_items_and_reviews_say(fitted: Generative) -> None:
    """The shelf is told by the item alone, a third by chance; the judgement and the noun by the review, a twelfth."""
    split = leave_one_out(shop())
    items = split.test.queries.dictionary[split.test.targets].tolist()
    pairs = list(zip(split.test.queries.user_ids[split.test.query].tolist(), items, strict=True))
    own = [SHELVES[int(item[1:]) % 3] in text for item, text in zip(items, fitted.explanations(pairs), strict=True)]
    assert np.mean(own) > 0.8
    told = [(said, noun) for said in ("good", "poor") for noun in NOUNS]
    reviews = [f"My {noun} for the garden: {said}!" for said, noun in told]
    found = [tuple(text.split()) for text in fitted.summaries(reviews)]
    assert np.mean([one == other for one, other in zip(found, told, strict=True)]) > 0.3


def test_answers_do_not_hang_on_what_is_asked_beside_them(fitted: Generative) -> None:
    pairs = [("u01", "i03"), ("a stranger", "i11"), ("u07", "i00")]
    texts = ["", "It is good.", "words that nobody knows and the pan is poor, so poor."]
    for together, alone in (
        (fitted.explanations(pairs, beams=2), [fitted.explanations([pair], beams=2)[0] for pair in pairs]),
        (fitted.summaries(texts), [fitted.summaries([text])[0] for text in texts]),
    ):
        assert together == alone
    np.testing.assert_allclose(fitted.ratings(pairs), [fitted.ratings([pair])[0] for pair in pairs], atol=1e-5)
    assert fitted.explanations([]) == fitted.summaries([]) == []


def test_ratings_stay_within_the_levels(fitted: Generative) -> None:
    every = [(f"u{user:02}", item) for user in range(31) for item in fitted.item_ids]
    found = fitted.ratings(every)
    assert ((found >= 1) & (found <= 5)).all()
    assert found.std() > 0


def test_it_still_recommends_items(fitted: Generative) -> None:
    data = shop()
    listed = fitted.recommend(data.histories(["u00", "u01"]), k=4)
    assert len(set(listed.items(0))) == 4
    assert set(listed.items(0)) <= set(data.items.ids)


def test_what_is_saved_says_the_same(fitted: Generative, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    again = Generative.load(tmp_path / "model")
    pairs, texts = [("u01", "i03"), ("u02", "i04")], ["the pan is good"]
    assert again.explanations(pairs) == fitted.explanations(pairs)
    assert again.summaries(texts) == fitted.summaries(texts)
    np.testing.assert_allclose(again.ratings(pairs), fitted.ratings(pairs), atol=1e-6)


def test_a_question_may_tell_the_words_of_an_item(tmp_path: Path) -> None:
    """New items have no code, and are told by their words where the prompt that asks has a place for them."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "sequential.txt").write_text("{history}")
    (tmp_path / "prompts" / "rating.txt").write_text("{user} {item} {text}")
    asked = model(prompts=str(tmp_path / "prompts"), tasks={"sequential": 1.0, "rating": 4.0}).fit(shop())
    before = asked.ratings([("u00", "i03")])
    asked.extend(items=Catalogue(pl.DataFrame({"item_id": ["new", "other"], "title": ["Pan number 4", "Violin"]})))
    asked.save(tmp_path / "model")
    again = Generative.load(tmp_path / "model")
    found = again.ratings([("u00", "new"), ("u00", "other"), ("u00", "i03")])
    assert found[0] != found[1]
    np.testing.assert_allclose(found[2:], before, atol=1e-6)


def test_another_text_is_another_training(tmp_path: Path) -> None:
    """The fingerprint of data says nothing of texts and ratings, and a checkpoint must not be taken for another's."""
    found = []
    for data in (shop(), shop(summary=pl.lit("fine")), shop(rating=6 - pl.col("rating")), shop()):
        said = list[str]()
        model(epochs=1).fit(data, run=Run(output=tmp_path, notify=said.append))
        found.append(any("was over after" in each for each in said))
    assert found == [False, False, False, True]


def test_what_was_not_learnt_cannot_be_asked(fitted: Generative) -> None:
    plain = model(tasks={"sequential": 1.0}, epochs=1).fit(shop())
    for ask in (lambda: plain.ratings([]), lambda: plain.explanations([]), lambda: plain.summaries([])):
        with pytest.raises(ModelError, match="has not learnt the task"):
            ask()
    with pytest.raises(UnknownItemError, match="does not know the item 'nowhere'"):
        fitted.explanations([("u00", "i01"), ("u00", "nowhere")])
