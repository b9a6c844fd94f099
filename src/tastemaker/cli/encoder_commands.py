"""`tastemaker encoders list | try | cache | clear`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.encoder import LearntEncoder

app = typer.Typer(no_args_is_help=True, help="Encoders: what turns words into vectors, and the vectors kept on disk.")

_TIMED: Final = 64
"""Texts that are encoded to measure the speed."""
_SHOWN: Final = 60


@app.command("list")
def list_encoders(as_json: options.Json = False) -> None:
    """List the encoders, those of other packages as well."""
    from tastemaker.language.encoders import DEFAULT_ENCODER, ENCODERS, encoder_names

    out = Output(as_json=as_json)
    rows: list[dict[str, Any]] = []
    for name in encoder_names():
        entry = ENCODERS.get(name)
        rows.append(
            {
                "name": name,
                "about": entry.about if entry else "of another package",
                "dim": entry.dim if entry else None,
                "licence": entry.licence if entry else None,
                "needs": entry.needs or None if entry else None,
                "default": name == DEFAULT_ENCODER,
            }
        )
    if as_json:
        write_json({"encoders": rows})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what", min_width=30)
    for head in ("dim", "licence", "needs"):
        table.add_column(head)
    for row in rows:
        name = f"{row['name']} *" if row["default"] else row["name"]
        table.add_row(
            *(Text(str(cell or "")) for cell in (name, row["about"], row["dim"], row["licence"], row["needs"]))
        )
    out.print(
        table,
        "* what models take that are told no other. What learns, learns from the items in training.",
        "Encoders of encoders: whitened:minilm, shuffled:tfidf-svd, whitened:shuffled:minilm",
        'With arguments: { name = "random", dim = 64 } in tastemaker.toml, \'{"name": "random", "dim": 64}\' here.',
    )


@app.command("try")
def try_encoder(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An encoder: a name, NAME:OTHER, or JSON.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What to encode.")],
    source: options.Source = None,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Encode some texts: how long the vectors are, how alike, and how fast it goes.

    An encoder that learns is fitted on the items of the data set in use first.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.language.encoders import is_learnt, make_encoder

    encoder = make_encoder(name)
    given = {"data.source": source, "data.path": None if data is None else str(data)}
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    learnt_from = _fit(work, encoder) if is_learnt(encoder) else None
    vectors = encoder.encode(texts, "query", run=work.run)
    many = (texts * (_TIMED // len(texts) + 1))[:_TIMED]
    began = time.perf_counter()
    encoder.encode(many, "query", run=work.run)
    speed = len(many) / max(time.perf_counter() - began, 1e-9)
    import numpy as np

    norms = np.linalg.norm(vectors, axis=1)
    directions = vectors / np.where(norms > 0, norms, 1)[:, None]
    cosines = (directions @ directions.T).astype(np.float64).round(4).tolist()
    found = {
        "encoder": encoder.spec(),
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "normalised": encoder.normalised,
        "learnt_from": learnt_from,
        "texts": [{"text": text, "norm": round(float(norm), 4)} for text, norm in zip(texts, norms, strict=True)],
        "cosines": cosines,
        "texts_per_second": round(speed, 1),
    }
    if as_json:
        write_json(found)
        return
    learnt = f", learnt from {learnt_from['texts']:,} items of {learnt_from['dataset']}" if learnt_from else ""
    work.out.print(
        f"{encoder.name}: {encoder.dim} numbers a text, {speed:,.0f} such texts/s, fingerprint "
        f"{encoder.fingerprint[:12]}{learnt}"
    )
    _show_cosines(work.out, texts, norms.tolist(), cosines)


def _fit(work: Workspace, encoder: LearntEncoder) -> dict[str, Any]:
    """Fit an encoder on the items of the data set in use, and say what these were."""
    from tastemaker.language.texts import item_texts

    dataset = work.dataset()
    texts = [text for text in item_texts(dataset.catalogue, dataset.items.ids, work.settings.text.item) if text]
    with work.run.track(f"Fitting {encoder.name}"):
        encoder.fit(texts, run=work.run)
    return {"dataset": dataset.name, "texts": len(texts)}


def _show_cosines(out: Output, texts: list[str], norms: list[float], cosines: list[list[float]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tastemaker.language.cleaning import cleaned

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("", "text", "norm", *(str(number) for number in range(1, len(texts) + 1))):
        table.add_column(head, justify="left" if head == "text" else "right")
    for number, (text, norm, row) in enumerate(zip(texts, norms, cosines, strict=True), start=1):
        shown = cleaned(" ".join(text.split()))
        shown = f"{shown[:_SHOWN]}…" if len(shown) > _SHOWN else shown
        table.add_row(str(number), Text(shown), f"{norm:.3f}", *(f"{cosine:.3f}" for cosine in row))
    out.print(table)


@app.command("cache")
def show_cache(as_json: options.Json = False) -> None:
    """Show which vectors are kept on disk, and how much room they take."""
    from tastemaker.language.encoders import kept_vectors
    from tastemaker.language.encoders.cache import vectors_folder

    out = Output(as_json=as_json)
    kept = kept_vectors()
    if as_json:
        rows = [{"encoder": each.name, "vectors": each.vectors, "bytes": each.size} for each in kept]
        write_json({"folder": str(vectors_folder()), "encoders": rows})
        return
    for each in kept:
        out.print(f"{each.name}  {each.vectors:,} vectors, {each.size / 1e6:.1f} MB")
    total = sum(each.size for each in kept)
    out.print(f"{total / 1e6:.1f} MB in {vectors_folder()}. To delete: tastemaker encoders clear")


@app.command("clear")
def clear_cache(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="An encoder as `encoders cache` shows it, or how it begins.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Delete vectors kept on disk, those of one encoder or all; they are made anew when they are needed."""
    from tastemaker.core.errors import ConfigError, nearest
    from tastemaker.language.encoders import forget_vectors, kept_vectors

    known = [each.name for each in kept_vectors()]
    gone = forget_vectors(name)
    if name and not gone:
        raise ConfigError(f"no vectors of '{name}' are kept", remedy=nearest(name, known))
    out, size = Output(as_json=as_json), sum(each.size for each in gone)
    out.print(f"Deleted the vectors of {len(gone)} encoders, {size / 1e6:.1f} MB")
    if as_json:
        write_json({"deleted": [{"encoder": each.name, "bytes": each.size} for each in gone]})
