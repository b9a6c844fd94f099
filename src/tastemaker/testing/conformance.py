"""What every recommender must do; run it on your own with `check_recommender`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tastemaker.core.errors import NotFittedError, QueryError, UnknownItemError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.recommender import Predictor, Recommender
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.labelled import labels_of, ratings_of
from tastemaker.data.split import global_time
from tastemaker.data.splits.events import split_events
from tastemaker.models.base import DenseRecommender
from tastemaker.testing.rules import refused, require
from tastemaker.testing.worlds import checkerboard, small_shop

Factory = Callable[[], Recommender]


def check_recommender(make: Factory) -> None:
    """Check that a recommender keeps the contract.

    Args:
        make: Returns a new, unfitted recommender each time.

    Raises:
        AssertionError: It does not; the message names the rule.
    """
    for rule in RULES:
        rule(make)


def _history(data: Dataset, place: int = 0) -> list[str]:
    return data.history(data.sequences.user_ids[place])[:5]


def keeps_the_protocol(make: Factory) -> None:
    """It has every method, says no before `fit`, and `fit` returns itself."""
    model = make()
    refused(lambda: model.recommend(history=["i001"]), NotFittedError, "an unfitted model raises NotFittedError")
    refused(lambda: model.save(Path(tempfile.gettempdir()) / "never"), NotFittedError, "it cannot be saved either")
    require(model.fit(small_shop()) is model, "fit returns the model itself")
    require(isinstance(model, Recommender), "every member of the Recommender protocol exists")


def answers_are_valid(make: Factory) -> None:
    """Items are distinct, known, unseen, at most k, with scores that do not increase."""
    data = small_shop()
    model = make().fit(data)
    history = _history(data)
    for k in (1, 5, 1_000_000):
        answer = model.recommend(history=history, k=k)
        items = answer.items()
        require(0 < len(items) <= k, f"k={k} gives between 1 and k items")
        require(len(set(items)) == len(items), "items are distinct")
        require(all(item in data.catalogue for item in items), "items are in the catalogue")
        require(not set(items) & set(history), "items of the history are left out")
        require((np.diff(answer.scores()) <= 0).all(), "scores do not increase")
        require(np.isfinite(answer.scores()).all(), "scores are finite")
    kept = model.recommend(history=history, k=1_000_000, exclude_seen=False).items()
    require(set(history) <= set(kept), "exclude_seen=False brings the history back")


def refuses_nonsense(make: Factory) -> None:
    """k below 1, one string for a list, and an unknown item to explain are errors of ours."""
    model = make().fit(small_shop())
    for k in (0, -1):
        refused(partial(model.recommend, history=["i001"], k=k), QueryError, f"k={k} is a QueryError")
    refused(lambda: model.recommend(history="i001"), QueryError, "a history in one string is a QueryError")
    refused(lambda: model.explain(Query(history=()), "nowhere"), UnknownItemError, "explaining an unknown item")


def strangers_are_served(make: Factory) -> None:
    """Empty histories, unknown items and unknown people get an answer."""
    data = small_shop()
    model = make().fit(data)
    require(model.recommend(history=[], k=5).items(), "an empty history is answered")
    require(model.recommend(history=["nowhere", "never"], k=5).items(), "a history of unknown items is answered")
    mixed = model.recommend(history=["nowhere", *_history(data)], k=5).items()
    require(mixed == model.recommend(history=_history(data), k=5).items(), "unknown items are passed over")
    answer = model.recommend(Query(user_id="a stranger", history=(), k=5))
    require(answer.items(), "an unknown person is answered")


def respects_allowed(make: Factory) -> None:
    """Only allowed items come back, and as many of them as there are."""
    data = small_shop()
    model = make().fit(data)
    history = _history(data)
    allowed = [item for item in data.items.ids if item not in history][:7]
    answer = model.recommend(history=history, k=5, allowed=allowed)
    require(len(answer) == 5 and set(answer.items()) <= set(allowed), "allowed goes into the search, with refill")
    same = model.recommend(Query(history=tuple(map(Event, history)), candidates=frozenset(allowed), k=5))
    require(same.items() == answer.items(), "candidates of a query are the same as allowed")
    require(len(model.recommend(history=history, allowed=[])) == 0, "nothing allowed gives nothing")
    require(len(model.recommend(history=history, allowed=["nowhere"])) == 0, "unknown allowed items give nothing")


def dislikes_are_kept_out(make: Factory) -> None:
    """A disliked item is never recommended, even where seen items are."""
    data = small_shop()
    model = make().fit(data)
    first = model.recommend(history=_history(data), k=1).items()[0]
    query = Query(history=tuple(map(Event, _history(data))), disliked=(first,), k=1_000_000, exclude_seen=False)
    require(first not in model.recommend(query).items(), "a disliked item is not recommended")


def batch_equals_single(make: Factory) -> None:
    """Several queries at once are answered as each alone."""
    data = small_shop()
    model = make().fit(data)
    histories = [_history(data, place) for place in range(8)] + [[]]
    batch = model.recommend([Query(history=tuple(map(Event, history)), k=6) for history in histories])
    for place, history in enumerate(histories):
        alone = model.recommend(history=history, k=6)
        require(batch.items(place) == alone.items(), "a batch recommends what single queries do")
        require(np.allclose(batch.scores(place), alone.scores(), atol=1e-5), "and with the same scores")


def scores_agree(make: Factory) -> None:
    """score, score_candidates, recommend and explain speak of the same number."""
    data = small_shop()
    model = make().fit(data)
    query = Query(history=tuple(map(Event, _history(data))), k=5)
    batch = QueryBatch.of([query])
    answer = model.recommend(query)
    chosen = model.score_candidates(batch, [*answer.items(), "nowhere"])
    require(chosen.shape == (1, 6), "score_candidates gives [q, c]")
    require(np.allclose(chosen[0, :5], answer.scores(), atol=1e-5), "candidates score as in the list")
    require(chosen[0, 5] == -np.inf, "an unknown candidate scores -inf")
    if model.capabilities.dense:
        whole = model.score(batch)
        require(whole.shape == (1, len(model.item_ids)), "score gives [q, n]")
        require(whole.dtype == np.float32, "scores are float32")
    for item, score in zip(answer.items(), answer.scores(), strict=True):
        parts = model.explain(query, item)
        require(np.isclose(parts.score, score, rtol=1e-3, atol=1e-5), "explain gives the score of the list")
        if parts.additive:
            total = sum(part.amount for part in parts.parts)
            require(np.isclose(total, parts.score, rtol=1e-3, atol=1e-5), "the parts sum to the score")


def survives_a_round_trip(make: Factory) -> None:
    """A saved model answers the same from its folder alone."""
    data = small_shop()
    model = make().fit(data)
    history = _history(data)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        again = type(model).load(Path(folder) / "model")
        again.save(Path(folder) / "model")
        again = type(model).load(Path(folder) / "model")
    before, after = model.recommend(history=history, k=9), again.recommend(history=history, k=9)
    require(before.items() == after.items(), "a loaded model recommends the same")
    require(np.allclose(before.scores(), after.scores(), atol=1e-6), "with the same scores")
    require(list(model.item_ids) == list(again.item_ids), "a loaded model keeps its numbers")


def is_repeatable(make: Factory) -> None:
    """Two fits on the same data, and two fits of one object, give the same answers."""
    data = small_shop()
    split = global_time(data)
    first, second = make().fit(split.train, split.valid), make().fit(split.train, split.valid)
    history = _history(data)
    answers = [model.recommend(history=history, k=9).items() for model in (first, second)]
    require(answers[0] == answers[1], "the same seed gives the same model")
    other = small_shop(seed=7)
    again = first.fit(other).recommend(history=history, k=9).items()
    require(again == make().fit(other).recommend(history=history, k=9).items(), "fit starts afresh")


def learns_the_checkerboard(make: Factory) -> None:
    """Where taste decides everything, a model that reads histories finds the one item that is missing.

    Models whose scores are ratings or probabilities are exempt: the taste of the checkerboard lies in what people did
    not touch, and those learn from what was said of what they touched alone. `predicts_what_people_say` is for them.
    """
    if make().capabilities.score_kind != "relevance":
        return
    data = checkerboard()
    model = make().fit(data)
    if not model.capabilities.reads & {"history", "user"}:
        return
    people = list(data.sequences.user_ids)
    answer = model.recommend(data.histories(people), k=1)
    for place, person in enumerate(people):
        require(answer.items(place) == [f"i{person[1:]}"], "the checkerboard holds")


def predicts_what_people_say(make: Factory) -> None:
    """Where scores are ratings or probabilities, they come nearer to answers not seen before than the average does."""
    kind = make().capabilities.score_kind
    if kind == "relevance":
        return
    split = split_events(small_shop(), "ratings" if kind == "rating" else "clicks", "random-ratio", test=0.2)
    model = make().fit(split.train, split.valid)
    if not isinstance(model, Predictor):
        raise AssertionError("a model of ratings or probabilities has the method predict")
    found = model.predict(split.test.unanswered(), split.test.context)
    require(found.shape == split.test.answers.shape, "predict gives one number for each target")
    require(np.isfinite(found).all(), "predictions are numbers")
    if kind == "probability":
        require((found >= 0).all() and (found <= 1).all(), "probabilities lie between 0 and 1")
    learnt = ratings_of(split.train) if kind == "rating" else labels_of(split.train)
    off, average = ((guess - split.test.answers) ** 2 for guess in (found, np.full(len(found), np.nanmean(learnt))))
    require(off.mean() < average.mean(), "predictions are nearer to the answers than the average is")
    again = model.predict(split.test.unanswered(), split.test.context)
    require((found == again).all(), "the same question gets the same prediction")


def takes_in_new_items(make: Factory) -> None:
    """extend keeps the numbers of known items, and cold items are scored where that is claimed."""
    data = small_shop()
    model = make().fit(data)
    history = _history(data)
    before, known = model.recommend(history=history, k=5), list(model.item_ids)
    new = pl.DataFrame(
        {"item_id": ["new", "blank"], "title": ["Garden violin no. 4", None], "categories": [["garden"], None]}
    )
    twin = model.twin() if isinstance(model, DenseRecommender) else None
    if twin is not None:
        twin.extend(items=Catalogue(new))
        require("new" in twin.item_ids and list(model.item_ids) == known, "only the twin that is extended grows")
        require(before.items() == model.recommend(history=history, k=5).items(), "its twin leaves a model as it was")
    model.extend(items=Catalogue(new))
    if twin is not None:
        learnt = twin.recommend(history=history, k=5).items() == model.recommend(history=history, k=5).items()
        require(learnt, "a twin learns of new items as the model itself does")
    require(list(model.item_ids)[: len(known)] == known, "known items keep their numbers")
    require("new" in model.item_ids, "the new item is known")
    after = model.recommend(history=history, k=5, allowed=known)
    require(before.items() == after.items(), "what was known is recommended as before")
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        again = type(model).load(Path(folder) / "model")
    require("new" in again.item_ids, "new items survive a round trip")
    if model.capabilities.cold_items:
        queries = QueryBatch.of([Query(history=tuple(map(Event, history)))])
        told, untold = again.score_candidates(queries, ["new", "blank"])[0]
        said = np.isfinite(told) and abs(told - untold) > 1e-6
        require(said, "a cold item is scored by what is known of it where that is claimed")


def takes_in_new_events(make: Factory) -> None:
    """extend with interactions works where that is claimed."""
    data = small_shop()
    model = make().fit(data)
    if not model.capabilities.incremental:
        return
    later = small_shop(users=5, seed=9)
    model.extend(interactions=later)
    require(model.recommend(history=_history(data), k=5).items(), "an extended model answers")


RULES: Final[tuple[Callable[[Factory], None], ...]] = (
    keeps_the_protocol,
    answers_are_valid,
    refuses_nonsense,
    strangers_are_served,
    respects_allowed,
    dislikes_are_kept_out,
    batch_equals_single,
    scores_agree,
    survives_a_round_trip,
    is_repeatable,
    learns_the_checkerboard,
    predicts_what_people_say,
    takes_in_new_items,
    takes_in_new_events,
)
"""The rules, in the order in which they are checked."""
