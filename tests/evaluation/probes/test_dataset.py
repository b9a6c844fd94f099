"""Each probe of data finds the leak that was planted for it, and is silent where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse, stats
from tests.evaluation.probes.conftest import Log, honest, honest_log, names_by_arrival, shuffled_names

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Interactions, Relations, Split, global_time, leave_one_out, make_split
from tastemaker.evaluation.probes import (
    Finding,
    answers_in_graph,
    answers_in_training,
    arrival_order,
    attributes,
    next_id,
    numberings,
    probe_dataset,
    raw_ids,
    snapshot_names,
    sorted_histories,
    tie_order,
)
from tastemaker.evaluation.probes.arrival import FILE, TIME
from tastemaker.evaluation.probes.ties import _variance

ALARMS = ("suspicious", "leak")


def alarms(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(finding.probe, finding.subject) for finding in findings if finding.verdict in ALARMS]


def verdicts(findings: Sequence[Finding], subject: str) -> dict[str, str]:
    return {finding.probe: finding.verdict for finding in findings if finding.subject == subject}


@pytest.fixture(scope="module")
def wide() -> Log:
    """A log with many items, so that new ones keep turning up."""
    return honest_log(3, people=400, items=700)


# -- nothing planted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_probes_are_silent_on_honest_data(seed: int) -> None:
    assert alarms(probe_dataset(honest(seed))) == []


@pytest.mark.parametrize("seed", range(2))
def test_probes_are_silent_on_honest_data_without_times(seed: int) -> None:
    log = honest_log(seed)
    assert alarms(probe_dataset(log.dataset(shuffled_names(log, seed), times=False))) == []


@pytest.mark.parametrize("protocol", ["leave-last-n", "user-ratio", "random-ratio", "cold-item", "cold-user"])
def test_probes_are_silent_whatever_the_protocol(protocol: str) -> None:
    data = honest(1)
    assert alarms(probe_dataset(data, make_split(data, protocol, train_on_valid=True))) == []


@pytest.mark.slow
def test_false_alarms_are_no_more_frequent_than_stated() -> None:
    stated, runs = 0.3, 60
    raised = sum(
        bool(alarms(probe_dataset(honest(seed, people=60, items=40), false_alarms=stated))) for seed in range(runs)
    )
    assert raised <= stats.binom.isf(0.01, runs, stated)


def test_the_same_seed_gives_the_same_findings() -> None:
    data = honest(0)
    assert repr(probe_dataset(data, run=Run(seed=4))) == repr(probe_dataset(data, run=Run(seed=4)))


# -- numbers -------------------------------------------------------------------------------------------------------


def test_raw_ids_are_numbers_with_or_without_the_same_text_before_them() -> None:
    log = honest_log(0, people=20, items=12)
    for prefix in ("", "i", "item-0"):
        found = raw_ids(log.dataset(prefix=prefix))
        assert found.is_number
        assert [int(raw.removeprefix(prefix)) for raw in _in_order(log.dataset(prefix=prefix))] == list(range(12))


def test_other_raw_ids_are_ordered_as_text() -> None:
    events = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["B10", "B9", "C1"]})
    data = Dataset.of(events)
    assert not raw_ids(data).is_number
    assert _in_order(data) == ["B10", "B9", "C1"]


def _in_order(data: Dataset) -> list[str]:
    return [data.items.ids[number] for number in np.argsort(raw_ids(data).rank)]


def test_columns_of_distinct_whole_numbers_number_the_items() -> None:
    log = honest_log(0, people=20, items=12)
    log.columns |= {"serial": np.arange(12) * 7, "half": np.arange(12) / 2, "few": np.arange(12) % 5}
    assert [found.name for found in numberings(log.dataset())] == ["item_id", "serial", "vocabulary"]


def test_numbers_that_a_csv_file_gives_as_text_are_numbers() -> None:
    log = honest_log(0, people=20, items=12)
    log.columns |= {"serial": [str(place * 7) for place in range(12)], "word": [f"w{place}" for place in range(12)]}
    assert [found.name for found in numberings(log.dataset())] == ["item_id", "serial", "vocabulary"]


# -- ids by order of arrival ---------------------------------------------------------------------------------------


def test_ids_by_arrival_give_the_answers_away(wide: Log) -> None:
    findings = probe_dataset(wide.dataset(names_by_arrival(wide)))
    assert verdicts(findings, "item_id")["next-id rule"] == "leak"
    assert verdicts(findings, "item_id")["last-plus-one"] == "leak"
    assert verdicts(findings, "item_id, by rows")["arrival order"] == "leak"


def test_our_own_numbers_never_tell_the_order_of_arrival(wide: Log) -> None:
    findings = probe_dataset(wide.dataset(names_by_arrival(wide)))
    ours = [found for found in findings if found.subject.startswith("vocabulary")]
    assert len(ours) == 4
    assert alarms(ours) == []


def test_a_column_with_ids_by_arrival_is_found_beside_honest_ids(wide: Log) -> None:
    columns = {**wide.columns, "number": names_by_arrival(wide)}
    log = Log(wide.user, wide.item, wide.day, wide.items, columns)
    findings = probe_dataset(log.dataset(shuffled_names(log, 1), prefix="x"))
    assert verdicts(findings, "number")["next-id rule"] == "leak"
    assert verdicts(findings, "number, by rows")["arrival order"] == "leak"
    assert alarms([found for found in findings if found.subject.startswith("item_id")]) == []


def test_the_share_of_hits_is_what_counting_by_hand_gives(wide: Log) -> None:
    data = wide.dataset(names_by_arrival(wide))
    split = leave_one_out(data)
    hits = []
    for user in np.unique(wide.user):
        *before, last = (int(raw) for raw in data.history(f"u{user:05}"))
        hits.append((last == max(before) + 1, last == before[-1] + 1))
    found = next_id(raw_ids(data), split.train, split.test)
    assert [finding.value for finding in found] == pytest.approx(np.mean(hits, axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_numbers_given_when_an_item_is_listed_are_suspicious_and_no_leak(seed: int) -> None:
    log = honest_log(seed, people=300, items=400)
    first = np.full(log.items, 10_000.0)
    np.minimum.at(first, log.item, log.day.astype(float))
    listed = first - np.random.default_rng(seed).gamma(2, 30, size=log.items)
    names = np.argsort(np.argsort(listed))
    data = log.dataset(names)
    train = leave_one_out(data).train
    assert arrival_order(raw_ids(data), data, train, by=TIME).verdict == "suspicious"
    assert arrival_order(raw_ids(data), data, train, by=FILE).verdict != "leak"


def test_neighbours_that_go_together_are_suspicious_and_no_leak() -> None:
    """Whoever takes an item takes one of its two neighbours next, as with colours of one thing."""
    rng = np.random.default_rng(0)
    users, items = 500, 400
    start = rng.integers(0, items, size=users)
    steps = [rng.integers(0, items, size=users), start, (start + rng.choice([-1, 1], size=users)) % items]
    log = Log(np.repeat(np.arange(users), 3), np.stack(steps, axis=1).ravel(), np.tile([0, 10, 20], users), items)
    split = leave_one_out(log.dataset())
    _, last_plus_one = next_id(raw_ids(log.dataset()), split.train, split.test)
    assert last_plus_one.value > 0.3
    assert last_plus_one.verdict == "suspicious"


# -- order within histories ----------------------------------------------------------------------------------------


def test_histories_sorted_by_id_are_a_leak() -> None:
    log = honest_log(1)
    names = shuffled_names(log, 1)
    found = sorted_histories(raw_ids(data := log.sorted_by(names[log.item]).dataset(names, times=False)), data)
    assert (found.verdict, found.value) == ("leak", 1.0)


def test_falling_histories_are_found_as_well() -> None:
    log = honest_log(1)
    data = log.sorted_by(-log.item).dataset(times=False)
    assert sorted_histories(raw_ids(data), data).verdict == "leak"


def test_a_tenth_of_sorted_histories_is_suspicious() -> None:
    log = honest_log(1)
    some = log.user % 10 == 0
    data = log.sorted_by(np.where(some, log.item, np.arange(len(log.item)))).dataset(times=False)
    assert sorted_histories(raw_ids(data), data).verdict == "suspicious"


def test_the_chance_of_a_sorted_history_counts_repeats() -> None:
    """Three of four orders of "a a b" are not sorted up: the chance is 2! / 3!."""
    events = pl.DataFrame({"user_id": ["u"] * 3 + ["v"] * 4, "item_id": [*"aba", *"acbd"]})
    data = Dataset.of(events)
    found = sorted_histories(raw_ids(data), data)
    assert found.expected == pytest.approx((2 / 6 + 1 / 24) / 2)
    assert found.value == 0


def test_ties_sorted_by_id_are_a_leak() -> None:
    log = honest_log(2, people=600)
    names = shuffled_names(log, 2)
    data = log.sorted_by(names[log.item], log.day).dataset(names)
    found = tie_order(raw_ids(data), data, leave_one_out(data).test)
    assert (found.verdict, found.value) == ("leak", 1.0)


def test_shuffling_ties_in_the_split_keeps_the_answers_from_the_ids() -> None:
    log = honest_log(2, people=600)
    data = log.sorted_by(log.item, log.day).dataset()
    assert tie_order(raw_ids(data), data, make_split(data, "leave-one-out", ties="file").test).verdict == "leak"
    assert (
        tie_order(raw_ids(data), data, make_split(data, "leave-one-out", ties="shuffle").test).verdict == "suspicious"
    )


def test_ties_that_the_answers_do_not_show_are_suspicious() -> None:
    log = honest_log(2, people=600)
    last = np.r_[log.user[1:] != log.user[:-1], True]
    day = log.day + last  # nobody's last event is tied
    data = Log(log.user, log.item, day, log.items).sorted_by(log.item, day).dataset()
    assert tie_order(raw_ids(data), data, leave_one_out(data).test).verdict == "suspicious"


def test_steps_between_times_do_not_count_as_ties() -> None:
    """Items are taken in the order of their ids over the days, and at random within a day."""
    log = honest_log(4, people=500)
    rng = np.random.default_rng(0)
    later = np.argsort(np.argsort(log.day * 10_000 + rng.integers(0, 10_000, size=len(log.day))))
    data = Log(log.user, later, log.day, len(later)).dataset(np.arange(len(later)))
    found = tie_order(raw_ids(data), data, leave_one_out(data).test)
    assert found.verdict == "clean"
    assert "of all" in found.message


def test_the_variance_of_rises_is_that_of_random_orders() -> None:
    rng = np.random.default_rng(0)
    sizes = (2, 5, 9)
    counts = [sum((np.diff(rng.permutation(size)) > 0).sum() for size in sizes) for _ in range(20_000)]
    joined = np.concatenate([np.r_[np.ones(size - 1, dtype=bool), False] for size in sizes])
    assert _variance(joined) == pytest.approx(np.var(counts), rel=0.03)


# -- attributes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop() -> Log:
    return honest_log(5, people=2_000, items=300)


def with_columns(log: Log, **columns: object) -> Split:
    planted = Log(log.user, log.item, log.day, log.items, {**log.columns, **columns})
    return global_time(planted.dataset(shuffled_names(log, 5)), targets_per_user=None)


def test_what_is_known_when_an_item_is_listed_is_no_alarm(shop: Log) -> None:
    findings = attributes(with_columns(shop))
    assert {finding.subject for finding in findings} == {"title", "price", "categories", "colour"}
    assert alarms(findings) == []


def test_totals_over_all_events_are_found(shop: Log) -> None:
    total = np.bincount(shop.item, minlength=shop.items)
    noisy = np.log1p(total) + np.random.default_rng(0).normal(0, 0.05, size=shop.items)
    rank = np.argsort(np.argsort(-total))
    text = [str(number) for number in total]
    split = with_columns(shop, total=total, text=text, noisy=noisy, rank=rank, reviews=["x" * int(n) for n in total])
    found = {finding.subject: finding.verdict for finding in attributes(split)}
    assert {found[name] for name in ("total", "text", "rank", "reviews")} == {"leak"}
    assert found["noisy"] in ALARMS
    assert all(found[name] == "clean" for name in shop.columns)


def test_later_popularity_is_found_as_a_noisy_number_and_as_a_category(shop: Log) -> None:
    split = with_columns(shop)
    raw = np.asarray([int(name) for name in split.train.items.ids])
    later = np.bincount(raw[np.concatenate([split.valid.targets, split.test.targets])], minlength=shop.items)[
        shuffled_names(shop, 5)
    ]
    future = np.log1p(later) + np.random.default_rng(0).normal(0, 0.3, size=shop.items)
    trend = [["falling", "steady", "rising"][int(place) * 3 // shop.items] for place in np.argsort(np.argsort(later))]
    found = {finding.subject: finding.verdict for finding in attributes(with_columns(shop, future=future, trend=trend))}
    assert found["future"] in ALARMS
    assert found["trend"] in ALARMS


def test_a_column_of_the_past_alone_is_no_alarm(shop: Log) -> None:
    split = with_columns(shop)
    raw = np.asarray([int(name) for name in split.train.items.ids])
    past = np.bincount(raw[split.train.sequences.codes], minlength=shop.items)[shuffled_names(shop, 5)]
    found = {finding.subject: finding.verdict for finding in attributes(with_columns(shop, past=past))}
    assert found["past"] == "clean"


def test_a_name_that_says_snapshot_is_suspicious_whatever_it_holds() -> None:
    log = honest_log(0, people=20, items=12)
    log.columns |= {"sales_rank": np.arange(12) % 5, "Review_Count": [1] * 12, "num_ratings": [2] * 12}
    log.columns |= {"brand": ["b"] * 12, "year": [2000] * 12, "also_bought": ["x"] * 12, "tank_volume": [1] * 12}
    found = snapshot_names(log.dataset())
    assert sorted(finding.subject for finding in found) == ["Review_Count", "also_bought", "num_ratings", "sales_rank"]
    assert {finding.verdict for finding in found} == {"suspicious"}


def test_columns_that_say_nothing_are_not_run() -> None:
    log = honest_log(0, people=100, items=60)
    log.columns = {"same": ["x"] * 60, "rare": [1.0, 2.0, *[None] * 58]}
    assert [found.verdict for found in attributes(leave_one_out(log.dataset()))] == ["not run", "not run"]


# -- edges and rows ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def split() -> Split:
    return leave_one_out(honest(7))


def pairs_of(data: Dataset) -> pl.DataFrame:
    return data.interactions.frame.select("user_id", "item_id").unique(maintain_order=True)


def as_facts(pairs: pl.DataFrame) -> Relations:
    return Relations(pairs.select(head="item_id", relation=pl.lit("taken by"), tail="user_id"))


def test_a_graph_of_randomly_split_reviews_is_a_leak(split: Split) -> None:
    everything = pairs_of(honest(7))
    found = answers_in_graph(split, as_facts(everything.sample(fraction=0.8, seed=0)))
    assert found.verdict == "leak"
    assert found.value == pytest.approx(0.8, abs=0.06)


def test_a_graph_of_the_training_part_is_clean(split: Split) -> None:
    assert answers_in_graph(split, as_facts(pairs_of(split.train))).value == 0


def test_random_edges_hit_answers_by_chance_and_are_clean(split: Split) -> None:
    for seed in range(5):
        users, items = split.train.sequences.user_ids, split.train.items.ids
        rng = np.random.default_rng(seed)
        drawn = pl.DataFrame({"user_id": rng.choice(users, 2_000), "item_id": rng.choice(items, 2_000)})
        found = answers_in_graph(split, as_facts(drawn.cast(pl.String)))
        assert found.value > 0
        assert found.verdict == "clean"


def test_matrices_say_the_same_as_facts(split: Split) -> None:
    everything = pairs_of(honest(7))
    people, items = list(split.train.sequences.user_ids), list(split.train.items.ids)
    row = [people.index(user) for user in everything["user_id"]]
    column = [items.index(item) for item in everything["item_id"]]
    matrix = sparse.coo_array((np.ones(len(row)), (row, column)), shape=(len(people), len(items)))
    square = sparse.block_array([[None, matrix], [matrix.T, None]])
    facts = answers_in_graph(split, as_facts(everything))
    assert facts.value == 1
    for graph in (matrix, square.tocsr()):
        found = answers_in_graph(split, graph)
        assert (found.verdict, found.value) == ("leak", 1)
        assert found.expected == pytest.approx(facts.expected)


def test_a_matrix_of_another_shape_is_refused(split: Split) -> None:
    with pytest.raises(DataError, match="2 x 3, not 300 x 150 nor 450 x 450"):
        answers_in_graph(split, sparse.coo_array((2, 3)))


def test_relations_of_the_data_set_are_probed() -> None:
    honest_data = honest(7)
    data = Dataset.of(honest_data.interactions, honest_data.catalogue, relations=as_facts(pairs_of(honest_data)))
    assert verdicts(probe_dataset(data), "relations") == {"test edges in a graph": "leak"}


def test_held_out_rows_in_training_are_a_leak_and_so_are_their_copies() -> None:
    data = honest(8)
    split = leave_one_out(data)
    assert answers_in_training(split).verdict == "clean"
    assert answers_in_training(replace(split, train=data)).verdict == "leak"
    moved = Interactions(data.interactions.frame.with_columns(pl.col("order") + 1_000_000))
    copied = answers_in_training(replace(split, train=replace(data, interactions=moved)))
    assert copied.verdict == "leak"
    assert "0 of 600 held-out rows are in training, and 600 have a copy there" in copied.message


def test_the_same_pair_at_another_time_is_a_repeat_and_no_leak() -> None:
    split = leave_one_out(honest(8))
    data = honest(8)
    early = Interactions(
        data.interactions.frame.with_columns(pl.col("order") + 1_000_000, pl.col("timestamp").dt.offset_by("-900d"))
    )
    found = answers_in_training(replace(split, train=replace(data, interactions=early)))
    assert found.verdict == "clean"
    assert "600 pairs occur there at another time: repeats" in found.message


# -- what cannot be probed -----------------------------------------------------------------------------------------


def test_too_little_data_is_said_and_is_no_verdict() -> None:
    findings = probe_dataset(Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})))
    assert {finding.verdict for finding in findings} == {"not run"}
    assert "nothing to probe" in findings[0].message
