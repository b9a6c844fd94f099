"""Likes and dislikes as an address, and covers that never change."""

from __future__ import annotations

import pytest

from tastemaker.data.titles import normalise

pytestmark = pytest.mark.needs_extra("serve")


def test_a_state_survives_its_own_address() -> None:
    from urllib.parse import parse_qs, urlsplit

    from tastemaker.server.schemas import PageParameters
    from tastemaker.server.state import PageState

    state = PageState(("a/b", "\N{FISH}&=?#"), ("c d",), "né", "who + what")
    asked = parse_qs(urlsplit(state.url()).query)
    given = PageParameters(like=asked["like"], dislike=asked["dislike"], user=asked["user"][0], q=asked["q"][0])
    assert PageState.of(given) == state


def test_an_opinion_replaces_the_one_before() -> None:
    from tastemaker.server.state import PageState

    state = PageState(likes=("a", "b"), dislikes=("c",))
    assert state.dislike("a") == PageState(likes=("b",), dislikes=("c", "a"))
    assert state.like("c") == PageState(likes=("a", "b", "c"))
    assert state.without("b") == PageState(likes=("a",), dislikes=("c",))
    assert PageState().url() == "/"


@pytest.mark.parametrize("title", ["Heat", "", "   ", "\N{FISH}", "...", "The", "Ääni ja vimma", "12 Angry Men"])
def test_a_cover_is_the_same_every_time(title: str) -> None:
    from tastemaker.server.covers import HUES, MOTIFS, Cover

    cover = Cover.of("id", title)
    assert cover == Cover.of("id", title)
    assert 0 <= cover.hue < HUES
    assert 0 <= cover.motif < MOTIFS
    assert len(cover.initials) <= 2
    assert bool(cover.initials) == bool(title.strip())
    assert normalise(cover.initials) or not normalise(title)


def test_every_hue_and_motif_is_drawn() -> None:
    from tastemaker.server.covers import HUES, MOTIFS
    from tastemaker.server.views import STATIC

    style = (STATIC / "style.css").read_text()
    symbols = (STATIC.parent / "templates" / "symbols.html").read_text()
    assert all(f".hue-{hue} " in style for hue in range(HUES))
    assert all(f'id="motif-{motif}"' in symbols for motif in range(MOTIFS))
