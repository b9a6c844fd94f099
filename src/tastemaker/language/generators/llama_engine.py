"""One GGUF model loaded in this process by llama.cpp: its queue, its tokens, one completion after the other.

`xllamacpp` is llama.cpp's server inside the process. Completions are handed to it directly; how a template or a text
becomes tokens it tells over loopback only, behind a key that nobody else knows.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tastemaker.core.errors import (
    GenerationError,
    MissingExtraError,
    ModelFormatError,
    PromptTooLongError,
    ServiceError,
)
from tastemaker.language.generators.calls import sound
from tastemaker.language.generators.in_process import Ask

_BATCH: Final = 128
"""Tokens of a prompt that are read before it is looked whether anybody still waits; larger ones are no faster here."""
_KEPT_MEBIBYTES: Final = 512
"""Memory for what was read of earlier prompts, so that several beginnings can take turns."""
_SECONDS: Final = 30.0
_SHORT, _MOST_KNOWN = 256, 4096
"""Texts of so few characters, such as options, are turned into tokens once, and so many of them remembered."""


@dataclass(frozen=True)
class Setup:
    """How a model is loaded; equal ones share it.

    Attributes:
        path: The GGUF file.
        context: Tokens of prompt and reply together, of each slot.
        threads: Of the arithmetic.
        slots: Calls that may be under way at the same time.
        template: A chat template instead of the file's own; empty for that.
    """

    path: Path
    context: int
    threads: int = 1
    slots: int = 1
    template: str = ""


@dataclass(frozen=True)
class Completed:
    """What one completion came to.

    Attributes:
        text: What was written.
        finish: ``stop`` or ``length``.
        tokens: One entry for each written token where log-probabilities were asked for: ``id``, ``logprob`` and
            ``top_logprobs``.
        prompt_tokens: Tokens of the prompt.
        reused_tokens: How many of these were not read again.
        reply_tokens: Tokens that were written.
    """

    text: str
    finish: str
    tokens: tuple[Mapping[str, Any], ...]
    prompt_tokens: int
    reused_tokens: int
    reply_tokens: int


def binding() -> Any:
    """Return the module ``xllamacpp``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtraError("a language model in a GGUF file", "local") from error
    return xllamacpp


def start_server(setup: Setup, **settings: Any) -> Any:
    """Load a model and return llama.cpp's server around it, which listens on loopback.

    Args:
        setup: What is loaded, and how.
        settings: Further fields of the binding's ``CommonParams``.

    Raises:
        MissingExtraError: The binding is not installed.
        ModelFormatError: The file cannot be loaded.
    """
    library = binding()
    params = library.CommonParams()
    params.model.path = str(setup.path)
    params.n_ctx, params.n_parallel = setup.context * setup.slots, setup.slots
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = setup.threads
    params.n_threads_http = 2 + setup.slots
    params.cache_ram_mib = _KEPT_MEBIBYTES
    params.enable_reasoning = 0
    params.verbosity = -1
    # Web pages of other origins may not ask; nothing but the interface is served; no memory is probed.
    params.cors_origins, params.ui, params.fit_params, params.warmup = "", False, False, False
    if setup.template:
        params.chat_template = setup.template
    for name, value in settings.items():
        setattr(params, name, value)
    try:
        return library.Server(params)
    except RuntimeError as error:
        raise ModelFormatError(
            "llama.cpp cannot load this model",
            where=str(setup.path),
            remedy="The file is cut off or damaged (fetch it again), of a kind that this version of xllamacpp does not "
            "know (update it), or larger than the memory.",
        ) from error


