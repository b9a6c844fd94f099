"""What is said of a person or an item: claims that each cite events, a summary, and what it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, get_args

from tastemaker.core.errors import DataError
from tastemaker.core.generator import Usage
from tastemaker.profiles.seen import About, Cut

ClaimKind: TypeAlias = Literal["likes", "dislikes", "suits", "category", "keyword"]
"""``likes`` and ``dislikes`` are said of people; ``suits``, ``category`` and ``keyword`` of items."""

_HEADS: Final[Mapping[ClaimKind, str]] = {
    "likes": "Likes",
    "dislikes": "Dislikes",
    "suits": "For those who like",
    "category": "Categories:",
    "keyword": "Keywords:",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said.

    Attributes:
        kind: Which way.
        what: In a few words.
        events: Raw ids of the items whose events show it, one at least.
    """

    kind: ClaimKind
    what: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """A person or an item in words.

    Attributes:
        about: Raw id.
        of: Whether it is a person or an item.
        kind: How it was made, such as ``template``.
        key: Hash of all that decided it: what was shown, who wrote it, how it was asked.
        cut: What it has seen.
        content: Hash of what was shown; see `tastemaker.profiles.seen.Seen.content`.
        claims: What is said, each with its events.
        summary: Sentences that say nothing beyond the claims; may be empty.
        dropped: Claims that were left out, by reason.
        usage: What a generator took for it.
    """

    about: str
    of: About
    kind: str
    key: str
    cut: Cut
    content: str
    claims: tuple[Claim, ...] = ()
    summary: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    def said(self, *kinds: ClaimKind) -> list[str]:
        """Return the words of the claims of some kinds."""
        return [claim.what for claim in self.claims if claim.kind in kinds]

    def text(self) -> str:
        """Return it in sentences, for people and prompts; nothing where nothing is claimed.

        >>> cut = Cut("shop", "", 1, None, (0,))
        >>> claims = (Claim("likes", "sea stories", ("b1",)), Claim("dislikes", "ghosts", ("b2",)))
        >>> Profile("u", "person", "template", "", cut, "", claims).text()
        'Likes sea stories. Dislikes ghosts.'
        """
        lists = [f"{head} {_listed(self.said(kind))}." for kind, head in _HEADS.items() if self.said(kind)]
        return " ".join([*lists, self.summary] if self.summary else lists)

    def wanted(self) -> str:
        """Return what speaks for items, for an encoder: most take the words of a dislike for those of a liking."""
        said = ", ".join(self.said("likes", "suits", "category", "keyword"))
        return f"{said}. {self.summary}" if said and self.summary else said

    def unwanted(self) -> str:
        """Return what speaks against items, for an encoder."""
        return ", ".join(self.said("dislikes"))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises:
            DataError: It is no profile.
        """
        try:
            kinds = get_args(ClaimKind)
            claims = tuple(Claim(each["kind"], str(each["what"]), tuple(each["events"])) for each in value["claims"])
            if any(claim.kind not in kinds or not claim.events for claim in claims):
                raise ValueError("a claim of no kind, or without an event")
            cut = Cut(**{**value["cut"], "rows": tuple(value["cut"]["rows"])})
            rest = {name: value[name] for name in ("about", "of", "kind", "key", "content", "summary")}
            dropped = {str(reason): int(count) for reason, count in value["dropped"].items()}
            return cls(**rest, cut=cut, claims=claims, dropped=dropped, usage=Usage(**value["usage"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this is no profile: {error!r}", remedy="Make it again.") from error


def _listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence.

    >>> _listed(["tea", "rum", "milk"])
    'tea, rum and milk'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
