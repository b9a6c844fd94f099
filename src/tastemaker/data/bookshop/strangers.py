"""Made-up readers who left a sentence and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Stranger:
    """A reader who is known by a sentence alone, and what the sentence means.

    Attributes:
        text: The sentence.
        wants: Tags of what it asks for.
        avoids: Tags of what it does not want.
    """

    text: str
    wants: tuple[str, ...]
    avoids: tuple[str, ...] = ()


STRANGERS: Final = (
    Stranger(
        "I grew up by a harbour and miss it: nothing violent, just boats, weather and people who do not say much.",
        ("shelf:Fiction > Sea stories", "mood:quiet"),
        ("mood:dark", "mood:bleak"),
    ),
    Stranger(
        "My daughter is eight and lives for horses and dogs; please nothing where the animal dies in the snow.",
        ("shelf:Children > Animals", "mood:tender"),
        ("mood:bleak",),
    ),
    Stranger(
        "I want a murder in a country house, fair clues, and to be wrong until the last chapter.",
        ("shelf:Fiction > Crime and detection", "about:country houses"),
    ),
    Stranger(
        "Something funny about English village life, with clergymen if possible.",
        ("shelf:Fiction > Country and village life", "mood:funny"),
    ),
    Stranger(
        "I have lost my job and should like to be calmer about it. What did the Stoics say?",
        ("shelf:Thought > Philosophy > Stoic",),
        ("mood:frightening",),
    ),
    Stranger(
        "A ghost story to read aloud on Christmas Eve, not too long.",
        ("shelf:Fiction > Gothic and ghosts", "length:short"),
    ),
    Stranger(
        "I am walking across the Alps in July and will carry one book. Make it about going somewhere.",
        ("shelf:World > Travel",),
        ("length:long",),
    ),
    Stranger(
        "Russian, long, and full of people who talk about God at midnight.",
        ("language:Russian", "length:long"),
    ),
    Stranger(
        "No more wars, no more battles. I would rather read about gardens.",
        ("about:gardens", "shelf:Home > House and garden"),
        ("about:war",),
    ),
    Stranger(
        "I read on the bus, so short stories, and they should make me laugh out loud.",
        ("shelf:Fiction > Short stories", "mood:funny"),
        ("length:long",),
    ),
    Stranger(
        "Wit! Bad manners, good clothes, sharp tongues.",
        ("mood:witty", "shelf:Plays > Comedy"),
        ("mood:bleak",),
    ),
    Stranger(
        "I teach twelve-year-olds and need islands, pirates and a map.",
        ("shelf:Children > Adventure", "shelf:Fiction > Adventure"),
    ),
    Stranger(
        "Women who would not do as they were told, and what it cost them.",
        ("about:women's freedom",),
    ),
    Stranger(
        "I like to be frightened, but politely: old houses, candles, something at the window.",
        ("shelf:Fiction > Gothic and ghosts", "mood:frightening"),
    ),
    Stranger(
        "Poems, please. Short ones. I have a small child and five minutes.",
        ("shelf:Poetry > Lyric",),
        ("shelf:Poetry > Epic", "length:long"),
    ),
    Stranger(
        "The old Greek stories, in plain words; I never got on with verse.",
        ("shelf:Tales > Myths and legends",),
        ("shelf:Poetry > Epic", "shelf:Poetry > Lyric"),
    ),
    Stranger(
        "I am a biologist and read old naturalists for pleasure: beetles, birds, ponds.",
        ("shelf:Nature and science > Natural history",),
        ("shelf:Thought > Religion and mysticism",),
    ),
    Stranger(
        "Anything about food by somebody who loved it.",
        ("shelf:Home > Cookery",),
    ),
    Stranger(
        "I have all winter and a good stove. Give me the longest novel you have.",
        ("length:long", "mood:grand"),
    ),
    Stranger(
        "A love story that ends well and is not silly.",
        ("shelf:Fiction > Love and marriage", "mood:witty"),
        ("mood:bleak", "mood:melancholy"),
    ),
    Stranger(
        "How did people a hundred years ago imagine the future?",
        ("shelf:Fiction > Science fiction and utopias",),
    ),
    Stranger(
        "I am learning to be alone. Books by people who managed it.",
        ("about:solitude",),
        ("shelf:Fiction > Comedy",),
    ),
    Stranger(
        "My grandfather sailed on a whaler. I want to know what that was like, but I do not care for sermons.",
        ("about:whaling", "shelf:Fiction > Sea stories"),
        ("about:religion",),
    ),
    Stranger(
        "Memoirs of people who got themselves free.",
        ("shelf:Lives > Memoirs", "about:freedom"),
    ),
    Stranger(
        "Fairy tales, the real ones, with teeth.",
        ("shelf:Tales > Fairy tales", "mood:dark"),
        ("mood:tender",),
    ),
    Stranger(
        "I am fourteen and bored by everything they make us read. Sword fights?",
        ("shelf:Fiction > Adventure", "mood:adventurous"),
        ("mood:thoughtful",),
    ),
    Stranger(
        "Japan or China, something old and quiet, perhaps with rain in it.",
        ("language:Japanese", "language:Chinese", "mood:quiet"),
    ),
    Stranger(
        "Philosophy that I can understand without a teacher, and with jokes.",
        ("shelf:Thought > Philosophy > Modern", "mood:wry"),
    ),
    Stranger(
        "Children who get into trouble and brothers and sisters who quarrel, like ours.",
        ("shelf:Children > Family and school", "mood:funny"),
    ),
    Stranger(
        "The sadder the better. I know what I like.",
        ("mood:bleak", "mood:melancholy"),
        ("mood:hopeful",),
    ),
    Stranger(
        "Books that made people angry enough to change the law.",
        ("shelf:Thought > Politics and society", "mood:angry"),
    ),
    Stranger(
        "I want to be in Paris, preferably with no money and great ambitions.",
        ("language:French", "about:ambition"),
    ),
    Stranger(
        "Dreamlike things. I do not need a plot.",
        ("mood:dreamy",),
        ("shelf:Fiction > Crime and detection",),
    ),
    Stranger(
        "Epics: swords, gods, lists of ships. I have a strong stomach.",
        ("shelf:Poetry > Epic", "mood:grand"),
    ),
    Stranger(
        "Old letters and diaries, ideally by a gossip.",
        ("shelf:Lives > Letters and diaries",),
        ("about:war",),
    ),
    Stranger(
        "I look after my mother, and in the evening I want something kind.",
        ("mood:tender", "mood:quiet"),
        ("mood:dark", "mood:frightening"),
    ),
    Stranger(
        "Plays about families who tell each other the truth too late.",
        ("shelf:Plays > Drama",),
        ("shelf:Plays > Comedy",),
    ),
    Stranger(
        "How things work: candles, stars, triangles. Explained by those who found it out.",
        ("shelf:Nature and science > Science",),
    ),
    Stranger(
        "Dogs. Wolves too. No people if it can be helped.",
        ("about:dogs", "shelf:Children > Animals"),
        ("shelf:Fiction > Society",),
    ),
    Stranger(
        "I have read all of Jane Austen twice. What now?",
        ("author:Jane Austen", "shelf:Fiction > Society", "mood:witty"),
        ("mood:frightening",),
    ),
)
