"""What a command works with: the settings in use, and from them the data, the split and the trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tastemaker.cli.output import Output
from tastemaker.cli.settings import DEFAULT, DEFAULT_ENCODER, ENVIRONMENT, Resolved, Settings, load_settings
from tastemaker.core.errors import AmbiguousItemError, AssetError, ConfigError, DataError, StorageError, TastemakerError

if TYPE_CHECKING:
    from tastemaker.core.encoder import Encoder
    from tastemaker.core.generator import Generator
    from tastemaker.core.run import Run
    from tastemaker.data import Catalogue, Dataset, EventSplit, Split
    from tastemaker.engine import Engine
    from tastemaker.language.asking.prompt import ChatPrompt
    from tastemaker.models import DenseRecommender
    from tastemaker.retrieval import TextSearch
    from tastemaker.store.ports import Row, TenantStore


_LEARNS: Final = "tfidf-svd"
"""The encoder that needs nothing but the catalogue."""


def stand_in(quick: bool) -> str:
    """Return the encoder of a server whose settings name none.

    Args:
        quick: Whether MiniLM's weights and its quick arithmetic are here.
    """
    return DEFAULT_ENCODER if quick else _LEARNS


@dataclass(frozen=True)
class Workspace:
    """The surroundings of one command.

    Attributes:
        resolved: The settings, and where each came from.
        out: Where results and notes go.
        run: Seed and progress.
    """

    resolved: Resolved
    out: Output
    run: Run

    @classmethod
    def open(cls, out: Output, config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Workspace:
        """Read the settings.

        Raises:
            ConfigError: They are wrong.
        """
        resolved = load_settings(config, overrides)
        return cls(resolved, out, out.run(resolved.settings.run.seed, resolved.settings.run.threads))

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self.resolved.settings

    def dataset(self) -> Dataset:
        """Load the configured data set."""
        from tastemaker.data import load_dataset

        data = self.settings.data
        # What the environment names is looked up by the loader itself, which passes over a folder without the source.
        named = None if self.resolved.origins["data.path"] == ENVIRONMENT or not data.path else Path(data.path)
        try:
            with self.run.track(f"Loading {data.source}"):
                dataset = load_dataset(data.source, named, run=self.run, notify=self.out.note)
        except AssetError as error:
            if named is None or not any(named.glob("interactions.*")):
                raise
            advice = f"If this is a data set of your own, it is the source itself: --source {named}"
            raise DataError(error.message, where=str(named), remedy=advice) from error
        if rejected := dataset.interactions.rejected.height:
            first = dataset.interactions.rejected.row(0, named=True)
            self.out.note(
                f"{rejected} rows of {dataset.name} were set aside, "
                f"the first is row {first['order'] + 1}: {first['reason']}"
            )
        return dataset

    def split(self, dataset: Dataset) -> Split:
        """Split a data set by the configured protocol."""
        from tastemaker.data import make_split

        chosen = self.settings.split
        return make_split(dataset, chosen.protocol, run=self.run, **chosen.knobs())

    def event_split(self, dataset: Dataset, task: str) -> EventSplit:
        """Cut the events of a data set for predictions by the configured protocol.

        Raises:
            DataError: The protocol, or one of its knobs, does not cut events.
        """
        from tastemaker.data import split_events

        chosen = self.settings.split
        knobs: dict[str, Any] = {"valid": chosen.valid, "test": chosen.test, **(chosen.model_extra or {})}
        if unknown := sorted(knobs.keys() - {"valid", "test", "per"}):
            raise DataError(f"a split of events has no knob '{unknown[0]}'", remedy="Known: valid, test, per")
        return split_events(dataset, task, chosen.protocol, **knobs, run=self.run)

    def engine(self, folder: Path | None = None) -> Engine:
        """Load a trained model, the configured one unless ``folder`` names another, and its data."""
        from tastemaker.engine import Engine
        from tastemaker.models import load_model

        model = load_model(folder or Path(self.settings.train.folder))
        dataset = self.dataset()
        seen = model.provenance_
        if seen.fingerprint != dataset.fingerprint:
            self.out.note(
                f"The model was fitted on '{seen.dataset}', and these are other data or another version of them "
                f"('{dataset.name}'). Ids that it does not know are passed over."
            )
        return Engine(model, dataset, **self.people_in_words(dataset))

    def live_engine(self, store: TenantStore, folder: Path | None = None) -> Engine:
        """Answer from a store, which takes in the configured data where it is empty.

        Args:
            store: Where events, items and people are kept.
            folder: The model's; the live one of the store answers if ``None``, or where there is none the trained one.
        """
        from tastemaker.engine import Engine
        from tastemaker.engine.intake import NOTE, take_in
        from tastemaker.engine.scenarios import read_scenarios
        from tastemaker.engine.spaces import TEXT

        model, lineage = self._first_model(store, folder)
        begun = store.notes.get(NOTE) or {}
        empty = not begun and not len(store.items) and not len(store.events)
        if empty or any(not progress["done"] for progress in begun.values()):
            dataset = self.dataset()
            self.out.note(take_in(dataset, store, self.run).sentence())
            store.notes.put("name", dataset.name)
        scenarios = read_scenarios(self.settings.scenarios.model_extra or {}, str(self.resolved.file or "scenarios"))
        encoder, why = self.live_encoder(any(TEXT in each.spaces() for each in scenarios.values()))
        engine = Engine(
            model,
            store=store,
            scenarios=scenarios,
            encoder=encoder,
            no_encoder=why,
            item=self.settings.text.item,
            generator=self.generator() if any(each.ask for each in scenarios.values()) else None,
            prompt=self.prompt,
            **self.people_in_words(),
        )
        engine.lineage = lineage
        with self.run.track(f"Introducing new items to {model.name}"):
            engine.introduce_all()
        engine.warm()
        return engine

    def _first_model(self, store: TenantStore, folder: Path | None) -> tuple[DenseRecommender, Row]:
        """Load the model that a server begins with; return it with its lineage."""
        from tastemaker.engine.registry import Registry, lineage_of
        from tastemaker.models import load_model

        live = Registry(store).live() if folder is None else None
        if live is not None:
            try:
                return load_model(store.artefacts.open(live.artefact_id)), lineage_of(live)
            except TastemakerError as error:
                self.out.note(f"The live model cannot be taken, so that the trained one answers: {error}")
        folder = folder or Path(self.settings.train.folder)
        return load_model(folder), lineage_of(folder)

    def people_in_words(self, dataset: Dataset | None = None) -> dict[str, Any]:
        """Return how what is known of people becomes words: a template, and what is left out.

        Args:
            dataset: Names of attributes are checked against what it knows of people.

        Raises:
            ConfigError: The template names an attribute that nobody has.
        """
        text = self.settings.text
        if dataset is not None and dataset.users is not None and (text.person or text.leave_out):
            from tastemaker.language.texts import check_person_template, unknown_left_out

            attributes = dataset.users.frame.columns
            check_person_template(text.person, attributes)
            for sentence in unknown_left_out(text.leave_out, attributes):
                self.out.note(sentence)
        return {"person": text.person, "leave_out": tuple(text.leave_out)}

    def live_encoder(self, needed: bool) -> tuple[Encoder | None, str]:
        """Return the encoder of a server, and why there is none.

        It is the one that the settings name. Where they name none and a scenario needs vectors of texts, it is
        ``minilm`` if its weights and its quick arithmetic are here, or else one that learns from the catalogue. Nothing
        is encoded, or fetched, yet.

        Args:
            needed: Whether a scenario needs vectors of texts.

        Raises:
            ConfigError: There is no such encoder.
        """
        from tastemaker.core.errors import MissingExtraError
        from tastemaker.language.encoders import make_encoder
        from tastemaker.language.minilm.encoder import is_quick_here

        named = self.named_encoder()
        if named is not None:
            try:
                return make_encoder(named), ""
            except MissingExtraError as error:
                if not needed:
                    return None, f"{error.message}. {error.remedy}"
                self.out.note(f"{error.message}, so '{_LEARNS}' stands in for it. {error.remedy}")
                return make_encoder(_LEARNS), ""
        if not needed:
            return None, "no encoder was named"
        return make_encoder(stand_in(is_quick_here())), ""

    def named_encoder(self) -> str | Mapping[str, Any] | None:
        """Return the encoder that somebody chose; nothing is fetched for one that nobody asked for."""
        return None if self.resolved.origins["text.encoder"] == DEFAULT else self.settings.text.encoder

    def generator(self) -> Generator:
        """Return the language model that the settings name, with what is kept about its calls; nothing is asked yet.

        Raises:
            ConfigError: None is named, or there is none such.
            MissingExtraError: It needs a library that is not installed.
        """
        from tastemaker.core.generator import Sampling
        from tastemaker.language.generators import Budget, Ledger, Prices, ReplyCache, Trace, guarded, make_generator
        from tastemaker.language.generators.ledger import days_file

        told = self.settings.generator
        if told.name is None:
            raise ConfigError(
                "no language model is named",
                where="[generator]",
                remedy='Name one: name = "endpoint", or another of docs/generators.md.',
            )
        spec = told.spec()
        # A file beside the settings is found from anywhere; what else a model is called is left as it is.
        beside = self.resolved.file.parent / spec.get("model", "") if self.resolved.file else None
        if told.name != "endpoint" and "model" in spec and beside is not None and beside.exists():
            spec["model"] = str(beside)
        sampling = told.sampling.model_dump() if told.sampling else {}
        return guarded(
            make_generator(spec),
            sampling=Sampling(**sampling | {"stop": tuple(sampling.get("stop", ()))}),
            seconds=told.deadline,
            trace=Trace(Path(told.trace)) if told.trace else None,
            cache=ReplyCache() if told.cache else None,
            prices=Prices(**told.prices.model_dump()) if told.prices else None,
            budget=Budget(**told.budget.model_dump()) if told.budget else None,
            ledger=Ledger(days_file()),
        )

    def prompt(self, name: str) -> ChatPrompt:
        """Return a prompt in the words of the settings, where they have some for it.

        Raises:
            ConfigError: There is no such prompt, or the words of the settings cannot stand in its place.
        """
        from tastemaker.cli.prompt_settings import prompt_of

        return prompt_of(name, self.settings.prompts.tables(), self.resolved.file)

    def text_search(self, catalogue: Catalogue, encoder: str | Mapping[str, Any] | None) -> TextSearch:
        """Return a search over a catalogue, by words alone where there is no encoder.

        Raises:
            ConfigError: There is no such encoder, or the template of items is none.
        """
        from tastemaker.retrieval import TextSearch

        return TextSearch.over_catalogue(
            catalogue, encoder, template=self.settings.text.item, run=self.run, notify=self.out.note
        )

    def item(self, engine: Engine, text: str) -> str:
        """Return the id of the item that a title or an id means; a person is asked where several fit.

        Raises:
            UnknownItemError: Nothing fits.
            AmbiguousItemError: Several fit, and there is nobody to ask.
        """
        try:
            return engine.dataset.catalogue.titles.resolve(text)
        except AmbiguousItemError as error:
            if not self.out.interactive:
                raise
            listed = [(item, engine.title(item)) for item, _ in error.candidates]
            chosen = self.out.choose(f"'{text}' fits several titles:", listed)
            if chosen is None:
                raise
            return chosen


def refuse_foreign_folder(folder: Path, mark: str) -> None:
    """Refuse to replace a folder that holds anything but what ``mark`` is a file of.

    Raises:
        StorageError: It holds something else, which would be lost.
    """
    if not folder.exists() or (folder / mark).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise StorageError(
            f"this is no folder that may be replaced: it has no {mark}",
            where=str(folder),
            remedy="Name a new or an empty folder.",
        )
