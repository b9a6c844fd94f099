"""Items and people in words: what an encoder reads of a catalogue's rows, of profiles and of histories."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tastemaker.core.errors import nearest
from tastemaker.data.catalogue import PATH_SEPARATOR, Catalogue
from tastemaker.language.cleaning import plain, shortened
from tastemaker.language.templates import Template

ITEM_TEMPLATE: Final = "{title}[ by {author}]. {brand}. {categories}. {text}"
"""How an item is put into words where nobody says otherwise."""

PERSON_TEMPLATE: Final = (
    "{text}. Age {age}. From {place}. Member: {membership}. Likes {likes}. {rest}. Before: {history}"
)
"""How a person is put into words where nobody says otherwise; ``{rest}`` is what no other field says."""

ITEM_SETTING, PERSON_SETTING = "text.item", "text.person"
"""What errors call the settings."""

ITEM_FIELDS: Final = ("title", "author", "brand", "categories", "year", "price", "text")
"""Fields of items that a template may name whether or not a catalogue has them; its own columns come to these."""

PERSON_FIELDS: Final = ("text", "age", "place", "membership", "likes", "dislikes", "rest", "history")
"""Fields of people that a template may name whether or not anybody has them."""

MAX_FIELD: Final = 2000
MAX_TEXT: Final = 4000
"""Characters of one value, and of a whole text; encoders read less, most of them."""

MAX_TITLES: Final = 10
"""Titles of a history that are put into words, the latest ones."""

_NO_WORDS: Final = frozenset({"item_id", "available"})
_NOT_IN_REST: Final = frozenset({"user_id", "consent", "dislikes", "dislike", "disliked", "avoids", "avoid"})


def item_texts(catalogue: Catalogue, item_ids: Iterable[str], template: str | None = None) -> list[str]:
    """Return each item in words; nothing for one of which nothing is known.

    Args:
        catalogue: What is known of items.
        item_ids: Their raw ids; those that the catalogue lacks have no words.
        template: See `tastemaker.language.templates.Template`; `ITEM_TEMPLATE` if ``None``. Its fields are columns of
            the catalogue or `ITEM_FIELDS`.

    Raises:
        ConfigError: The template is no template, or names a field that there is not.
    """
    parsed = Template.of(template or ITEM_TEMPLATE, ITEM_SETTING)
    columns = [name for name in catalogue.frame.columns if name not in _NO_WORDS]
    parsed.need_known([*columns, *ITEM_FIELDS], ITEM_SETTING)
    named = [name for name in parsed.fields if name in columns]
    wanted = list(item_ids)
    texts: dict[str, str] = {}
    for item, *values in catalogue.frame.select("item_id", *named).iter_rows():
        texts[item] = _filled(parsed, dict(zip(named, values, strict=True)))
    return [texts.get(item, "") for item in wanted]


def row_text(row: Mapping[str, Any], template: str | None = None) -> str:
    """Return one item in words, as `item_texts` does; nothing where its row says nothing that is named.

    Args:
        row: Values by name; a field that it lacks has no value.
        template: See `item_texts`.

    Raises:
        ConfigError: The template is no template.
    """
    parsed = Template.of(template or ITEM_TEMPLATE, ITEM_SETTING)
    return _filled(parsed, {name: row.get(name) for name in parsed.fields if name not in _NO_WORDS})


def _filled(template: Template, values: Mapping[str, Any]) -> str:
    said = {
        name: _categories(value) if name == "categories" and not isinstance(value, str) else in_words(value)
        for name, value in values.items()
    }
    return shortened(template.filled(said), MAX_TEXT)


def person_text(
    profile: Mapping[str, Any],
    template: str | None = None,
    leave_out: Iterable[str] = (),
    *,
    history: Sequence[str] = (),
) -> str:
    """Return what is known of a person in words.

    What somebody dislikes is said only by a template that names ``{dislikes}``: most encoders take the words of a
    dislike for those of a liking, and events of dislikes say it better.

    Args:
        profile: Values by name.
        template: See `tastemaker.language.templates.Template`; `PERSON_TEMPLATE` if ``None``. ``{rest}`` stands for
            the attributes that no other field names, ``{history}`` for titles. A name that is not in the profile has
            no value: see `check_person_template`.
        leave_out: Names of attributes that are never put into words, whatever the template says; large and small
            letters are the same here. ``history`` may be one of them.
        history: Titles of items, the latest last; at most `MAX_TITLES` of them are said, latest first.

    Raises:
        ConfigError: The template is no template.
    """
    parsed = Template.of(template or PERSON_TEMPLATE, PERSON_SETTING)
    hidden = {name.casefold() for name in leave_out}
    said = {name: in_words(value) for name, value in profile.items() if name.casefold() not in hidden}
    others = set(said) - set(parsed.fields) - _NOT_IN_REST
    said["rest"] = "; ".join(
        f"{name.replace('_', ' ')}: {said[name]}" for name in said if name in others and said[name]
    )
    if history and "history" not in hidden:
        said["history"] = "; ".join(plain(title) for title in reversed(history[-MAX_TITLES:]))
    return shortened(parsed.filled(said), MAX_TEXT)


def check_person_template(template: str | None, attributes: Iterable[str] = ()) -> None:
    """Check that a template of people names fields that there are.

    Args:
        template: The template.
        attributes: What is known of people, beside `PERSON_FIELDS`.

    Raises:
        ConfigError: The template is no template, or names a field that there is not.
    """
    Template.of(template or PERSON_TEMPLATE, PERSON_SETTING).need_known(
        {*attributes, *PERSON_FIELDS} - {"user_id", "consent"}, PERSON_SETTING
    )


def unknown_left_out(leave_out: Iterable[str], attributes: Iterable[str]) -> list[str]:
    """Return a sentence about each attribute that is to be left out and that nobody has: it may be misspelt."""
    known = sorted({*attributes, *PERSON_FIELDS} - {"rest"})
    folded = {name.casefold() for name in known}
    return [
        f"[text] leave_out names '{name}', which nobody has. {nearest(name, known)}"
        for name in leave_out
        if name.casefold() not in folded
    ]


def in_words(value: Any) -> str:
    """Return a value as words on one line, nothing for what is missing.

    >>> in_words(["the sea", None, "trains"]), in_words(1.50), in_words(True), in_words(float("nan"))
    ('the sea, trains', '1.5', 'yes', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        value = [f"{name}: {said}" for name, entry in value.items() if (said := in_words(entry))]
    if isinstance(value, list | tuple | set | frozenset):
        entries = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return shortened(", ".join(said for entry in entries if (said := in_words(entry))), MAX_FIELD)
    return shortened(plain(str(value)[: 4 * MAX_FIELD]), MAX_FIELD)


def _categories(paths: Sequence[str] | None) -> str:
    """Return the steps of category paths, each once, from the widest to the narrowest of the first path on."""
    steps = dict.fromkeys(step for path in paths or () if path for step in path.split(PATH_SEPARATOR))
    return in_words(list(steps))
