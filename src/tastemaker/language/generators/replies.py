"""What `/v1/chat/completions` answers, whole or in pieces, as a reply; what cannot be right is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Finish, Usage

_FINISHES: Final[Mapping[Any, Finish]] = {"length": "length", "content_filter": "refused"}


@dataclass
class Written:
    """What a server wrote.

    Attributes:
        text: Of the reply.
        finish: Why it ended.
        model: What wrote it.
        prompt_tokens: As the server counts them, with `reused_tokens` and `reply_tokens`; ``None`` where it does not.
        top: The likeliest first tokens with their log-probabilities; empty where it does not say.
    """

    text: str = ""
    finish: Finish = "stop"
    model: str = ""
    prompt_tokens: int | None = None
    reused_tokens: int = 0
    reply_tokens: int | None = None
    top: list[tuple[str, float]] = field(default_factory=list)

    def usage(self, prompt: int, reply: int, seconds: float) -> Usage:
        """Return what the call took, by estimates where the server did not say."""
        return Usage(
            prompt if self.prompt_tokens is None else self.prompt_tokens,
            self.reused_tokens,
            reply if self.reply_tokens is None else self.reply_tokens,
            seconds,
        )


def written(answer: Any, where: str) -> Written:
    """Read a whole answer.

    Raises:
        GenerationError: It is no answer of ``/v1/chat/completions``, has no reply, or asks for a tool.
    """
    told = _facts(answer, where)
    choice = _first(answer, where)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _strange(where)
    _read_choice(told, choice, message, where)
    if message.get("content") is None and told.finish == "stop":
        raise GenerationError(
            "the endpoint answered without a word", where=where, remedy="Look into the log of the server."
        )
    told.top = _top(choice.get("logprobs"))
    return told


class Pieces:
    """The events of a stream, put together.

    Args:
        where: The place, for errors.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._whole = Written()
        self._texts: list[str] = []
        self._ended = False

    def add(self, event: Any) -> str:
        """Return the words that an event brings; none in some.

        Raises:
            GenerationError: As `written`.
        """
        where = self._where
        facts = _facts(event, where)
        whole = self._whole
        whole.model = facts.model or whole.model
        if facts.prompt_tokens is not None:
            whole.prompt_tokens, whole.reused_tokens = facts.prompt_tokens, facts.reused_tokens
        if facts.reply_tokens is not None:
            whole.reply_tokens = facts.reply_tokens
        if event.get("choices") == [] or ("choices" not in event and "usage" in event):
            return ""
        choice = _first(event, where)
        # A server that knows no streams answers with a message where others have a delta.
        message = choice.get("delta", choice.get("message"))
        if not isinstance(message, Mapping):
            raise _strange(where)
        said = Written()
        _read_choice(said, choice, message, where)
        if choice.get("finish_reason") is not None or said.finish == "refused" or "message" in choice:
            whole.finish, self._ended = said.finish, True
        self._texts.append(said.text)
        return said.text

    def end(self) -> None:
        """Take note that the server said that this was all."""
        self._ended = True

    def whole(self) -> Written:
        """Return all that was written.

        Raises:
            GenerationError: The stream ended before the reply did.
        """
        if not self._ended:
            raise GenerationError(
                "the stream of the endpoint ended in the middle of a reply",
                where=self._where,
                remedy="Ask again; something between here and the server may cut long answers.",
            )
        self._whole.text = "".join(self._texts)
        return self._whole


def _strange(where: str) -> GenerationError:
    return GenerationError(
        "the endpoint answered JSON that holds no reply as /v1/chat/completions should",
        where=where,
        remedy="Is this the address of an OpenAI-compatible API, version included (mostly .../v1)?",
    )


def _facts(answer: Any, where: str) -> Written:
    """Return what an answer says of itself."""
    if not isinstance(answer, Mapping):
        raise _strange(where)
    if answer.get("error"):
        fault = answer["error"]
        said = fault.get("message", fault) if isinstance(fault, Mapping) else fault
        raise GenerationError(
            f"the endpoint gave up: {str(said)[:200]}", where=where, remedy="Look into the log of the server."
        )
    told = Written(model=answer["model"] if isinstance(answer.get("model"), str) else "")
    usage = answer.get("usage")
    if isinstance(usage, Mapping):
        told.prompt_tokens, told.reply_tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        details = usage.get("prompt_tokens_details")
        reused = _count(details, "cached_tokens") if isinstance(details, Mapping) else None
        told.reused_tokens = reused or _count(usage, "prompt_cache_hit_tokens") or 0
    return told


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _first(answer: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise _strange(where)
    if not choices:
        raise GenerationError(
            "the endpoint answered with no reply: its list of choices is empty",
            where=where,
            remedy="The server may have withheld it; look into its log.",
        )
    if not isinstance(choices[0], Mapping):
        raise _strange(where)
    return choices[0]


def _read_choice(told: Written, choice: Mapping[str, Any], message: Mapping[str, Any], where: str) -> None:
    """Read text and finish of a choice into ``told``."""
    if message.get("tool_calls") or message.get("function_call"):
        raise GenerationError(
            "the endpoint asked for a tool, and none was offered",
            where=where,
            remedy="Take a model, or a chat template of the server, that does not do that.",
        )
    content, refusal = message.get("content"), message.get("refusal")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise _strange(where)
    told.text = content or refusal or ""
    told.finish = "refused" if refusal else _FINISHES.get(choice.get("finish_reason"), "stop")


def _top(logprobs: Any) -> list[tuple[str, float]]:
    """Return the likeliest first tokens; empty where the server does not say them in the way that is known."""
    try:
        found = [(entry["token"], float(entry["logprob"])) for entry in logprobs["content"][0]["top_logprobs"]]
    except (KeyError, IndexError, TypeError, ValueError):
        return []
    right = all(isinstance(token, str) and logprob <= 1e-6 for token, logprob in found)
    return [(token, min(logprob, 0.0)) for token, logprob in found] if right else []
