"""Causal language models of a local folder, inside this process, by torch and transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from tastemaker.core.errors import ConfigError, PromptTooLongError, SchemaViolationError
from tastemaker.core.generator import Finish, Message, Reply, Sampling, Usage
from tastemaker.core.run import Run, default_threads
from tastemaker.data.mirrors import file_digest
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.calls import Call
from tastemaker.language.generators.in_process import Ask, InProcess, Weighed, defused, mass_of, tokens_after
from tastemaker.language.generators.registry import need_at_least
from tastemaker.language.generators.schemas import in_words, read_value, try_again
from tastemaker.language.generators.torch_network import Network, check_folder, network_for

_USUAL_CONTEXT: Final = 8192
_HALF: Final = "\N{REPLACEMENT CHARACTER}"


class LocalTorch(InProcess):
    """A causal language model in a folder, in the layout of the library transformers. It is loaded at its first use.

    Weights are read from safetensors alone, and code that a folder brings is never run. Calls wait for each other in a
    queue. ``choose`` is exact: all tokens of all options are scored under the prompt, side by side. Decoding is not
    bound to a schema: the model is told of it, and asked again where its reply does not keep it.

    Args:
        model: The folder.
        context: Tokens of prompt and reply together; what the model was trained for, at most 8192, if not said.
        threads: Of the arithmetic; what ``TASTEMAKER_THREADS`` says if not said.
        precision: ``float32`` or ``bfloat16``.
        device: Where it computes: ``cpu``, ``cuda``, ``mps``.
        repairs: How often a reply that does not keep its schema is asked for again.
    """

    name: ClassVar[str] = "torch"

    def __init__(
        self,
        model: str,
        context: int | None = None,
        threads: int | None = None,
        precision: str = "float32",
        device: str = "cpu",
        repairs: int = 1,
    ) -> None:
        need_at_least(1, threads=threads)
        need_at_least(32, context=context)
        need_at_least(0, repairs=repairs)
        self.model = model
        self.precision = precision
        self.device = device
        self.repairs = repairs
        self._context = context
        self._threads = threads
        self._network: Network | None = None

    @property
    def network(self) -> Network:
        """What computes; not loaded yet."""
        if self._network is None:
            self._network = network_for(Path(self.model).expanduser(), self.precision, self.device)
        return self._network

    def close(self) -> None:
        """Let the model go, and its memory where nobody else has it; the next call loads it again."""
        self._network = None

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the folder's files, the context, the precision and the version of transformers.

        Raises:
            ModelFormatError: The folder holds no model.
        """
        folder = Path(self.model).expanduser()
        check_folder(folder)
        kinds = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
        paths = sorted(path for kind in kinds for path in folder.glob(kind))
        digests = {path.name: file_digest(path, "sha256") for path in paths}
        try:
            library = version("transformers")
        except PackageNotFoundError:
            library = ""
        return fingerprint_of(self.name, digests, self._context, self.precision, self.repairs, library)

    @property
    def context(self) -> int:
        """How many tokens of prompt and reply it can hold; loads the model."""
        trained = int(getattr(self.network.model.config, "max_position_embeddings", 0) or _USUAL_CONTEXT)
        return min(self._context or _USUAL_CONTEXT, trained)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has; loads the model."""
        return len(self.network.encode(defused(text, self.network.marks)))

    def tokens(self, messages: Sequence[Message], options: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the tokens of a prompt, and those of each option behind it, as ``choose`` weighs them.

        Raises:
            ConfigError: The model is not made for conversations.
        """
        prompt, encode = self._prompt(messages), self.network.encode
        return encode(prompt), [tokens_after(encode, prompt, option, alone=encode) for option in options]

    def _queue(self) -> Executor:
        return self.network.queue

    def _prompt(self, messages: Sequence[Message]) -> str:
        tokenizer = self.network.tokenizer
        if not tokenizer.chat_template:
            raise ConfigError(
                "the model has no chat template, so it is not made for conversations",
                where=self.model,
                remedy="Take an instruct model.",
            )
        told = [{"role": each.role, "content": defused(each.content, self.network.marks)} for each in messages]
        return str(tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True))

    def _read(self, ask: Ask, prompt: Sequence[int]) -> tuple[Any, int]:
        if len(prompt) >= self.context:
            raise PromptTooLongError(
                f"the prompt has {len(prompt):,} tokens, more than the {self.context:,} that fit with a reply",
                where=self.model,
                remedy="Say less, or take a model that reads more.",
            )
        return self.network.read(prompt, ask)

    def _write(self, ask: Ask, call: Call) -> Reply:
        sampling = call.sampling or Sampling()
        with Run(threads=self._threads or default_threads()).limited():
            if call.schema is None:
                return self._written(ask, call.messages, sampling)
            messages = [Message("system", in_words(call.schema)), *call.messages]
            usage = Usage()
            for left in range(self.repairs, -1, -1):
                reply = self._written(ask, messages, sampling)
                usage += reply.usage
                try:
                    read_value(reply.text, call.schema)
                    break
                except SchemaViolationError as violation:
                    if not left:
                        raise
                    messages += [Message("assistant", reply.text), Message("user", try_again(violation))]
            return Reply(reply.text, None, reply.finish, usage, reply.model)

    def _written(self, ask: Ask, messages: Sequence[Message], sampling: Sampling) -> Reply:
        prompt = self.network.encode(self._prompt(messages))
        logits, reused = self._read(ask, prompt)
        room = min(sampling.max_tokens, self.context - len(prompt))
        tokens: list[int] = []
        text, told, stopped = "", 0, False
        for token in self.network.written(logits, sampling, room, ask):
            tokens.append(token)
            text, stopped = _until(self.network.tokenizer.decode(tokens, skip_special_tokens=True), sampling.stop)
            if stopped:
                break
            sure = _sure(text, sampling.stop)
            ask.wrote(text[told:sure])
            told = max(told, sure)
        ask.wrote(text[told:])
        finish: Finish = "length" if len(tokens) == room and not stopped else "stop"
        return Reply(text, None, finish, Usage(len(prompt), reused, len(tokens)), Path(self.model).name)

    def _weigh(self, ask: Ask, messages: Sequence[Message], options: Sequence[str]) -> Weighed:
        read, tokens = self.tokens(messages, options)
        with Run(threads=self._threads or default_threads()).limited():
            logits, reused = self._read(ask, read)
            totals = self.network.score(logits, tokens, ask)
        lengths = np.array([len(each) for each in tokens], dtype=np.int64)
        return Weighed(totals, lengths, mass_of(totals, tokens), Usage(len(read), reused, 0))

    def spec(self) -> dict[str, Any]:
        """Return what makes the same generator again."""
        return {
            "name": self.name,
            "model": self.model,
            "context": self._context,
            "threads": self._threads,
            "precision": self.precision,
            "device": self.device,
            "repairs": self.repairs,
        }


def _until(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """Return a text up to the first of its stop words, and whether there is one."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _sure(text: str, stops: Sequence[str]) -> int:
    """Return how much of a text under way will stay: no half characters, nothing that a stop word may begin with.

    >>> _sure("one, tw", ["two"])
    5
    """
    held = max((length for stop in stops for length in _begun(text, stop)), default=0)
    sure = len(text) - held
    return len(text[:sure].rstrip(_HALF))


def _begun(text: str, stop: str) -> Iterator[int]:
    return (length for length in range(1, min(len(stop), len(text) + 1)) if text.endswith(stop[:length]))
