"""What a server says to OpenAI's ``/v1/chat/completions``, whole and in events."""

from __future__ import annotations

import json
from typing import Any

from tests.language.model_server import Stream


def reply(text: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """Return a right answer; further fields are those of its choice, or ``usage``."""
    usage = more.pop(
        "usage", {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    )
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": finish, **more}
    return {"id": "c", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


def tokens(**shares: float) -> dict[str, Any]:
    """Return a right answer with the likeliest first tokens, by their log-probabilities."""
    top: list[dict[str, Any]] = [{"token": token, "logprob": share, "bytes": None} for token, share in shares.items()]
    return reply(top[0]["token"], "length", logprobs={"content": [{**top[0], "top_logprobs": top}]})


def events(*words: str, finish: str | None = "stop", done: bool = True, usage: bool = True) -> Stream:
    """Return a right stream, or what a flag makes of it."""
    told: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    ]
    told += [{"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words]
    if finish is not None:
        told.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        told.append({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}})
    lines = [f"data: {json.dumps({'model': 'm-1', **event})}\n\n".encode() for event in told]
    return Stream([b": hello\n\n", *lines, *([b"data: [DONE]\n\n"] if done else [])])
