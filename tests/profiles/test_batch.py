"""Many profiles: what is there is kept, what broke off goes on, and one that fails is no reason to stop."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.profiles.small import library

from tastemaker.core.errors import BudgetExceededError, DataError, SchemaViolationError, ServiceError
from tastemaker.language.asking.prompt import load_prompt
from tastemaker.language.generators import Budget, Script, guarded
from tastemaker.language.generators.calls import Call
from tastemaker.profiles.batch import make_profiles
from tastemaker.profiles.one_shot import PERSON_PROMPT, OneShot
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.seen import Seen, Shown
from tastemaker.profiles.store import Profiles, provenance_of
from tastemaker.profiles.template import Template

SHOWN = Shown(library())
EVERYBODY = ["ann", "bob", "eve"]


class Says:
    """A profiler that says something of each, or raises what it is told to."""

    kind = "says"

    def __init__(self, **raises: BaseException) -> None:
        self.raises, self.asked = raises, list[str]()

    def key(self, seen: Seen) -> str:
        return f"says {seen.content}"

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        self.asked.append(seen.about)
        if seen.about in self.raises:
            raise self.raises[seen.about]
        return Profile(seen.about, seen.of, self.kind, self.key(seen), seen.cut, seen.content)


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    first = make_profiles(Says(), EVERYBODY, SHOWN.person, Profiles(tmp_path / "p.jsonl"))
    assert (first.made, first.known, first.failed, first.stopped) == (3, 0, {}, "")
    again = Says()
    second = make_profiles(again, [*EVERYBODY, "ann"], SHOWN.person, Profiles(tmp_path / "p.jsonl"))
    assert (second.made, second.known, again.asked) == (0, 3, [])


def test_an_interrupted_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    store = Profiles(tmp_path / "p.jsonl")
    with pytest.raises(KeyboardInterrupt):
        make_profiles(Says(bob=KeyboardInterrupt()), EVERYBODY, SHOWN.person, store)
    torn = (tmp_path / "p.jsonl").read_bytes()
    (tmp_path / "p.jsonl").write_bytes(torn + torn[:100])  # and half a line was written when the light went out
    store = Profiles(tmp_path / "p.jsonl")
    assert store.damaged == 1
    rest = Says()
    made = make_profiles(rest, EVERYBODY, SHOWN.person, store)
    assert (made.known, rest.asked) == (1, ["bob", "eve"])
    whole = Profiles(tmp_path / "p.jsonl")
    assert (set(whole.all()), whole.damaged) == (set(EVERYBODY), 1)


def test_one_that_fails_is_passed_over_and_tried_again(tmp_path: Path) -> None:
    store = Profiles(tmp_path / "p.jsonl")
    made = make_profiles(Says(bob=SchemaViolationError("no JSON")), EVERYBODY, SHOWN.person, store)
    assert (made.made, made.failed, made.stopped) == (2, {"bob": "no JSON"}, "")
    assert make_profiles(Says(), EVERYBODY, SHOWN.person, store).made == 1


@pytest.mark.parametrize("error", [BudgetExceededError("the budget is spent"), ServiceError("nobody answers")])
def test_when_nothing_more_can_be_asked_what_is_done_is_kept(tmp_path: Path, error: ServiceError) -> None:
    profiler = Says(bob=error)
    made = make_profiles(profiler, EVERYBODY, SHOWN.person, Profiles(tmp_path / "p.jsonl"))
    assert (made.made, made.stopped, profiler.asked) == (1, error.message, ["ann", "bob"])
    assert set(Profiles(tmp_path / "p.jsonl").all()) == {"ann"}


def test_a_budget_of_tokens_stops_a_batch() -> None:
    script = Script(answer=lambda call: {"likes": [], "dislikes": [], "summary": ""})
    most = load_prompt(PERSON_PROMPT).max_tokens
    profiler = OneShot(guarded(script, budget=Budget(tokens_per_run=most + 150)))  # room for one prompt and its reply
    made = make_profiles(profiler, ["ann", "bob"], SHOWN.person, Profiles())
    assert (made.made, len(script.calls)) == (1, 1)
    assert "tokens" in made.stopped


def test_an_unexpected_error_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        make_profiles(Says(bob=ZeroDivisionError()), EVERYBODY, SHOWN.person, Profiles())


def test_calls_go_side_by_side() -> None:
    together = threading.Barrier(3, timeout=20)

    def answer(call: Call) -> Any:
        together.wait()  # nobody gets by until all three are asked
        return (
            {"likes": [{"what": "fiction", "events": [1]}], "dislikes": [], "summary": ""}
            if _both(call)
            else {
                "likes": [],
                "summary": "",
            }
        )

    made = make_profiles(OneShot(Script(answer=answer)), EVERYBODY, SHOWN.person, Profiles(), abreast=3)
    assert (made.made, made.claims) == (3, 2)
    assert made.kept_share == 1
    assert made.usage.reply_tokens > 0


def _both(call: Call) -> bool:
    return call.schema is not None and "dislikes" in call.schema["properties"]


def test_a_profile_survives_the_file(tmp_path: Path) -> None:
    store = Profiles(tmp_path / "deep" / "p.jsonl")
    make_profiles(Template(SHOWN.facts), EVERYBODY, SHOWN.person, store)
    again = Profiles(tmp_path / "deep" / "p.jsonl")
    assert list(again) == list(store)
    assert again.latest("ann") == again.latest("ann", kind="template") == store.latest("ann")
    assert again.latest("ann", "item") is None
    assert len(again) == 3
    assert (tmp_path / "deep" / "p.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "line",
    [
        '{"format": 2}',
        "[]",
        '{"format": 1, "profile": {}}',
        '{"format": 1, "profile": {"about": "a", "claims": [{"kind": "likes", "what": "x", "events": []}]}}',
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(DataError):
        Profiles(tmp_path / "p.jsonl")


def test_profiles_of_two_data_sets_have_no_common_provenance() -> None:
    ann = Says().profile(SHOWN.person("ann"))
    value = ann.to_json()
    value["cut"]["dataset"], value["about"] = "another", "zoe"
    other = Profile.from_json(json.loads(json.dumps(value)))
    with pytest.raises(DataError, match="several data sets"):
        provenance_of([ann, other])
    seen = provenance_of([ann])
    assert seen is not None
    assert tuple(seen.rows) == ann.cut.rows
    assert (seen.users, seen.last_event) == (1, ann.cut.last_event)
    assert provenance_of([]) is None
