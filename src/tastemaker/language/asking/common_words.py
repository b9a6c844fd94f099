"""Words that say nothing about an item: those of grammar, of recommending, of judging; and how words are compared."""

from __future__ import annotations

from typing import Final

_GRAMMAR: Final = """
a about above after again all already also although always am among an and another any anyone anything are as at away
back be because been before being between both but by can come comes coming could did do does doing done during each
either else ever every everything few for found from further get gets getting give gives go goes had has have having he
her here hers herself him himself his how however i if in into is it its itself just kind know known least less let
like likely made make makes many may maybe me might mine more most much must my myself near next now of off often on
once one ones only or other others our ours out over own perhaps please put quite rather really said same say says
see seem seems seen set she should similar since so some someone something sort still such take takes than that the
their theirs them themselves then there these they thing things this those though through to together too toward
under until up upon us usually very via was way we well were what when where whether which while who whose why will
with within would yes yet you your yours yourself i'm i've it's that's you'll you're you've
"""

_RECOMMENDING: Final = """
answer anybody appeal appealing appeals arrival arrived ask asked asks book books catalogue chance choice
choices choose chose chosen close common description end enjoy enjoyed fan fans favorite favour favourite feel
feels film films fit fits fitting going good great happy hope idea interest interested interesting item items
keep lately lead leads lean line lines list look looking lot love loved loves match matches matching mention
mentioned mind mood movie movies new note offer part people pick picked picks prefer preferred product
products profile read reading reason reasons recommend recommendation recommended recommends remind reminds
request right search share shared shares show shows side speak speaks start step stories story suggest
suggested suggestion suggests suit suited suits taste tastes tell tells theme themes think title titles tone
touch try turn want wanted wants watch watched whoever whole wish wished word words work works worth
"""

GRAMMAR: Final = frozenset(_GRAMMAR.split())
"""Words of grammar; negations are none of them."""

NEUTRAL: Final = GRAMMAR | frozenset(_RECOMMENDING.split())
"""Words that a sentence about a recommendation may use without a fact for them."""

_NEGATIVE_WORDS: Final = """
not no never none neither nor without unlike dislike disliked dislikes hate hated hates avoid avoided avoids
avoiding against cannot don't didn't doesn't won't wouldn't isn't aren't wasn't weren't can't couldn't
shouldn't hasn't haven't little hardly barely bad boring worst worse reject rejected refuse refused skip
skipped stay turned unwanted
"""
NEGATIVE: Final = frozenset(_NEGATIVE_WORDS.split())
"""Words that turn what stands beside them into its opposite."""

_CLAIMS_WORDS: Final = """
best award awards awarded winner winning oscar masterpiece acclaimed famous popular popularity bestseller
bestselling rated rating ratings stars cheap cheaper cheapest free discount sale price guarantee guaranteed
official critics critically top perfect greatest timeless legendary iconic beloved everyone nobody official
original first last only latest newest oldest unique sequel remake directed director starring actor actress
author written studio
"""
CLAIMS: Final = frozenset(_CLAIMS_WORDS.split())
"""Words that claim what can be wrong: they need a fact, however many words a sentence may have without one."""

_COUNTED: Final = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty
"""
NUMBERS: Final = {word: str(number) for number, word in enumerate(_COUNTED.split(), start=2)} | {
    "dozen": "12",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "twice": "2",
    "thrice": "3",
}
"""Numbers that are written as words; "one" is hardly ever meant as a number."""

_ENDINGS: Final = ("ingly", "edly", "ings", "ing", "ies", "ied", "ers", "est", "ed", "er", "es", "ly", "s", "y", "e")
_SHORTEST: Final = 3


def stem(word: str) -> str:
    """Return what a word has in common with its other forms, roughly, in English.

    >>> stem("thrillers") == stem("thriller"), stem("stories") == stem("story"), stem("gas")
    (True, True, 'gas')
    """
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word.removesuffix(ending)
    return word


STEMS: Final = frozenset(map(stem, NEUTRAL)) | NEUTRAL
"""`NEUTRAL`, and what is left of each of them by `stem`."""
