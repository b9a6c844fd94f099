"""Whether the lists of a model know what nothing has told it: after nothing to learn, and with answers swapped."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from tastemaker.data.heldout import HeldOut
from tastemaker.data.split import Split
from tastemaker.evaluation.probes.chance import Exchange
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding
from tastemaker.evaluation.probes.gains import Lists, exposure, gains, popular_lists

UNTRAINED: Final = "untrained above chance"
SWAP: Final = "label swap"

_REPLICATES: Final = 999
_RECENT: Final = (1.0, 0.2, 0.05)


def above_chance(
    name: str, lists: Lists, held: HeldOut, *, level: float = FALSE_ALARMS, rng: np.random.Generator | None = None
) -> Finding:
    """Judge the lists of a model that had nothing to learn from; more than chance is a leak.

    Statistic: the mean gain on the true answers. Chance: the same with the items' labels exchanged at random (999
    draws), which also allows for a model that shows everybody the same few items, some of them popular by luck;
    ``p = (1 + draws at least as good) / (1 + draws)``.
    """
    exchange = Exchange.of(held)
    value = float(gains(lists, exchange.targets, exchange.query).mean())
    weight = 1 / exchange.freedom_of_queries()
    draws = exchange.draws(rng or np.random.default_rng(0), _REPLICATES)
    drawn = np.asarray([(gains(lists, targets, exchange.query) * weight).mean() for targets in draws])
    p_value = (1 + int((drawn >= value).sum())) / (1 + len(drawn))
    leak = p_value < level
    message = f"fitted on data with nothing to learn it scores {value:.4f}; chance gives {drawn.mean():.4f}."
    return Finding(
        UNTRAINED,
        name,
        "leak" if leak else "clean",
        value,
        float(drawn.mean()),
        (0.0, float(np.quantile(drawn, 1 - level))),
        p_value,
        level,
        message + (" It knows answers that its training data do not hold." if leak else ""),
        "Look for what it reads beside the training data: files, numbers of items, the held-out part." if leak else "",
    )


def label_swap(
    name: str,
    lists: Lists,
    split: Split,
    held: HeldOut,
    *,
    level: float = FALSE_ALARMS,
    rng: np.random.Generator | None = None,
) -> Finding:
    """Judge the lists by the answers of other people: the score must fall to what popularity gives.

    Statistic: the mean gain when each answer is judged by the lists of everybody who has not met the item, which is
    the expectation over all swaps of answers between people. Beside it stand the lists of the most popular new
    items (of all training events, of the last fifth or the last twentieth, whichever is best) and those of an oracle
    that knows how popular each item is among the answers. It is a leak if the model is more than half way from the
    popular items to the oracle (normal test over answers): the past does not tell that much of what will be popular.
    How much the true answers score above the swapped ones is told, and by how much 999 swaps differ.
    """
    rng = rng or np.random.default_rng(0)
    exchange, k = Exchange.of(held), lists.shape[1]
    targets, query = exchange.targets, exchange.query
    value = float(gains(lists, targets, query).mean())
    anybody = exposure(lists, exchange)[targets]
    references = [exposure(popular_lists(split.train, exchange, len(held), k, share), exchange) for share in _RECENT]
    popular = max((reference[targets] for reference in references), key=lambda gained: float(gained.mean()))
    oracle = exposure(_oracle(exchange, len(held), k), exchange)[targets]
    ahead = anybody - (popular + oracle) / 2
    deviation = float(ahead.std(ddof=1)) / np.sqrt(len(ahead)) if len(ahead) > 1 else np.inf
    p_value = float(scipy.stats.norm.sf(ahead.mean() / deviation)) if deviation > 0 else float(ahead.mean() <= 0)
    leak = p_value < level
    swaps = _swapped(lists, exchange, rng)
    personal = (1 + int((swaps >= value).sum())) / (1 + len(swaps)) < level
    message = f"{value:.4f} on the true answers, {anybody.mean():.4f} on other people's; popular items give "
    message += f"{popular.mean():.4f}, knowing what will be popular {oracle.mean():.4f}."
    if leak:
        message += " It knows what will be popular better than the past tells."
    elif not personal:
        message += " It is as good for anybody: what it has learnt is popularity."
    return Finding(
        SWAP,
        name,
        "leak" if leak else "clean",
        float(anybody.mean()),
        float(popular.mean()),
        (0.0, float((popular + oracle).mean() / 2 + scipy.stats.norm.isf(level) * deviation)),
        p_value,
        level,
        message,
        "Look for counts or attributes that were taken over all events." if leak else "",
    )


def _oracle(exchange: Exchange, queries: int, k: int) -> Lists:
    counts = np.bincount(exchange.targets, minlength=exchange.items)
    return np.tile(np.argsort(-counts, kind="stable")[:k], (queries, 1))


def _swapped(lists: Lists, exchange: Exchange, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the mean gain with the answers handed around at random, float64 ``[replicates]``."""
    weight = 1 / np.maximum(exchange.freedom_of_items(), 1e-9)
    values = []
    for _ in range(_REPLICATES):
        order = rng.permutation(len(exchange.targets))
        targets = exchange.targets[order]
        values.append((gains(lists, targets, exchange.query) * weight[order]).mean())
    return np.asarray(values)
