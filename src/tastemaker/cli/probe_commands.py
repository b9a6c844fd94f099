"""`tastemaker probe`: does something in the data, or in a model, tell what nobody could know in time?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.data import Split
    from tastemaker.evaluation.probes import Finding


def probe(
    source: options.Source = None,
    data: options.Data = None,
    protocol: options.Protocol = None,
    knob: options.Knobs = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Also probe this model; it is fitted several times.")
    ] = None,
    seed: options.Seed = None,
    threads: options.Threads = None,
    config: options.Config = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Look for leaks: ids that tell the answer, ties broken by id, columns that know the future, models that peek.

    Without a protocol, ids are judged by each person's last event and columns by the last events of all.
    A folder is read with all its columns.
    """
    from tastemaker.cli.workspace import Workspace
    from tastemaker.evaluation.probes import probe_dataset, terminal_report, to_json

    given = {
        "data.source": source,
        "data.path": None if data is None else str(data),
        "split.protocol": protocol,
        **options.knob_values(knob),
        "run.seed": seed,
        "run.threads": threads,
    }
    work = Workspace.open(Output(as_json=as_json, progress=not no_progress), config, given)
    dataset = work.dataset()
    split = work.split(dataset) if protocol or model else None
    findings = probe_dataset(dataset, split if protocol else None, run=work.run)
    if model is not None and split is not None:
        findings += _probed(work, model, split)
    if as_json:
        write_json({"dataset": dataset.name, "fingerprint": dataset.fingerprint, **to_json(findings)})
        return
    work.out.print(terminal_report(findings))


def _probed(work: Workspace, name: str, split: Split) -> list[Finding]:
    """Choose a model's settings on validation once, and probe it with these."""
    from tastemaker.evaluation.probes import probe_model
    from tastemaker.models import make_model
    from tastemaker.models.refit import unfitted_copy

    chosen = make_model(name, work.settings.models.tables()).fit(split.train, split.valid, run=work.run)
    return probe_model(lambda: unfitted_copy(chosen), split, run=work.run)
