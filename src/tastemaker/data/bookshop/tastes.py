"""What the made-up readers can be for and against: tags of books, and the words that people have for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Taste:
    """A tag of books, and how people speak of it.

    Attributes:
        tag: As in `Book.tags`.
        words: Ways to ask for it.
        against: Ways to say that one does not want it; empty where nobody is against it.
        reasons: What is said of a book that was disliked for it.
    """

    tag: str
    words: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


TASTES: Final = (
    Taste(
        "shelf:Fiction > Sea stories",
        ("ships and open water", "stories of the sea", "anything with sails and salt in it"),
        ("the sea", "ships and sailors"),
        ("too much rigging", "did not care for the whaling", "I was seasick by chapter two"),
    ),
    Taste(
        "shelf:Fiction > Gothic and ghosts",
        ("ghost stories", "haunted houses", "tales that make one look behind the door"),
        ("ghosts and horrors", "anything that keeps me awake"),
        ("could not sleep afterwards", "one vault too many", "ghosts are not for me"),
    ),
    Taste(
        "shelf:Fiction > Crime and detection",
        ("detective stories", "a good puzzle with a body in it", "murders, cleverly solved"),
        ("murders", "crime"),
        ("too many corpses", "guessed it on page ten", "murder is no pastime"),
    ),
    Taste(
        "shelf:Fiction > Science fiction and utopias",
        ("early science fiction", "invented worlds and machines", "books about the future as it used to be"),
        ("science fiction", "machines and marvels"),
        ("too much machinery", "I like this world better", "an argument dressed up as a journey"),
    ),
    Taste(
        "shelf:Fiction > Adventure",
        ("adventures", "chases, islands and swords", "a story that gallops"),
        ("adventure stories", "swordplay"),
        ("all chase and no people", "boys' stuff", "one ambush after another"),
    ),
    Taste(
        "shelf:Fiction > Love and marriage",
        ("love stories", "courtships, happy or not", "novels about whom to marry"),
        ("love stories", "romances"),
        ("too much sighing", "they should have talked to each other", "love bores me"),
    ),
    Taste(
        "shelf:Fiction > Country and village life",
        ("village life", "country people and their weather", "novels where the seasons matter"),
        (),
        (),
    ),
    Taste(
        "shelf:Fiction > Comedy",
        ("comic novels", "books that make me laugh on the train", "nonsense and high spirits"),
        (),
        (),
    ),
    Taste(
        "shelf:Fiction > The inner life",
        ("novels that look inside people", "psychological novels", "books about what goes on in one head"),
        ("novels where nothing happens but thinking",),
        ("nothing happens", "so much brooding", "I wanted to shake him"),
    ),
    Taste(
        "shelf:Fiction > Society",
        ("big social novels", "novels about money, class and marriage", "a whole city between two covers"),
        (),
        (),
    ),
    Taste(
        "shelf:Fiction > Historical novels",
        ("historical novels", "the past, with horses", "novels set in old wars and courts"),
        (),
        (),
    ),
    Taste(
        "shelf:Fiction > Short stories",
        ("short stories", "something I can finish before bed", "stories of twenty pages"),
        ("short stories",),
        ("over before it began", "I prefer one long story"),
    ),
    Taste("language:Russian", ("the Russians", "Russian novels and plays"), (), ()),
    Taste("language:French", ("French books", "anything from Paris or the provinces of France"), (), ()),
    Taste(
        "shelf:Children > Wonder and nonsense",
        ("nonsense and magic for children", "books to read aloud to a seven-year-old"),
        ("children's books",),
        ("meant for children",),
    ),
    Taste(
        "shelf:Children > Animals",
        ("animal stories", "books about dogs, horses and wolves", "stories a child who loves animals would like"),
        (),
        (),
    ),
    Taste(
        "shelf:Children > Family and school",
        ("family stories for girls and boys", "books about sisters, schools and gardens"),
        ("children's books",),
        ("too sweet", "meant for children"),
    ),
    Taste(
        "shelf:Tales > Fairy tales",
        ("fairy tales", "witches, youngest sons and talking animals"),
        ("fairy tales",),
        ("too old for fairies",),
    ),
    Taste(
        "shelf:Tales > Myths and legends",
        ("myths and legends", "old gods and heroes"),
        (),
        (),
    ),
    Taste(
        "shelf:Poetry > Lyric",
        ("poems", "poetry, a page a night"),
        ("poetry", "verse"),
        ("poetry is wasted on me", "did not follow half of it"),
    ),
    Taste(
        "shelf:Poetry > Epic",
        ("the old epics", "epic poems"),
        ("long poems", "epics"),
        ("lists of ships and spears", "one battle after another"),
    ),
    Taste(
        "shelf:Plays > Tragedy",
        ("tragedies", "plays where everybody is right and all is lost"),
        ("tragedies",),
        ("everybody dies", "all that wailing"),
    ),
    Taste(
        "shelf:Plays > Comedy",
        ("comedies for the stage", "witty plays"),
        ("plays",),
        ("needs actors", "I do not read plays"),
    ),
    Taste(
        "shelf:Plays > Drama",
        ("modern drama", "plays about families and lies"),
        ("plays",),
        ("needs actors", "I do not read plays"),
    ),
    Taste(
        "shelf:Thought > Philosophy > Stoic",
        ("the Stoics", "philosophy for staying calm", "books on how to bear things"),
        (),
        (),
    ),
    Taste(
        "shelf:Thought > Philosophy > Ancient",
        ("ancient philosophy", "the wisdom of Greece, Rome and China"),
        ("philosophy",),
        ("so dry", "words about words"),
    ),
    Taste(
        "shelf:Thought > Philosophy > Modern",
        ("modern philosophy", "arguments about what we can know and ought to do"),
        ("philosophy",),
        ("so dry", "words about words", "lost the thread"),
    ),
    Taste(
        "shelf:Thought > Politics and society",
        ("politics and liberty", "books that wanted to change the law"),
        ("politics", "sermons on society"),
        ("too preachy", "a pamphlet", "I can get that from the newspaper"),
    ),
    Taste(
        "shelf:Thought > Religion and mysticism",
        ("religious classics", "mystics and scriptures"),
        ("religion", "piety"),
        ("too pious", "felt preached at"),
    ),
    Taste("shelf:Thought > Essays", ("essays", "a clever person thinking aloud"), (), ()),
    Taste("shelf:Lives > Memoirs", ("memoirs", "people telling their own lives"), (), ()),
    Taste("shelf:Lives > Letters and diaries", ("letters and diaries", "other people's post"), (), ()),
    Taste(
        "shelf:World > Travel",
        ("travel books", "journeys on foot, by boat and by donkey"),
        (),
        (),
    ),
    Taste("shelf:World > History", ("history", "historians of the old school"), ("history",), ("dates and battles",)),
    Taste(
        "shelf:Nature and science > Natural history",
        ("nature writing", "birds, insects and ponds"),
        (),
        (),
    ),
    Taste("shelf:Nature and science > Science", ("popular science of another century", "how we found things out")),
    Taste("shelf:Home > Cookery", ("old cookery books", "recipes and dinners")),
    Taste(
        "mood:quiet",
        ("quiet books", "slow, gentle reading", "something calm"),
        (),
        (),
    ),
    Taste("mood:funny", ("something funny", "humour"), (), ()),
    Taste("mood:witty", ("wit", "sparkling talk"), (), ()),
    Taste(
        "mood:tender",
        ("warm-hearted books", "kindness"),
        ("sentiment", "sugary books"),
        ("too sweet", "I was meant to cry"),
    ),
    Taste(
        "mood:bleak",
        ("bleak books, honestly told", "sad books"),
        ("anything bleak", "gloom"),
        ("too bleak", "left me low for a week", "not a ray of light in it"),
    ),
    Taste(
        "mood:dark",
        ("dark stories", "books about wickedness"),
        ("dark books", "cruelty"),
        ("too dark", "too cruel for me"),
    ),
    Taste("mood:frightening", ("a good fright",), ("being frightened",), ("frightened me", "nightmares")),
    Taste("mood:romantic", ("romance",), ("romance",), ("too much sighing",)),
    Taste("mood:grand", ("big, ambitious books", "the grand manner")),
    Taste("mood:dreamy", ("dreamy books", "books like a long dream"), ("dreams in books",), ("vague from end to end",)),
    Taste(
        "length:long",
        ("long books to live in", "the fatter the better"),
        ("very long books", "anything over five hundred pages"),
        ("too long", "gave up halfway", "needed an editor"),
    ),
    Taste("length:short", ("short books", "books for one evening"), (), ()),
    Taste("author:Jane Austen", ("Jane Austen",)),
    Taste("author:Charles Dickens", ("Dickens",), ("Dickens",), ("all those funny names",)),
    Taste("author:Robert Louis Stevenson", ("Stevenson",)),
    Taste("author:Leo Tolstoy", ("Tolstoy",)),
    Taste("author:Mark Twain", ("Mark Twain",)),
    Taste("author:Jules Verne", ("Jules Verne",)),
    Taste("author:Joseph Conrad", ("Conrad",), ("Conrad",), ("sentences like fog",)),
    Taste("author:William Shakespeare", ("Shakespeare",)),
    Taste("about:dogs", ("dogs",)),
    Taste("about:gardens", ("gardens",)),
    Taste("about:war", ("war, as it was",), ("war",), ("too much gunfire", "enough of war")),
)  # fmt: skip
"""In the order in which the process knows them."""

NUISANCES: Final = (
    Taste("length:long", reasons=("too long", "gave up halfway")),
    Taste("mood:bleak", reasons=("too bleak",)),
    Taste("mood:dark", reasons=("too dark",)),
    Taste("about:whaling", reasons=("did not care for the whaling",)),
    Taste("about:religion", reasons=("too pious",)),
    Taste("", reasons=("not what I expected", "could not get into it", "not for me")),
)
"""What bothers people who have said nothing against it; the last is no reason at all, and fits every book."""

_REASONS: Final = {taste.tag: taste for taste in TASTES if taste.reasons}


def phrase(words: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of several ways to say a thing."""
    return words[int(rng.integers(len(words)))]


def reason_against(tag: str) -> Taste | None:
    """Return the taste that knows what to say against a tag, if any does."""
    return _REASONS.get(tag)
