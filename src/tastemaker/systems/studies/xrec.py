"""Studies of explanations on the data of XRec, one for each kind of items."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tastemaker.systems.reproduction.expectations import Beats
from tastemaker.systems.reproduction.study import Measure, Study, Subject
from tastemaker.systems.studies import explanations, texts

EXPLAINS: Final[Mapping[str, Any]] = {
    "tasks": {"explanation": 1.0, "direct": 0.1},
    "asks": "direct",
    "indexer": "title",
    "id_vectors": "none",
    "dimensions": 64,
    "hidden": 128,
    "blocks": 1,
    "max_written": 50,
    "learning_rate": 2e-3,
    "epochs": 20,
    "patience": 0,
}
"""A network that explains; `direct` is learnt on the side, since a model has to recommend."""

TRIED: Final = ({"spread": 0.2}, {"spread": 1.0})


def explanation_study(name: str, folder: str, frame: str, shows: str) -> Study[explanations.Explained]:
    """Return the study of XRec's explanations of one kind of items."""
    return Study(
        name=name,
        on=folder,
        shows=shows,
        prepare=partial(explanations.split_explanations, folder),
        rows={
            "always-the-same": Subject(explanations.always_the_same),
            "generative": Subject(partial(explanations.written, EXPLAINS, TRIED), 90),
            "generative-shuffled": Subject(partial(explanations.written_for_others, EXPLAINS, TRIED), 90),
            "frame": Subject(partial(explanations.in_a_frame, frame)),
            "of-another-item": Subject(explanations.drawn_from_training),
            "references": Subject(explanations.themselves),
        },
        measures=(
            Measure(texts.ROUGE_L, "ROUGE-L to the explanation of the data."),
            Measure(texts.ROUGE_1, "ROUGE-1 to the same."),
            Measure(
                texts.GROUNDED,
                "share of a text's rarer words (in fewer than 1 % of the training texts) that stand in the title or "
                "summary of its item; 0 for a text without any.",
            ),
        ),
        units="texts",
        drawn="people",
        baseline="always-the-same",
        expectations=(
            Beats(model="generative", other="always-the-same", metric=texts.ROUGE_L),
            Beats(model="generative", other="generative-shuffled", metric=texts.ROUGE_L),
            Beats(model="generative", other="frame", metric=texts.ROUGE_L),
            Beats(model="generative", other="generative-shuffled", metric=texts.GROUNDED),
        ),
        differs=(
            "The paper tunes a language model of 7 billion weights on the training part of these data, reads vectors "
            "of a graph, and is judged by a language model. Here the public test part is all there is, a network of "
            "64 dimensions learns from eight tenths of its people, and no judge is asked.",
            "The network reads sixteen words of the item, its title and the beginning of the summary, and nothing of "
            "the person, since nobody in the test was met before. `frame` puts title and summary into one frame of "
            "words, `always-the-same` says one typical text of training to everybody, `of-another-item` draws one.",
        ),
    )


BOOKS: Final = explanation_study(
    "explanations-xrec-books",
    "xrec-amazon-books-test",
    "The user would buy the book {title} because of this: {summary}",
    "Whether a small network explains books by what they are, and comes nearer to given texts than one text for all.",
)
YELP: Final = explanation_study(
    "explanations-xrec-yelp",
    "xrec-yelp",
    "The user would enjoy the business {title} because of this: {summary}",
    "The same of places.",
)

STUDIES: Final = (BOOKS, YELP)
