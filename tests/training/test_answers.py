"""A causal language model learns right answers by a few weights of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.needs_extra("torch", "transformers")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.language.generators.tiny_models import write_folder  # noqa: E402

from tastemaker.blocks.lora import add_adapters, merge_adapters  # noqa: E402
from tastemaker.core.errors import ModelError  # noqa: E402
from tastemaker.core.generator import Message  # noqa: E402
from tastemaker.core.run import Run  # noqa: E402
from tastemaker.language.generators.local_torch import LocalTorch  # noqa: E402
from tastemaker.training.answers import Answered, AnswerTask, learn_answers  # noqa: E402
from tastemaker.training.settings import TrainingSettings  # noqa: E402

OPTIONS = ("1", "2")
QUESTIONS = [[Message("user", said)] for said in ("sea", "drama", "a sea", "the drama", "no sea at all", "yes drama")]
RIGHT = ["drama" in messages[0].content for messages in QUESTIONS]


@pytest.fixture
def generator(tmp_path: Path) -> LocalTorch:
    return LocalTorch(str(write_folder(tmp_path / "tiny")))


def examples(generator: LocalTorch) -> list[Answered]:
    return [
        Answered.of(*generator.tokens(messages, OPTIONS), int(right))
        for messages, right in zip(QUESTIONS, RIGHT, strict=True)
    ]


def test_the_loss_is_minus_what_the_generator_says_of_the_right_option(generator: LocalTorch) -> None:
    task = AnswerTask(generator.network.model, examples(generator))
    with torch.inference_mode():
        loss, weight = task.loss(examples(generator))
    said = [generator.choose(messages, OPTIONS).log_probabilities for messages in QUESTIONS]
    right = [each[int(answer)] for each, answer in zip(said, RIGHT, strict=True)]
    assert float(loss) == pytest.approx(-float(np.mean(right)), abs=1e-4)
    assert weight == len(QUESTIONS)


def test_what_is_learnt_is_what_the_generator_then_chooses(generator: LocalTorch) -> None:
    network: Any = generator.network.model
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    known = examples(generator)
    assert add_adapters(network, rank=4) > 0
    settings = TrainingSettings(epochs=60, learning_rate=0.02)
    trained = learn_answers(network, known, settings, Run(threads=1), valid=known, batch_tokens=64)
    assert trained.best is not None
    assert trained.best > np.log(0.7)
    frozen = {name.replace(".of.", "."): weight for name, weight in network.named_parameters()}
    assert all(torch.equal(weight, frozen[name]) for name, weight in before.items())
    merge_adapters(network)
    network.eval()
    chosen = [int(generator.choose(messages, OPTIONS).log_probabilities.argmax()) for messages in QUESTIONS]
    assert chosen == [int(right) for right in RIGHT]


def test_there_is_nothing_to_stop_by_without_validation(generator: LocalTorch) -> None:
    assert AnswerTask(generator.network.model, examples(generator)).validate() is None


def test_an_answer_of_several_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match="has to be a token"):
        Answered.of([1, 2], [[3], [4, 5]], 0)