class Engine:
    """A model that is loaded at its first use and shared by all that were set up alike. Threads may share it.

    Args:
        setup: What is loaded, and how.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.queue: Executor = ThreadPoolExecutor(setup.slots, thread_name_prefix="llama")
        self._loading = threading.Lock()
        self._server: Any = None
        self._http: httpx.Client | None = None
        self._known: dict[tuple[str, bool], list[int]] = {}
        weakref.finalize(self, self.queue.shutdown, wait=False, cancel_futures=True)

    @property
    def server(self) -> Any:
        """The binding's server; the first use loads the model."""
        with self._loading:
            if self._server is None:
                key = secrets.token_urlsafe(24)
                self._server = start_server(self.setup, api_keys=[key])
                self._http = httpx.Client(
                    base_url=self._server.listening_address,
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=_SECONDS,
                    trust_env=False,
                )
                weakref.finalize(self, self._http.close)
            return self._server

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: Any text.
            special: Whether control marks in it are what they look like, and the beginning of a prompt is marked.
        """
        text = sound(text)
        found = self._known.get((text, special))
        if found is None:
            request = {"content": text, "add_special": special, "parse_special": special}
            found = list(self._ask("/tokenize", request)["tokens"])
            if len(text) <= _SHORT:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[text, special] = found
        return list(found)

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the messages in the model's chat template, as far as where the reply begins."""
        return str(self._ask("/apply-template", {"messages": list(messages)})["prompt"])

    def complete(self, request: Mapping[str, Any], ask: Ask, *, in_pieces: bool = True) -> Completed:
        """Have a raw prompt or a conversation continued.

        Args:
            request: As ``/v1/completions`` takes it with ``prompt``, or ``/v1/chat/completions`` with ``messages``.
            ask: Whoever waits; is told each piece.
            in_pieces: Whether it can be stopped on the way; if not, all tokens are told.

        Raises:
            DeadlineExceededError: Nobody waits any more.
            PromptTooLongError: The prompt does not fit.
            GenerationError: llama.cpp refuses for another reason.
        """
        handle = self.server.handle_chat_completions if "messages" in request else self.server.handle_completions
        heard = _Heard(ask, self.setup)
        asked = {**request, "cache_prompt": True}
        if in_pieces:
            progress = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
            handle({**asked, **progress}, heard)
        else:
            heard(handle({**asked, "stream": False}))
        return heard.result()

    def _ask(self, path: str, request: Mapping[str, Any]) -> Any:
        _ = self.server
        assert self._http is not None
        try:
            answer = self._http.post(path, json=request)
        except httpx.HTTPError as error:
            raise ServiceError(f"llama.cpp inside this process does not answer: {error}", where=path) from error
        found = answer.json()
        if answer.status_code != httpx.codes.OK:
            raise _refused(found.get("error", {}), self.setup)
        return found


class _Heard:
    """Gathers the pieces of one completion; llama.cpp stops when it is told True."""

    def __init__(self, ask: Ask, setup: Setup) -> None:
        self._ask, self._setup = ask, setup
        self._texts: list[str] = []
        self._tokens: list[Mapping[str, Any]] = []
        self._finish = ""
        self._usage: Mapping[str, Any] | None = None
        self._error: BaseException | None = None

    def __call__(self, chunk: Mapping[str, Any]) -> bool:
        try:
            self._take(chunk)
        except Exception as error:  # none may pass through llama.cpp's C++; `result` raises it again
            self._error = error
        return self._error is not None or self._ask.over

    def _take(self, chunk: Mapping[str, Any]) -> None:
        if "error" in chunk or "choices" not in chunk:
            raise _refused(chunk.get("error", chunk), self._setup)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk["choices"]:
            piece = choice.get("text") or choice.get("delta", {}).get("content") or ""
            self._texts.append(piece)
            self._tokens += (choice.get("logprobs") or {}).get("content") or ()
            self._finish = choice.get("finish_reason") or self._finish
            self._ask.wrote(piece)

    def result(self) -> Completed:
        if self._error is not None:
            raise self._error
        if self._usage is None or not self._finish:
            self._ask.check()
            raise GenerationError("llama.cpp stopped before the reply was whole", where=str(self._setup.path))
        details = self._usage.get("prompt_tokens_details") or {}
        return Completed(
            "".join(self._texts),
            self._finish,
            tuple(self._tokens),
            int(self._usage["prompt_tokens"]),
            int(details.get("cached_tokens", 0)),
            int(self._usage["completion_tokens"]),
        )


def _refused(error: Mapping[str, Any], setup: Setup) -> GenerationError:
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLongError(
            f"the prompt has {error.get('n_prompt_tokens'):,} tokens, more than the {setup.context:,} that fit",
            where=setup.path.name,
            remedy="Say less, or load the model with a larger context.",
        )
    told = " ".join(str(error.get("message", "it did not say why")).split())[:300]
    return GenerationError(f"llama.cpp refused: {told}", where=setup.path.name)


_engines: weakref.WeakValueDictionary[tuple[Any, ...], Engine] = weakref.WeakValueDictionary()
_shared = threading.Lock()


def engine_for(setup: Setup) -> Engine:
    """Return the engine of a setup: of one that is in use already, where path, context, slots and template agree."""
    state = setup.path.stat()
    key = (setup.path.resolve(), state.st_size, state.st_mtime_ns, setup.context, setup.slots, setup.template)
    with _shared:
        found = _engines.get(key)
        if found is None:
            found = _engines[key] = Engine(setup)
        return found
