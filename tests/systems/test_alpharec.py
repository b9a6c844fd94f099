"""The system AlphaRec: its controls are there, and every expectation is about rows that there are."""

from __future__ import annotations

from tastemaker.models import AlphaRec, EmbeddingKNN
from tastemaker.systems.alpharec import ELSEWHERE, FEW, SYSTEM
from tastemaker.systems.reproduction import Beats, Cell


def test_expectations_are_about_rows_of_their_cell() -> None:
    for cell in SYSTEM.cells:
        for expected in cell.expectations:
            assert expected.model in cell.names
            if isinstance(expected, Beats):
                assert expected.other in cell.names


def test_words_are_set_against_random_vectors_and_shuffled_texts_everywhere() -> None:
    for name in ("beauty", "clothing", "ml-1m"):
        (cell,) = SYSTEM.chosen([name])
        pairs = {(each.model, each.other, each.part) for each in cell.expectations if isinstance(each, Beats)}
        for control in ("alpharec-random", "alpharec-shuffled"):
            assert {("alpharec", control, ""), ("alpharec", control, FEW)} <= pairs


def test_a_control_differs_from_the_method_in_one_argument() -> None:
    (cell,) = SYSTEM.chosen(["beauty"])
    assert isinstance(cell, Cell)
    method = cell.models["alpharec"].build()
    assert isinstance(method, AlphaRec)
    for name, argument in (
        ("alpharec-random", "encoder"),
        ("alpharec-shuffled", "encoder"),
        ("alpharec-tfidf-svd", "encoder"),
        ("alpharec-no-graph", "layers"),
        ("alpharec-ageing", "age_decay"),
    ):
        control = cell.models[name].build()
        assert isinstance(control, AlphaRec)
        differs = {key for key, value in control.settings().items() if value != method.settings()[key]}
        assert differs == {argument}


def test_the_zero_shot_rows_learn_elsewhere_and_the_cold_ones_are_neighbours() -> None:
    (zero,) = SYSTEM.chosen(["zero-shot"])
    assert isinstance(zero, Cell)
    assert {name for name, trial in zero.models.items() if trial.elsewhere == ELSEWHERE} == {
        "zero-shot",
        "zero-shot-no-graph",
        "zero-shot-random",
    }
    (cold,) = SYSTEM.chosen(["beauty-cold-alone"])
    assert isinstance(cold, Cell)
    assert all(isinstance(cold.models[name].build(), EmbeddingKNN) for name in ("minilm", "random", "shuffled"))
