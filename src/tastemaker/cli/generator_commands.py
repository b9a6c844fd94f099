"""`tastemaker models list | get | try | bench | serve`: the language models that write."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tastemaker.cli import options
from tastemaker.cli.output import Output, write_json

if TYPE_CHECKING:
    from tastemaker.core.generator import Choice, Generator, Message, Reply, Sampling

app = typer.Typer(no_args_is_help=True, help="Language models that write: which are here, trying them, how fast.")

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_USUAL: Final = "llama"

Which = Annotated[
    str, typer.Option("--model", "-m", metavar="NAME", help="A generator: a name, NAME:MODEL, a .gguf file, or JSON.")
]
Threads = Annotated[int | None, typer.Option("--threads", metavar="N", help="Threads of the arithmetic.")]
Sha256 = Annotated[str, typer.Option("--sha256", metavar="HEX", help="What the file must have.")]


def _made(spec: str, threads: int | None) -> Generator:
    from tastemaker.language.generators import make_generator

    if spec.startswith("hf:") or (spec.endswith(".gguf") and not spec.startswith("llama:")):
        spec = f"llama:{spec}"
    if threads is None:
        return make_generator(spec)
    return make_generator(make_generator(spec).spec() | {"threads": threads})


@app.command("list")
def list_models(as_json: options.Json = False) -> None:
    """List the generators, and the GGUF models that have a name or lie in the cache."""
    from tastemaker.language.generators import GENERATORS, generator_names
    from tastemaker.language.generators.gguf_models import KNOWN, at_hand, facts_about_file, fetched_from_hub

    generators = []
    for name in generator_names():
        entry = GENERATORS.get(name)
        about, needs = (entry.about, entry.needs) if entry else ("of another package", "")
        generators.append({"name": name, "about": about, "needs": needs or None})
    files: list[dict[str, Any]] = []
    for name, asset in KNOWN.items():
        path = at_hand(asset)
        files.append({"name": name, "bytes": asset.size, "licence": asset.licence, "file": path and str(path)})
    for name, path in fetched_from_hub().items():
        facts = facts_about_file(path)
        files.append({"name": name, "bytes": facts["bytes"], "licence": facts["licence"], "file": str(path)})
    if as_json:
        write_json({"generators": generators, "models": files})
        return
    out = Output()
    out.print(
        _table(("generator", "what", "needs"), ((row["name"], row["about"], row["needs"]) for row in generators)),
        "",
        _table(
            ("model", "size", "licence", "here"),
            (
                (row["name"], f"{row['bytes'] / 1e6:.0f} MB", row["licence"], "yes" if row["file"] else "no")
                for row in files
            ),
        ),
        "Any other GGUF file: its path, or hf:owner/repository/file.gguf.",
    )


@app.command("get")
def get_model(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name of `models list`, or hf:owner/repository/file.gguf.")
    ],
    sha256: Sha256 = "",
    accept_unknown: Annotated[
        bool,
        typer.Option("--accept-unknown", help="Take a file whose checksum is not known; a later one must be the same."),
    ] = False,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Fetch a GGUF model into the cache, and show what it says of itself."""
    from tastemaker.language.generators.gguf_models import facts_about_file, locate

    out = Output(as_json=as_json, progress=not no_progress)
    found = locate(model, sha256=sha256, accept_unknown=accept_unknown, notify=out.note, progress=out.run().progress)
    facts = {"name": found.label, "file": str(found.path), **facts_about_file(found.path)}
    if as_json:
        write_json(facts)
        return
    out.print(
        f"{facts['name']}: {facts['architecture']}, {facts['bytes'] / 1e6:.0f} MB, reads {facts['context']:,} tokens, "
        f"licence {facts['licence'] or 'not said'}",
        facts["file"],
    )


@app.command("try")
def try_model(
    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="What to say; without it, each line of standard input.")
    ] = None,
    model: Which = _USUAL,
    system: Annotated[str, typer.Option("--system", metavar="WORDS", help="What the model is told first.")] = "",
    choose: Annotated[
        list[str] | None,
        typer.Option("--choose", metavar="WORD", help="An option to weigh; again for each, two or more."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE", help="A JSON schema that the reply has to keep.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", metavar="N", help="A reply ends after so many.")] = 256,
    temperature: Annotated[float, typer.Option("--temperature", help="0 takes the likeliest words.")] = 0.0,
    seed: options.Seed = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="A reply is wanted within so many seconds.")
    ] = None,
    threads: Threads = None,
    as_json: options.Json = False,
) -> None:
    """Say something to a model and show its reply, or chat with it line by line; with what it took."""
    from tastemaker.core.generator import Message, Sampling

    generator = _made(model, threads)
    sampling = Sampling(temperature, max_tokens=max_tokens, seed=seed or 0)
    said = [Message("system", system)] if system else []
    out = Output(as_json=as_json)
    lines: Iterable[str] = [prompt] if prompt is not None else _lines(out)
    for line in lines:
        said.append(Message("user", line))
        deadline = None if timeout is None else time.monotonic() + timeout
        if choose:
            _show_choice(out, choose, generator.choose(said, choose, deadline=deadline))
            said.pop()
            continue
        reply = _replied(out, generator, said, sampling, schema, deadline)
        said.append(Message("assistant", reply.text))


def _lines(out: Output) -> Iterable[str]:
    """Yield what is typed, or comes from a file, line by line."""
    if sys.stdin.isatty():
        out.note("Say something; an empty line or Ctrl-D ends it.")
    for line in sys.stdin:
        if not line.strip():
            if sys.stdin.isatty():
                return
            continue
        yield line.strip()


