"""The state of the page, all of it in the address: who asks, what they like and dislike, what they search for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, urlencode

from tastemaker.core.query import Query
from tastemaker.server.schemas import PageParameters


@dataclass(frozen=True)
class PageState:
    """What a person has said so far.

    Attributes:
        likes: Item ids, the first liked first.
        dislikes: Item ids.
        user: Whose stored history is used, if anybody's.
        q: What is searched for.
    """

    likes: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()
    user: str | None = None
    q: str = ""

    @classmethod
    def of(cls, given: PageParameters) -> Self:
        """Take the state from an address; an item that is both liked and disliked counts as disliked."""
        dislikes = tuple(dict.fromkeys(given.dislike))
        likes = tuple(item for item in dict.fromkeys(given.like) if item not in dislikes)
        return cls(likes, dislikes, given.user, given.q.strip())

    def like(self, item_id: str) -> Self:
        """Return the state in which the item is liked."""
        state = self.without(item_id)
        return replace(state, likes=(*state.likes, item_id))

    def dislike(self, item_id: str) -> Self:
        """Return the state in which the item is disliked."""
        state = self.without(item_id)
        return replace(state, dislikes=(*state.dislikes, item_id))

    def without(self, item_id: str) -> Self:
        """Return the state in which nothing was said about the item."""
        return replace(
            self,
            likes=tuple(item for item in self.likes if item != item_id),
            dislikes=tuple(item for item in self.dislikes if item != item_id),
        )

    def being(self, user: str | None) -> Self:
        """Return the state in which somebody else asks."""
        return replace(self, user=user)

    def searching(self, q: str) -> Self:
        """Return the state in which ``q`` is searched for."""
        return replace(self, q=q)

    def fields(self) -> list[tuple[str, str]]:
        """Return the state as the fields of a form."""
        return [
            *(("like", item) for item in self.likes),
            *(("dislike", item) for item in self.dislikes),
            *([("user", self.user)] if self.user else []),
            *([("q", self.q)] if self.q else []),
        ]

    def url(self, path: str = "/", fragment: str = "") -> str:
        """Return the address of this state on the page at ``path``."""
        asked = urlencode(self.fields())
        return f"{path}{'?' if asked else ''}{asked}{'#' if fragment else ''}{fragment}"

    def similar_url(self, item_id: str) -> str:
        """Return the address of the page of items like this one; the state comes along."""
        return self.url(f"/similar/{quote(item_id, safe='')}")

    def api_url(self, k: int) -> str:
        """Return the address at which the interface gives the list of this page."""
        return f"/v1/recommend?{urlencode([*self.searching('').fields(), ('k', str(k))])}"

    def query(self, k: int) -> Query:
        """Return the request that this state makes."""
        return Query(user_id=self.user, liked=self.likes, disliked=self.dislikes, k=k)
