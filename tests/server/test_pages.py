"""The page works without scripts, keeps its state in its address and shows every text as text."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.server.conftest import ATTACK, EMOJI, SCRIPT, SLASHED, SPACED

from tastemaker.core.query import Query
from tastemaker.engine import Engine

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")
BROWSER = {"accept": "text/html,application/xhtml+xml"}


class Page(HTMLParser):
    """The parts of a page that the tests speak of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def link(self, label: str) -> str:
        """Return where the link with this accessible name leads."""
        return next(link["href"] for link in self.all("a") if link.get("aria-label") == label)

    def items(self) -> list[str]:
        """Return the titles that are recommended, in order."""
        return [html.unescape(title) for title in re.findall(r'class="rank">\d+</span> (.*?)</h\d>', self.text)]

    @property
    def plain(self) -> str:
        return " ".join(self.words.split())


def visit(client: TestClient, address: str = "/", status: int = 200) -> Page:
    response = client.get(address, headers=BROWSER)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return Page(response.text)


def test_a_newcomer_is_offered_what_is_popular_and_invited_to_like(client: TestClient, engine: Engine) -> None:
    page = visit(client)
    titles = [engine.dataset.catalogue.title(item.item_id) for item in engine.recommend(Query(k=12)).items]
    assert page.items() == titles
    assert "Popular with everyone" in page.plain
    assert "Like one or two of these" in page.plain
    assert engine.model.name in page.plain
    assert re.search(r"\d\.\d ms", page.plain)
    assert "Less personal" not in page.plain


def test_a_like_leads_to_recommendations_that_name_it(client: TestClient) -> None:
    first = visit(client)
    title = first.items()[0]
    page = visit(client, first.link(f"Like {title}"))
    assert "For you" in page.plain
    assert f"Because you liked {title} (" in page.plain
    assert title not in page.items()
    assert page.items() != first.items()
    again = visit(client, page.link(f"Remove {title} from your likes"))
    assert again.items() == first.items()


def test_a_dislike_takes_an_item_away(client: TestClient) -> None:
    first = visit(client, "/?like=i5")
    title = first.items()[0]
    page = visit(client, first.link(f"{title} is not for me"))
    assert title not in page.items()
    assert page.link(f"Remove {title} from your dislikes")
    assert page.link("Remove Harbour Story 5 from your likes")


def test_an_item_both_liked_and_disliked_is_disliked(client: TestClient) -> None:
    page = visit(client, "/?like=i5&dislike=i5&like=i6&like=i6")
    assert page.link("Remove Harbour Story 5 from your dislikes") == "/?like=i6#taste"
    assert page.link("Remove Harbour Story 6 from your likes") == "/?dislike=i5#taste"


def test_the_list_is_that_of_the_interface(client: TestClient) -> None:
    page = visit(client, "/?like=i5&dislike=i7&user=u3&q=song")
    address = next(link["href"] for link in page.all("a") if link["href"].startswith("/v1/recommend"))
    found = client.get(address).json()["items"]
    assert len(found) == 12
    assert [re.sub(r" \(\d+\)$", "", item["title"]) for item in found] == page.items()


def test_search_keeps_the_history_and_offers_to_like(client: TestClient) -> None:
    page = visit(client, "/?like=i5&user=u3&q=desert")
    hidden = {(field["name"], field["value"]) for field in page.all("input") if field.get("type") == "hidden"}
    assert {("like", "i5"), ("user", "u3"), ("q", "desert")} <= hidden
    found = re.findall(r"Like (Desert Song \d+)", page.text)
    liked = parse_qs(urlsplit(page.link(f"Like {found[0]}")).query)
    assert liked["like"][0] == "i5"
    assert len(liked["like"]) == 2
    assert liked["q"] == ["desert"]


def test_a_search_that_fits_nothing_names_the_nearest(client: TestClient) -> None:
    page = visit(client, "/?q=desrt+song+3")
    assert "Nothing is called “desrt song 3”. The nearest title" in page.plain
    assert page.link("Like Desert Song 3")
    by_word = visit(client, "/?q=quiet+harbour+evenings")
    assert "Nothing is called" in by_word.plain
    assert "Like Harbour Story" in by_word.text


def test_a_search_near_nothing_says_so(client: TestClient) -> None:
    page = visit(client, "/?q=zzzzzz")
    assert "nothing comes near it" in page.plain
    assert page.items()
    assert "nothing comes near it" in visit(client, "/?q=%3F%21").plain


def test_one_can_be_somebody_and_nobody_again(client: TestClient, engine: Engine) -> None:
    page = visit(client, "/?user=u3")
    assert "You are u3" in page.plain
    assert "8 events so far" in page.plain
    assert "and 2 more" in page.plain
    latest = engine.dataset.history("u3")[-1]
    assert engine.title(latest) in page.plain
    assert "Because of" in page.plain
    assert "Because you liked" not in page.plain
    assert [link["href"] for link in page.all("a") if link["href"] == "/"]


