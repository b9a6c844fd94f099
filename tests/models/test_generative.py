"""A model that writes codes: nothing held out goes in, every list is of items, tasks and vectors do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.models.small import SMALL

from tastemaker.blocks.digits import numbers_of
from tastemaker.core.errors import ConfigError, LeakError, ModelError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, leave_one_out
from tastemaker.language.prompts import load_prompts
from tastemaker.models import Generative
from tastemaker.models import generative as module
from tastemaker.models.generative_examples import Events, Examples
from tastemaker.testing import small_shop

pytestmark = pytest.mark.needs_extra("torch")
pytest.importorskip("torch")

from tastemaker.models.generative_training import GenerativeTask  # noqa: E402

TINY: dict[str, Any] = {**SMALL["generative"], "epochs": 2}


def model(**given: Any) -> Generative:
    return Generative(**{**TINY, **given})


def arrivals(people: int = 60, turn: int = 0) -> Dataset:
    """Histories of items that arrive as time goes on, ids in the order of arrival; ``turn`` changes each last one."""
    rows: list[tuple[str, str, int]] = []
    for user in range(people):
        items = list(range(4 * user, 4 * user + 8))
        items[-1] = 4 * ((user + turn) % people) + 7
        rows.extend((f"u{user:03}", f"i{item:04}", place) for place, item in enumerate(items))
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


def queries(data: Dataset, count: int = 5) -> QueryBatch:
    return data.histories(list(data.sequences.user_ids[:count]))


class Seen(Exception):
    """Ends a fit with what it would have learnt from."""


def prompts_of(monkeypatch: pytest.MonkeyPatch, train: Dataset, valid: HeldOut, **given: Any) -> list[Any]:
    """Return the prompts and answers of an epoch, and the tables of ids, without a training."""
    found: list[Any] = []

    def note(task: GenerativeTask, *_: object) -> None:
        for batch in task.batches(np.random.default_rng(0)):
            assert isinstance(batch, Examples)
            written = task.prompter.write(batch.prompt, batch.people, **task.events.lists(batch))
            found.append((written.tokens, written.ids, written.phrases, batch.targets))
        found.append(tuple(value.numpy() for value in task.module.state_dict().values()))
        raise Seen

    monkeypatch.setattr("tastemaker.models.generative_training.train_generative", note)
    with pytest.raises(Seen):
        model(**given).fit(train, valid)
    return found


@pytest.mark.parametrize("indexer", ["random", "sequential", "collaborative", "item-token"])
@pytest.mark.parametrize("kind", ["propagated", "svd", "positional"])
def test_another_answer_changes_nothing_that_goes_in(monkeypatch: Any, indexer: str, kind: str) -> None:
    given = {"indexer": indexer, "id_vectors": kind, "prompts": "p5", "candidates": 5, "dimensions": 8}
    seen = []
    for turn in (0, 17):
        split = leave_one_out(arrivals(turn=turn))
        seen.append(prompts_of(monkeypatch, split.train, split.valid, **given))
    for before, after in zip(*seen, strict=True):
        for first, second in zip(before, after, strict=True):
            np.testing.assert_array_equal(first, second)


def test_the_answer_is_never_in_the_history_that_is_read() -> None:
    events = Events(small_shop())
    rng = np.random.default_rng(0)
    prompt = load_prompts("bare", ["sequential"])["sequential"][-1]
    people = events.some(3, 2, rng)
    drawn = events.sequential(prompt, people, 4, rng)
    assert ((drawn.ends - drawn.starts >= 1) & (drawn.ends - drawn.starts <= 4)).all()
    np.testing.assert_array_equal(events.items[drawn.ends], drawn.targets)
    assert (drawn.starts >= events.indptr[people]).all()
    assert (drawn.ends < events.indptr[people + 1]).all()


def test_candidates_hold_the_answer_and_nothing_else_that_was_touched() -> None:
    data = small_shop()
    events = Events(data)
    rng = np.random.default_rng(0)
    prompt = next(p for p in load_prompts("p5", ["direct"])["direct"] if "candidates" in p.slots)
    drawn = events.direct(prompt, events.some(2, 1, rng), 9, rng)
    assert drawn.candidates is not None
    places = []
    for person, target, candidates in zip(drawn.people, drawn.targets, drawn.candidates, strict=True):
        touched = set(events.items[events.indptr[person] : events.indptr[person + 1]].tolist())
        assert target in candidates
        assert touched & set(candidates.tolist()) == {target}
        places.append(candidates.tolist().index(target))
    assert len(set(places)) > 4


def test_a_validation_answer_among_the_training_events_is_refused() -> None:
    data = arrivals()
    with pytest.raises(LeakError, match="held-out pairs"):
        model().fit(data, leave_one_out(data).valid)


def test_untrained_it_is_as_good_as_chance() -> None:
    split = leave_one_out(arrivals(people=150))
    still = model(indexer="random", id_vectors="propagated", epochs=1, patience=0, learning_rate=1e-12, dimensions=64)
    scores = still.fit(split.train, split.valid).score(split.test.queries)
    rng, hits = np.random.default_rng(0), []
    numbers = split.train.items.index(split.test.queries.dictionary)[split.test.targets]
    for row, target in enumerate(numbers):
        others = rng.choice(np.setdiff1d(np.arange(scores.shape[1]), [target]), 99, replace=False)
        hits.append((scores[row, others] > scores[row, target]).sum() < 10)
    assert abs(np.mean(hits) - 0.1) < 3 * (0.1 * 0.9 / len(hits)) ** 0.5


def test_the_rule_of_the_next_number_finds_nothing_where_numbers_are_random() -> None:
    split = leave_one_out(arrivals(people=150))
    codes = model(indexer="random", epochs=1, patience=0).fit(split.train).alphabet_.items
    numbers, asked = numbers_of(codes, codes.vocabulary), split.test.queries
    table = split.train.items.index(asked.dictionary)
    highest = [numbers[table[asked.codes[a:b]]].max() for a, b in zip(asked.starts, asked.ends, strict=True)]
    assert np.mean(np.asarray(highest) + 1 == numbers[table[split.test.targets]]) <= 0.02


def test_an_id_alone_is_asked_about_where_the_task_says_so() -> None:
    data = small_shop()
    fitted = model(asks="direct").fit(data)
    people = list(data.sequences.user_ids[:2])
    history = tuple(map(Event, data.history(people[0])))

    def score(user: str | None, events: tuple[Event, ...]) -> np.ndarray[Any, Any]:
        return np.asarray(fitted.score(QueryBatch.of([Query(user_id=user, history=events)]))[0])

    np.testing.assert_array_equal(score(people[0], history), score(people[0], history[:1]))
    assert not np.array_equal(score(people[0], history), score(people[1], history))
    fitted.asks = "sequential"
    stranger = score("a stranger", history)
    fitted.asks = "direct"
    np.testing.assert_array_equal(score("a stranger", history), stranger)


@pytest.mark.parametrize("over", ["legal", "vocabulary"])
def test_scores_are_log_probabilities(over: str) -> None:
    data = small_shop()
    scores = model(over=over, indexer="random").fit(data).score(queries(data))
    total = np.exp(scores.astype(np.float64)).sum(axis=1)
    if over == "legal":
        np.testing.assert_allclose(total, 1, atol=1e-4)
    else:
        assert ((total > 0) & (total < 1)).all()


def test_a_beam_finds_the_first_of_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_shop()
    fitted = model(indexer={"name": "digits", "width": 3, "base": 0}, epochs=5, beams=8).fit(data)
    asked = queries(data)
    exact = fitted.recommend(asked, k=3)
    allowed = [item for item in data.items.ids[::3]]
    among = fitted.recommend(asked, k=5, allowed=allowed)
    monkeypatch.setattr(module, "NARROW", 0)
    for row in range(len(asked)):
        assert fitted.recommend(asked, k=3).items(row) == exact.items(row)
        found = fitted.recommend(asked, k=5, allowed=allowed)
        assert found.items(row) == among.items(row)
        assert set(found.items(row)) <= set(allowed)
    everything = fitted.recommend(asked, k=1000)
    for row in range(len(asked)):
        listed = everything.items(row)
        assert len(set(listed)) == len(listed)
        assert set(listed) | set(data.history(data.sequences.user_ids[row])) == set(data.items.ids)


@pytest.mark.parametrize(
    "vectors",
    [
        "none",
        {"kind": "propagated", "mode": "linear", "layers": 2, "alpha": 0.5},
        {"kind": "per-id", "mode": "trained"},
        {"sequential": "positional", "direct": {"kind": "propagated"}},
        {"kind": "given", "of": "lightgcn", "mode": "trained"},
    ],
)
def test_what_is_saved_answers_alike(tmp_path: Path, vectors: Any) -> None:
    data = small_shop()
    fitted = model(id_vectors=vectors, soft_prompts=2, dimensions=8).fit(data)
    fitted.save(tmp_path / "model")
    again = Generative.load(tmp_path / "model")
    np.testing.assert_allclose(again.score(queries(data)), fitted.score(queries(data)), atol=1e-5)


def test_propagated_vectors_tell_people_apart_of_whom_the_words_say_nothing() -> None:
    """Two camps of people: an id says which camp by the graph, of which frozen vectors are enough."""
    rng = np.random.default_rng(0)
    rows: list[tuple[str, str, int]] = []
    for user in range(80):
        items = 12 * (user % 2) + rng.permutation(12)[:6]
        rows.extend((f"u{user:02}", f"i{item:02}", place) for place, item in enumerate(items))
    split = leave_one_out(Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")))
    shares = {}
    for kind, alpha in (("none", 1.0), ("propagated", 5.0)):
        vectors = {"kind": kind, "alpha": alpha}
        fitted = model(
            id_vectors=vectors, asks="direct", tasks={"direct": 4.0}, epochs=30, patience=0, dropout=0.0
        ).fit(split.train)
        answers = fitted.recommend(split.test.queries, k=3)
        own = [
            [(int(item[1:]) >= 12) == (int(str(user)[1:]) % 2 == 1) for item in answers.items(row)]
            for row, user in enumerate(split.test.queries.user_ids)
        ]
        shares[kind] = float(np.mean(own))
    assert shares["propagated"] > 0.9
    assert shares["propagated"] > shares["none"]


def test_how_a_question_is_put_is_no_other_training(tmp_path: Path) -> None:
    data, said = small_shop(), list[str]()
    first = model().fit(data, run=Run(output=tmp_path))
    second = model(asks="direct").fit(data, run=Run(output=tmp_path, notify=said.append))
    assert any("was over after" in each for each in said)
    for name, value in first.weights_.items():
        np.testing.assert_array_equal(value, second.weights_[name])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"tasks": {"drect": 1.0}}, ModelError, "no task 'drect'"),
        ({"tasks": {"direct": 1.0}}, ModelError, "asked and not learnt"),
        ({"tasks": {"rating": 1.0}, "asks": "rating"}, ModelError, "cannot be put as 'rating'"),
        ({"words": 0}, ModelError, "words, max_read and max_written"),
        ({"over": "all"}, ModelError, "no probabilities over 'all'"),
        ({"heads": 3}, ModelError, "3 heads do not divide 32"),
        ({"indexer": "randm"}, ConfigError, "no indexer 'randm'"),
        ({"id_vectors": "graph"}, ConfigError, "no id vectors 'graph'"),
        ({"id_vectors": {"direct": "none"}}, ConfigError, "given for direct"),
        ({"id_vectors": {"kind": "svd", "depth": 3}}, ConfigError, "cannot be made"),
        ({"id_vectors": {"kind": "given", "of": "lightgnc"}}, ConfigError, "no vectors of 'lightgnc'"),
        ({"prompts": "p6"}, ConfigError, "no prompts 'p6'"),
    ],
)
def test_what_makes_no_sense_is_an_error(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        model(**given).fit(small_shop())


def test_prompts_of_ones_own_go_with_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for task, lines in {"sequential": "after {history}\n{history}\n", "direct": "for {user}\n"}.items():
        (folder / f"{task}.txt").write_text(lines, encoding="utf-8")
    data = small_shop()
    fitted = model(prompts=str(folder)).fit(data)
    fitted.save(tmp_path / "model")
    for file in folder.iterdir():
        file.unlink()
    again = Generative.load(tmp_path / "model")
    np.testing.assert_allclose(again.score(queries(data)), fitted.score(queries(data)), atol=1e-5)


def test_a_person_who_is_known_needs_no_history_where_the_id_is_asked_about() -> None:
    data = small_shop()
    fitted = model(asks="direct").fit(data)
    person = str(data.sequences.user_ids[0])
    assert fitted.recommend(Query(user_id=person, history=())).degraded == ()
    assert "no history" in fitted.recommend(Query(user_id="a stranger", history=())).degraded[0]
