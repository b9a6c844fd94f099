"""Language models in GGUF files, inside this process, by llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Final

import numpy as np

from tastemaker.core.errors import ConfigError, GenerationError
from tastemaker.core.generator import Finish, Message, Reply, Sampling, Usage
from tastemaker.core.run import default_threads
from tastemaker.data.mirrors import file_digest
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.calls import Call
from tastemaker.language.generators.gguf import GgufHeader, read_gguf_header
from tastemaker.language.generators.gguf_models import DEFAULT_MODEL, Located, locate
from tastemaker.language.generators.in_process import Ask, InProcess, Weighed, defused, mass_of, tokens_after
from tastemaker.language.generators.llama_engine import Completed, Engine, Setup, binding, engine_for
from tastemaker.language.generators.registry import need_at_least

_USUAL_CONTEXT: Final = 8192
"""Tokens that are held where nobody says how many, if the model was trained for as many."""
_FIRST: Final = 256
"""The likeliest first tokens that are looked at before the others are asked for one by one."""
_ALL: Final = 1 << 20
_SURELY: Final = 1e4
"""A bias that no difference of logits outweighs."""
_SEPARATED: Final = {"x-guidance": {"whitespace_flexible": False}}
"""Keeps small models from writing blanks for ever between the parts of JSON."""


class Llama(InProcess):
    """A model in a GGUF file. It is fetched, checked and loaded at its first use, once in a process for equal setups.

    Calls wait for each other in a queue unless there are several slots; a call that nobody waits for any more, since
    its deadline passed or its task was cancelled, ends within 128 tokens of its prompt or one of its reply. What one
    prompt has in common with an earlier one is not read again. The sums are then made in other portions than those of
    a fresh prompt, so that a log-probability differs: by up to some hundredths with weights of 4 bits.

    ``choose`` is exact: every token of every option is scored under the prompt, whatever the model would rather have
    said. Options of one token among the 256 likeliest take one pass together; any other takes a pass of its own over
    its tokens behind the cached prompt, or one for each token if it has other than ASCII characters. An option that
    another one begins with holds the other's probability as well.

    Args:
        model: ``smollm2-135m-instruct``, a path that ends in ``.gguf``, or ``hf:owner/repository/file.gguf``.
        context: Tokens of prompt and reply together; what the model was trained for, at most 8192, if not said.
        threads: Of the arithmetic; what ``TASTEMAKER_THREADS`` says if not said.
        slots: Calls that may be under way at the same time; each has the whole context.
        template: A chat template in Jinja instead of the one in the file.
        sha256: What the file must have.
    """

    name: ClassVar[str] = "llama"

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        context: int | None = None,
        threads: int | None = None,
        slots: int = 1,
        template: str = "",
        sha256: str = "",
    ) -> None:
        need_at_least(1, threads=threads, slots=slots)
        need_at_least(32, context=context)
        self.model = model
        self.slots = slots
        self.template = template
        self.sha256 = sha256
        self._context = context
        self._threads = threads
        self._engine: Engine | None = None

    @cached_property
    def file(self) -> Located:
        """The model's file; fetches it where it is not here."""
        return locate(self.model, sha256=self.sha256)

    @cached_property
    def header(self) -> GgufHeader:
        """What the file says of itself."""
        found = read_gguf_header(self.file.path)
        if not (found.template or self.template):
            raise ConfigError(
                "the model has no chat template, so it is not made for conversations",
                where=str(self.file.path),
                remedy="Take an instruct model, or say its template.",
            )
        return found

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the file, the chat template, the context and the version of llama.cpp's binding."""
        digest = file_digest(self.file.path, "sha256")
        try:
            binding = version("xllamacpp")
        except PackageNotFoundError:
            binding = ""
        return fingerprint_of(self.name, digest, self.template or self.header.template, self.context, binding)

    @property
    def context(self) -> int:
        """How many tokens of prompt and reply it can hold."""
        return self._context or min(self.header.context or _USUAL_CONTEXT, _USUAL_CONTEXT)

    @property
    def engine(self) -> Engine:
        """What computes; not loaded yet."""
        if self._engine is None:
            threads = self._threads or default_threads()
            self._engine = engine_for(Setup(self.file.path, self.context, threads, self.slots, self.template))
        return self._engine

    def close(self) -> None:
        """Let the model go, and its memory where nobody else has it; the next call loads it again."""
        self._engine = None

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has; loads the model."""
        return len(self.engine.tokens(text, special=False))

    def _queue(self) -> Executor:
        return self.engine.queue

    def _told(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        return [{"role": each.role, "content": defused(each.content, self.header.marks)} for each in messages]

    def _write(self, ask: Ask, call: Call) -> Reply:
        request = {"messages": self._told(call.messages), **_sampled(call.sampling or Sampling())}
        if call.schema is not None:
            request["grammar"] = binding().json_schema_to_grammar({**call.schema, **_SEPARATED})
        done = self.engine.complete(request, ask)
        finish: Finish = "length" if done.finish == "length" else "stop"
        return Reply(done.text, None, finish, _usage(done), self.file.label)

    def _weigh(self, ask: Ask, messages: Sequence[Message], options: Sequence[str]) -> Weighed:
        prompt = self.engine.prompt(self._told(messages))
        read = self.engine.tokens(prompt, special=True)
        encode, alone = partial(self.engine.tokens, special=True), partial(self.engine.tokens, special=False)
        tokens = [tokens_after(encode, prompt, option, alone=alone) for option in options]
        usage, likeliest = self._likeliest(ask, read, _FIRST)
        totals = np.array([likeliest.get(each[0], np.nan) if len(each) == 1 else np.nan for each in tokens])
        for place in np.flatnonzero(np.isnan(totals)).tolist():
            # Tokens that are a part of a character are neither allowed by a grammar nor told when they are written.
            score = self._together if options[place].isascii() else self._one_by_one
            took, totals[place] = score(ask, read, tokens[place])
            usage += took
        lengths = np.array([len(each) for each in tokens], dtype=np.int64)
        return Weighed(totals, lengths, mass_of(totals, tokens), usage)

    def _likeliest(self, ask: Ask, prompt: list[int], most: int) -> tuple[Usage, dict[int, float]]:
        """Return the log-probabilities of the likeliest next tokens, over the whole vocabulary, by token."""
        # A bias, which they do not show, has a letter written: they are not told beside an end mark.
        letter = self.engine.tokens("A", special=False)[-1]
        asked = {"prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": most}
        done = self.engine.complete({**asked, "logit_bias": [[letter, _SURELY]]}, ask)
        ask.check()
        (told,) = done.tokens
        return _usage(done), {int(each["id"]): float(each["logprob"]) for each in told["top_logprobs"]}

    def _together(self, ask: Ask, prompt: list[int], tokens: list[int]) -> tuple[Usage, float]:
        """Return the log-probability that these tokens follow: a grammar lets nothing else be written."""
        grammar = "root ::= " + " ".join(f"<[{token}]>" for token in tokens)
        asked = {"prompt": prompt, "max_tokens": len(tokens), "temperature": 0, "logprobs": 1, "grammar": grammar}
        done = self.engine.complete(asked, ask, in_pieces=False)
        ask.check()
        if [each["id"] for each in done.tokens] != tokens:
            raise GenerationError("llama.cpp wrote other tokens than an option has", where=self.file.label)
        return _usage(done), sum(float(each["logprob"]) for each in done.tokens)

    def _one_by_one(self, ask: Ask, prompt: list[int], tokens: list[int]) -> tuple[Usage, float]:
        """Return the same by a pass for each token, and a look at all of the vocabulary for an unlikely one."""
        usage, total = Usage(), 0.0
        for place, token in enumerate(tokens):
            for most in (_FIRST, _ALL):
                took, likeliest = self._likeliest(ask, prompt + tokens[:place], most)
                usage += took
                if token in likeliest:
                    break
            total += likeliest[token]
        return usage, total

    def spec(self) -> dict[str, Any]:
        """Return what makes the same generator again."""
        return {
            "name": self.name,
            "model": self.model,
            "context": self._context,
            "threads": self._threads,
            "slots": self.slots,
            "template": self.template,
            "sha256": self.sha256,
        }


def _sampled(sampling: Sampling) -> dict[str, Any]:
    """Return a sampling as llama.cpp takes it, without the rules that it would add by itself."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "seed": sampling.seed,
    }


def _usage(done: Completed) -> Usage:
    return Usage(done.prompt_tokens, done.reused_tokens, done.reply_tokens)