def _replied(
    out: Output,
    generator: Generator,
    said: list[Message],
    sampling: Sampling,
    schema: Path | None,
    deadline: float | None,
) -> Reply:
    from tastemaker.core.generator import Reply

    began, first = time.perf_counter(), None
    found: Reply | None = None
    if schema is not None:
        found = generator.generate(said, schema=_schema(schema), sampling=sampling, deadline=deadline)
        out.print(_CONTROL.sub("", found.text))
    else:
        for piece in generator.stream(said, sampling=sampling, deadline=deadline):
            if isinstance(piece, Reply):
                found = piece
                continue
            first = first or time.perf_counter() - began
            if not out.as_json:
                sys.stdout.write(_CONTROL.sub("", piece))
                sys.stdout.flush()
        if not out.as_json:
            sys.stdout.write("\n")
    assert found is not None
    took = found.usage
    if out.as_json:
        facts = {"text": found.text, "value": found.value, "finish": found.finish, "model": found.model}
        write_json(facts | {"usage": _usage(took), "first_token_seconds": first and round(first, 4)})
    else:
        out.note(
            f"{took.prompt_tokens:,} tokens read ({took.reused_tokens:,} known before), {took.reply_tokens:,} written, "
            f"{took.seconds:.2f} s" + (f", the first after {first:.2f} s" if first else "")
        )
    return found


def _schema(file: Path) -> Any:
    from tastemaker.core.errors import ConfigError

    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the schema cannot be read: {error}", where=str(file)) from error


def _usage(usage: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(usage) | {"seconds": round(usage.seconds, 4)}


def _show_choice(out: Output, words: list[str], choice: Choice) -> None:
    import numpy as np

    shares = np.exp(choice.log_probabilities)
    mass = None if np.isnan(choice.mass) else round(float(choice.mass), 6)
    if out.as_json:
        rows = [
            {"option": word, "probability": round(float(share), 6)} for word, share in zip(words, shares, strict=True)
        ]
        write_json({"options": rows, "mass": mass, "usage": _usage(choice.usage)})
        return
    order = np.argsort(-shares, kind="stable")
    out.print(_table(("option", "probability"), ((words[place], f"{shares[place]:.4f}") for place in order)))
    told = "" if mass is None else f"; together they had {mass:.4g} of all probability"
    out.note(f"{choice.usage.seconds:.2f} s{told}")


@app.command("bench")
def bench(
    model: Which = _USUAL,
    words: Annotated[int, typer.Option("--words", help="About how many tokens the long prompt has.")] = 600,
    tokens: Annotated[int, typer.Option("--tokens", help="How many tokens are written at most.")] = 64,
    choices: Annotated[int, typer.Option("--choices", help="How many choices are made.")] = 8,
    threads: Threads = None,
    as_json: options.Json = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Measure a model by the clock: reading, writing, the first token, known beginnings, choices."""
    from tastemaker.language.generators.speed import measure_speed

    out = Output(as_json=as_json, progress=not no_progress)
    generator = _made(model, threads)
    found = measure_speed(generator, words=words, tokens=tokens, choices=choices, run=out.run(threads=threads))
    if as_json:
        write_json({"generator": generator.spec(), "fingerprint": generator.fingerprint, **found.facts()})
        return
    rows = (
        ("reading", f"{found.prompt_tokens_per_second:,.1f} tokens/s, a new prompt of {found.prompt_tokens:,}"),
        ("first token", f"{found.first_token_seconds:.3f} s after a short question"),
        ("writing", f"{found.reply_tokens_per_second:,.1f} tokens/s"),
        (
            "known beginning",
            f"{found.known_prefix_gain:.1f} times as fast: {found.known_prefix_tokens:,} tokens not read again",
        ),
        ("choose()", f"{found.choices_per_second:.2f} a second, four letters behind that beginning"),
    )
    out.print(_table(("what", "how fast"), rows))


@app.command("serve")
def serve_model(
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="As for `models get`, or a .gguf file.")
    ] = "",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8081,
    task: Annotated[str, typer.Option("--task", help="chat, embeddings or rerank.")] = "chat",
    key_from: Annotated[
        str,
        typer.Option("--key-from", metavar="VARIABLE", help="The environment variable with the key that clients send."),
    ] = "",
    context: Annotated[int | None, typer.Option("--context", help="Tokens of prompt and reply together.")] = None,
    slots: Annotated[int, typer.Option("--slots", help="Calls that may be under way at the same time.")] = 1,
    threads: Threads = None,
    sha256: Sha256 = "",
) -> None:
    """Serve a GGUF model on this machine by OpenAI's interface, with llama.cpp's own server. Ctrl-C stops it."""
    import threading
    from typing import cast

    from tastemaker.language.generators.gguf_models import DEFAULT_MODEL
    from tastemaker.language.generators.llama_server import Task, serve_gguf
    from tastemaker.language.services import key_of

    out = Output()
    with serve_gguf(
        model or DEFAULT_MODEL,
        port=port,
        key=key_of(key_from, "tastemaker models serve"),
        task=cast(Task, task),
        context=context,
        threads=threads,
        slots=slots,
        sha256=sha256,
    ) as served:
        out.print(f"{served.model} ({served.task}, {served.context:,} tokens) at {served.base_url}. Ctrl-C stops it.")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            out.note("Stopped")


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(_CONTROL.sub("", str(cell or ""))) for cell in row))
    return table