def test_an_unknown_person_is_told_plainly(client: TestClient) -> None:
    page = visit(client, "/?user=stranger")
    assert "Less personal than asked for." in page.plain
    assert "User 'stranger' is unknown" in page.plain
    assert page.items()


@pytest.mark.parametrize("item", ["i5", SLASHED, EMOJI, SPACED])
def test_the_page_of_similar_items(client: TestClient, engine: Engine, item: str) -> None:
    title = engine.dataset.catalogue.title(item)
    home = visit(client, f"/?like={quote(item, safe='')}&q={quote(title)}")
    assert home.link(f"Liked: {title}. Take it back")
    page = visit(client, f"/similar/{quote(item, safe='')}?like=i9")
    assert f"Similar to {title}" in page.plain
    titles = [engine.dataset.catalogue.title(one.item_id) for one in engine.similar(item, 12).items]
    assert page.items() == titles
    assert any(link["href"].startswith("/?like=i9") for link in page.all("a"))
    address = next(link["href"] for link in page.all("a") if link["href"].startswith("/v1/similar"))
    assert len(client.get(address).json()["items"]) == 12


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/similar/nope", 404, "There is no item 'nope' in the catalogue."),
        ("/nowhere", 404, "There is nothing at /nowhere."),
        (f"/?q={'x' * 201}", 422, "at most 200 characters"),
        (f"/nowhere/{ATTACK}", 404, ATTACK),
    ],
)
def test_errors_are_pages_for_browsers(client: TestClient, address: str, status: int, words: str) -> None:
    page = visit(client, address, status)
    assert words in page.plain
    assert "To the start" in page.plain
    assert not page.all("script")


def test_errors_are_problems_for_programs(client: TestClient) -> None:
    assert client.get("/similar/nope").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "address",
    [
        f"/?q={quote(ATTACK)}",
        f"/?like={SCRIPT}&dislike={quote(ATTACK)}",
        f"/?user={quote(ATTACK)}",
        f"/?like={quote(chr(34) + ' onclick=' + chr(34) + 'x')}",
        f"/similar/{SCRIPT}",
        "/?q=alert",
    ],
)
def test_every_text_is_shown_as_text(client: TestClient, address: str) -> None:
    page = visit(client, address)
    assert not page.all("script")
    assert not page.all("b") or all(not tag for tag in page.all("b"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert ATTACK not in page.text


def test_a_title_that_is_markup_is_still_readable(client: TestClient) -> None:
    assert f"Similar to {ATTACK}" in visit(client, f"/similar/{SCRIPT}").plain


@pytest.mark.parametrize("address", ["/", "/?like=i5&q=song&user=u3", "/similar/i5", "/similar/nope", "/nowhere"])
def test_nothing_comes_from_elsewhere_and_nothing_is_inline(client: TestClient, address: str) -> None:
    response = client.get(address, headers=BROWSER)
    page = Page(response.text)
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert not page.all("script")
    assert not page.all("style")
    assert not any("style" in attributes for _, attributes in page.tags)
    for link in page.all("link"):
        assert client.get(link["href"]).status_code == 200
    for part in page.all("use"):
        assert f'id="{part["href"].removeprefix("#")}"' in page.text


@pytest.mark.parametrize("address", ["/", "/nowhere", "/v1/recommend", "/v1/recommend?k=0", "/static/style.css"])
def test_every_answer_carries_the_security_headers(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_what_tells_of_a_person_is_not_kept_in_caches(client: TestClient) -> None:
    for address in ("/?user=u3", "/v1/recommend?user=u3"):
        assert client.get(address).headers["cache-control"] == "no-store"
    assert "max-age" in client.get("/static/style.css").headers["cache-control"]


def test_every_field_has_a_label_and_every_page_one_heading(client: TestClient) -> None:
    for address in ("/", "/?like=i5&q=song", "/similar/i5", "/nowhere"):
        page = visit(client, address, 404 if address == "/nowhere" else 200)
        assert len(page.all("h1")) == 1
        assert page.all("html")[0]["lang"] == "en"
        labelled = {label["for"] for label in page.all("label")}
        assert {field["id"] for field in page.all("input") if field.get("type") != "hidden"} <= labelled
        assert "#recommendations" in {link["href"] for link in page.all("a")}
        assert 'id="recommendations"' in page.text
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert sorted(ids) == sorted(set(ids))


def test_the_style_sheet_fetches_nothing() -> None:
    from tastemaker.server.views import STATIC

    style = (STATIC / "style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style
