"""`tastemaker profiles make | show | export`: people and items in words, with the events that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json
from tastemaker.core.errors import ConfigError, DataError, UnknownItemError, UnknownUserError, nearest

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.generator import Generator
    from tastemaker.data import Catalogue, Dataset
    from tastemaker.profiles.batch import Made
    from tastemaker.profiles.profile import Profile
    from tastemaker.profiles.profiler import Profiler
    from tastemaker.profiles.seen import Seen, Shown
    from tastemaker.profiles.store import Profiles

app = typer.Typer(no_args_is_help=True, help="People and items in words, each claim with the events that show it.")

KINDS: Final = ("template", "one-shot", "items-then-users", "recurrent", "tags")
_OF_ITEMS: Final = ("one-shot", "tags")
_EVERYTHING: Final = "all"
_FILE: Final = Path("profiles.jsonl")

File = Annotated[Path, typer.Option("--profiles", metavar="FILE", help="The file of `profiles make`.")]
OfItems = Annotated[bool, typer.Option("--items", help="Of items instead of people.")]


@app.command("make")
def make(
    kind: Annotated[str, typer.Option("--kind", metavar="NAME", help=f"How: {', '.join(KINDS)}.")] = "template",
    users: Annotated[
        str, typer.Option("--users", metavar="IDS", help="Of these people: ids with commas, or all.")
    ] = _EVERYTHING,
    items: Annotated[
        str, typer.Option("--items", metavar="IDS", help="Of items instead of people: ids with commas, or all.")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Of so many at most.")] = None,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", min=1, help="Replies that are drawn of each; the best is kept.")
    ] = 1,
    everything: Annotated[
        bool,
        typer.Option(
            "--all-events", help="From all events, to serve and never to evaluate; without it the training part alone."
        ),
    ] = False,
    generator: options.Generator = None,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where they are kept; it is added to.")] = _FILE,
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    seed: options.Seed = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Make profiles and keep them in a file; what is there is not made again, so that broken-off work goes on."""
    from tastemaker.cli.workspace import Workspace
    from tastemaker.profiles.batch import make_profiles
    from tastemaker.profiles.profiler import abreast
    from tastemaker.profiles.seen import Shown
    from tastemaker.profiles.store import Profiles

    _check(kind, items)
    given = {
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "run.seed": seed,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    model = None if kind == "template" else _generator(work, generator, kind)
    dataset = work.dataset()
    shown = Shown(dataset if everything else work.split(dataset).train)
    store = Profiles(file)
    about = _items(dataset, items) if items else _people(work.out, shown.dataset, users)
    about = about[:limit]
    profiler = _profiler(work, kind, samples, model, shown, store, about)
    see: Callable[[str], Seen] = shown.item if items else shown.person
    made = make_profiles(profiler, about, see, store, abreast=abreast(model), run=work.run)
    _report(work.out, made, kind, file, store.damaged)


def _check(kind: str, items: str) -> None:
    if kind not in KINDS:
        raise ConfigError(f"there are no profiles of the kind '{kind}'", where="--kind", remedy=nearest(kind, KINDS))
    if items and kind not in _OF_ITEMS:
        raise ConfigError(f"items have no profile of the kind '{kind}'", remedy=f"Take one of {', '.join(_OF_ITEMS)}.")
    if kind == "tags" and not items:
        raise ConfigError("tags are of items", remedy="Add --items all, or some ids.")


def _generator(work: Workspace, named: str | None, kind: str) -> Generator:
    from tastemaker.cli.ask import chosen_generator

    found = chosen_generator(work, named)
    if found is None:
        raise ConfigError(
            f"profiles of the kind '{kind}' are written by a language model, and none is named",
            where="[generator]",
            remedy="Name one, such as --generator llama, or take --kind template.",
        )
    return found


def _profiler(
    work: Workspace,
    kind: str,
    samples: int,
    generator: Generator | None,
    shown: Shown,
    store: Profiles,
    about: Sequence[str],
) -> Profiler:
    from tastemaker.profiles.batch import make_profiles
    from tastemaker.profiles.items_then_users import ItemsThenUsers, items_needed
    from tastemaker.profiles.one_shot import ITEM_PROMPT, PERSON_PROMPT, OneShot
    from tastemaker.profiles.profiler import abreast
    from tastemaker.profiles.recurrent import Recurrent
    from tastemaker.profiles.tags import PROMPT, Tags, usual_categories
    from tastemaker.profiles.template import Template

    if generator is None:
        return Template(shown.facts)
    if kind == "tags":
        return Tags(generator, usual_categories(shown.dataset.catalogue), work.prompt(PROMPT))
    person = work.prompt(PERSON_PROMPT)
    if kind == "recurrent":
        return Recurrent(generator, person=person)
    one_shot = OneShot(generator, samples=samples, person=person, item=work.prompt(ITEM_PROMPT))
    if kind == "one-shot":
        return one_shot
    needed = items_needed(map(shown.person, about))
    first = make_profiles(one_shot, needed, shown.item, store, abreast=abreast(generator), run=work.run)
    _note_missing(work.out, first, "items")
    return ItemsThenUsers(generator, store.all("item", one_shot.kind), samples=samples, person=person)


def _people(out: Output, dataset: Dataset, wanted: str) -> list[str]:
    """Return who is meant, less those who did not agree."""
    known = [str(user) for user in dataset.sequences.user_ids]
    chosen = known if wanted == _EVERYTHING else _listed(wanted)
    if unknown := sorted(set(chosen) - set(known)):
        raise UnknownUserError(
            f"there are no events of '{unknown[0]}' to make a profile of",
            where=dataset.name,
            remedy="Without --all-events only the training part is looked at.",
        )
    refused = _refused(dataset)
    agreed = [user for user in chosen if user not in refused]
    if len(agreed) < len(chosen):
        out.note(f"{len(chosen) - len(agreed)} people did not agree to it and are left out")
    return agreed


def _refused(dataset: Dataset) -> set[str]:
    """Return the people who did not agree that anything is told of them."""
    if dataset.users is None or "consent" not in dataset.users.frame.columns:
        return set()
    frame = dataset.users.frame
    return set(frame.filter(~frame["consent"].fill_null(False))["user_id"])


def _items(dataset: Dataset, wanted: str) -> list[str]:
    chosen = [str(item) for item in dataset.catalogue.frame["item_id"]] if wanted == _EVERYTHING else _listed(wanted)
    for item in chosen:
        if item not in dataset.catalogue:
            raise UnknownItemError(f"there is no item '{item}' in the catalogue", where="--items")
    return chosen


def _listed(ids: str) -> list[str]:
    found = [each.strip() for each in ids.split(",") if each.strip()]
    if not found:
        raise ConfigError("no id is named", where=f"'{ids}'", remedy="Write ids with commas, or all.")
    return list(dict.fromkeys(found))


def _report(out: Output, made: Made, kind: str, file: Path, damaged: int) -> None:
    from dataclasses import asdict

    if out.as_json:
        facts = asdict(made) | {"kept_share": round(made.kept_share, 4), "kind": kind, "file": str(file)}
        write_json(facts | {"dropped": dict(made.dropped), "stopped": made.stopped or None, "damaged_lines": damaged})
        return
    out.print(f"Made {made.made:,} profiles of the kind {kind}; {made.known:,} were there. They are in {file}")
    if made.dropped:
        told = ", ".join(f"{count:,} {reason}" for reason, count in made.dropped.most_common())
        out.print(f"{made.kept_share:.0%} of what was claimed is shown by events; dropped: {told}")
    took = made.usage
    if took.prompt_tokens:
        out.note(f"{took.prompt_tokens:,} tokens read, {took.reply_tokens:,} written, {took.seconds:.0f} s of calls")
    if damaged:
        out.note(f"{damaged} lines of {file} were cut off and are passed over")
    _note_missing(out, made, "people or items")


def _note_missing(out: Output, made: Made, whose: str) -> None:
    if made.failed:
        about, why = next(iter(made.failed.items()))
        out.note(f"{len(made.failed)} {whose} have none, such as '{about}': {why}. The same command tries them again")
    if made.stopped:
        out.note(f"Stopped: {made.stopped}. What was made is kept; the same command goes on")


@app.command("show")
def show(
    about: Annotated[str, typer.Argument(metavar="ID", help="A person, or an item with --items.")],
    items: OfItems = False,
    file: File = _FILE,
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show what is said of a person or an item, each claim with the titles that show it, and up to which event."""
    from tastemaker.cli.workspace import Workspace

    found = _kept(file).latest(about, "item" if items else "person")
    if found is None:
        raise DataError(
            f"there is no profile of '{about}'", where=str(file), remedy="Make it: tastemaker profiles make"
        )
    given = {"data.source": source, "data.path": None if data is None else str(data)}
    work = Workspace.open(Output(as_json=as_json), config, given)
    catalogue = work.dataset().catalogue
    if as_json:
        write_json(_facts(found, catalogue))
        return
    work.out.print(*_lines(found, catalogue))


def _facts(profile: Profile, catalogue: Catalogue) -> dict[str, Any]:
    claims = [
        {"kind": claim.kind, "what": claim.what, "events": list(claim.events), "titles": _titles(claim, catalogue)}
        for claim in profile.claims
    ]
    cut = {"dataset": profile.cut.dataset, "events": profile.cut.events, "last_event": _moment(profile)}
    return {
        "about": profile.about,
        "of": profile.of,
        "kind": profile.kind,
        "text": profile.text(),
        "claims": claims,
        "dropped": dict(profile.dropped),
        "seen": cut,
    }


def _lines(profile: Profile, catalogue: Catalogue) -> list[str]:
    from tastemaker.language.cleaning import cleaned

    whose = catalogue.title(profile.about) if profile.of == "item" else profile.about
    lines = [cleaned(f"{whose}, {profile.kind}. {profile.summary}")]
    for claim in profile.claims:
        lines.append(f"  {claim.kind:<8}  " + cleaned(f"{claim.what}: {', '.join(_titles(claim, catalogue))}"))
    until = f", the last of {_moment(profile)}" if _moment(profile) else ""
    lines.append(f"Seen: {profile.cut.events:,} events{until}")
    if profile.dropped:
        lines.append("Dropped: " + ", ".join(f"{count} {reason}" for reason, count in profile.dropped.items()))
    return lines


def _titles(claim: Any, catalogue: Catalogue) -> list[str]:
    return [catalogue.title_and_year(item) for item in claim.events]


def _moment(profile: Profile) -> str | None:
    from tastemaker.core.clock import from_microseconds

    last = profile.cut.last_event
    return None if last is None else from_microseconds(last).strftime("%Y-%m-%d %H:%M")


@app.command("export")
def export(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="A .csv, .parquet or .jsonl file to write.")],
    items: OfItems = False,
    file: File = _FILE,
    as_json: options.Json = False,
) -> None:
    """Write the texts as a table `user_id, text` (or `item_id, text`), such as a data set has for its people."""
    import polars as pl

    from tastemaker.core.files import atomic_file

    writers: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
        ".csv": lambda frame, path: frame.write_csv(path),
        ".parquet": lambda frame, path: frame.write_parquet(path),
        ".jsonl": lambda frame, path: frame.write_ndjson(path),
    }
    if to.suffix not in writers:
        raise ConfigError(f"'{to.name}' is no table", where="--to", remedy=f"End it in {', '.join(writers)}.")
    whose = "item_id" if items else "user_id"
    found = _kept(file).all("item" if items else "person")
    rows = [(raw, profile.text()) for raw, profile in found.items() if profile.text()]
    frame = pl.DataFrame(rows, schema={whose: pl.String, "text": pl.String}, orient="row")
    with atomic_file(to) as temporary:
        writers[to.suffix](frame, temporary)
    out = Output(as_json=as_json)
    out.print(f"Wrote {frame.height:,} texts to {to}")
    if as_json:
        write_json({"file": str(to), "texts": frame.height, "without": len(found) - frame.height})


def _kept(file: Path) -> Profiles:
    from tastemaker.profiles.store import Profiles

    if not file.is_file():
        raise DataError("there are no profiles yet", where=str(file), remedy="Make some: tastemaker profiles make")
    return Profiles(file)
