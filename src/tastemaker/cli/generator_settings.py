"""The section ``[generator]`` of `tastemaker.toml`: the language model, and what is kept about its calls."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import BaseModel, Field

from tastemaker.cli.section import Section


class SamplingSettings(Section):
    """How replies are drawn where a call does not say."""

    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int = Field(512, ge=1)
    stop: list[str] = Field([])
    seed: int = Field(0, ge=0)


class PriceSettings(Section):
    """What a million tokens cost; `tastemaker.language.generators.Prices`."""

    prompt: float = Field(0.0, ge=0)
    reused: float | None = Field(None, ge=0)
    reply: float = Field(0.0, ge=0)


class BudgetSettings(Section):
    """Limits of tokens and money; `tastemaker.language.generators.Budget`."""

    tokens_per_run: int | None = Field(None, ge=0)
    tokens_per_day: int | None = Field(None, ge=0)
    cost_per_run: float | None = Field(None, ge=0)
    cost_per_day: float | None = Field(None, ge=0)


class GeneratorSettings(Section):
    """The language model that writes, if there is one."""

    name: str | None = Field(
        None, description="what writes: endpoint, llama, torch, script: docs/generators.md", examples=["endpoint"]
    )
    model: str | None = Field(None, description="the model: a name of the server, or a file", examples=["my-model"])
    base_url: str | None = Field(
        None, description="address of a server, version included", examples=["http://127.0.0.1:8080/v1"]
    )
    key_from: str | None = Field(
        None, description="the environment variable that holds the key, never a key", examples=["MODEL_KEY"]
    )
    context: int | None = Field(None, ge=1, description="tokens of prompt and reply that it holds", examples=[8192])
    timeout: float | None = Field(None, gt=0, description="seconds for one request", examples=[60.0])
    retries: int | None = Field(None, ge=0, description="how often a request is sent again", examples=[4])
    concurrency: int | None = Field(None, ge=1, description="requests at a time", examples=[4])
    arguments: dict[str, Any] = Field({}, description="what else it is made with", examples=[{"repairs": 2}])
    sampling: SamplingSettings | None = Field(
        None, description="how replies are drawn", examples=[{"temperature": 0.0, "max_tokens": 512}]
    )
    deadline: float | None = Field(None, gt=0, description="seconds for a call and all its tries", examples=[120.0])
    cache: bool = Field(True, description="whether equal calls are answered from disk")
    prices: PriceSettings | None = Field(
        None, description="of a million tokens", examples=[{"prompt": 0.1, "reused": 0.05, "reply": 0.4}]
    )
    budget: BudgetSettings | None = Field(
        None, description="calls that might pass a limit are not made", examples=[{"cost_per_day": 1.0}]
    )
    trace: str | None = Field(
        None, description="file that gets a line for each call, without its words", examples=["calls.jsonl"]
    )

    def spec(self) -> dict[str, Any]:
        """Return what `tastemaker.language.generators.make_generator` is told."""
        told = self.model_dump(include=_MADE_WITH, exclude_none=True)
        return told | self.arguments


_MADE_WITH: Final = {"name", "model", "base_url", "key_from", "context", "timeout", "retries", "concurrency"}


def tables_of(key: str) -> list[type[BaseModel]]:
    """Return what a key of ``[generator]`` may be as a table."""
    kinds = get_args(GeneratorSettings.model_fields[key].annotation)
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
