"""A causal language model of a folder in torch: loaded once, read with a cached prefix, one token after the other."""

from __future__ import annotations

import copy
import json
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError, MissingExtraError, ModelFormatError
from tastemaker.core.generator import Sampling
from tastemaker.language.generators.calls import sound
from tastemaker.language.generators.in_process import Ask

_PORTION: Final = 128
"""Tokens of a prompt that are read before it is looked whether anybody still waits."""
_ABREAST: Final = 32
"""Options that are scored side by side."""
PRECISIONS: Final = ("float32", "bfloat16")


class Network:
    """A model, its tokenizer, and what of the last prompt is still at hand. One thread uses it at a time.

    Args:
        folder: In the layout of the library transformers, the weights as safetensors.
        precision: Of the arithmetic.
        device: Where it computes, such as ``cpu`` or ``cuda``.
    """

    def __init__(self, folder: Path, precision: str, device: str) -> None:
        self.folder = folder
        self.queue: Executor = ThreadPoolExecutor(1, thread_name_prefix="torch")
        self._precision, self._device = precision, device
        self._loading = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._read: list[int] = []
        self._cache: Any = None
        weakref.finalize(self, self.queue.shutdown, wait=False, cancel_futures=True)

    @property
    def model(self) -> Any:
        """The network; the first use loads it."""
        return self._load()[0]

    @property
    def tokenizer(self) -> Any:
        """What turns texts into tokens and messages into a prompt."""
        return self._load()[1]

    def _load(self) -> tuple[Any, Any]:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self.folder, self._precision, self._device)
            return self._loaded

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, control marks among them, and nothing added."""
        return list(self.tokenizer(sound(text), add_special_tokens=False, verbose=False)["input_ids"])

    @property
    def marks(self) -> list[str]:
        """The texts of the tokens that steer the model, longest first."""
        added = [str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        return sorted({*self.tokenizer.all_special_tokens, *added}, key=lambda mark: (-len(mark), mark))

    @property
    def ends(self) -> frozenset[int]:
        """The tokens after which a reply is over."""
        said = [self.model.generation_config.eos_token_id, self.tokenizer.eos_token_id]
        listed = [each if isinstance(each, list) else [each] for each in said]
        return frozenset(token for each in listed for token in each if token is not None)

    def read(self, prompt: Sequence[int], ask: Ask) -> tuple[Any, int]:
        """Read a prompt, as far as it differs from what was read last.

        Returns:
            The logits of the next token, float32 ``[v]``, and how many tokens were not read again.
        """
        same = 0
        while same < min(len(prompt) - 1, len(self._read)) and prompt[same] == self._read[same]:
            same += 1
        if self._cache is None or not _may_be_cut(self._cache):
            same = 0
        if not same:
            self._cache = import_module("transformers").DynamicCache(config=self.model.config)
        elif same < len(self._read):
            self._cache.crop(same - len(self._read))
        self._read = list(prompt[:same])
        logits = None
        for start in range(same, len(prompt), _PORTION):
            ask.check()
            logits = self._further(prompt[start : start + _PORTION])
        return logits, same

    def _further(self, tokens: Sequence[int]) -> Any:
        """Read some more tokens; return the logits after the last, float32 ``[v]``."""
        import torch

        # What fails on the way leaves a cache that nobody knows the length of.
        cache, read, self._read = self._cache, self._read, []
        with torch.inference_mode():
            ids = torch.tensor([list(tokens)], device=self._device)
            found = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self._read = [*read, *tokens]
        return found.logits[0, -1].float()

    def written(self, logits: Any, sampling: Sampling, room: int, ask: Ask) -> Iterator[int]:
        """Yield the tokens of a reply after a prompt that was read, at most ``room``, until one that ends it."""
        import torch

        drawn = torch.Generator().manual_seed(sampling.seed)
        ends = self.ends
        for place in range(room):
            ask.check()
            token = _next(logits, sampling, drawn)
            if token in ends:
                return
            yield token
            if place + 1 < room:
                logits = self._further([token])

    def score(self, logits: Any, options: Sequence[Sequence[int]], ask: Ask) -> NDArray[np.float64]:
        """Return the log-probability of each option's tokens after a prompt that was read, float64 ``[o]``.

        Args:
            logits: As `read` returned them.
            options: Tokens of each.
            ask: Whoever waits.
        """
        import torch

        first = torch.log_softmax(logits.double(), dim=0)
        totals = [float(first[each[0]]) for each in options]
        longer = [place for place, each in enumerate(options) if len(each) > 1]
        for start in range(0, len(longer), _ABREAST):
            ask.check()
            places = longer[start : start + _ABREAST]
            for place, rest in zip(places, self._rest([options[place] for place in places]), strict=True):
                totals[place] += rest
        return np.array(totals)

    def _rest(self, options: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probabilities of all tokens of some options but their first, summed."""
        import torch

        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(options))
        longest = max(len(each) for each in options) - 1
        ids = torch.zeros((len(options), longest), dtype=torch.long)
        for row, each in enumerate(options):
            ids[row, : len(each) - 1] = torch.tensor(each[:-1])
        # What stands behind the end of an option is read, and counts for nothing: attention looks back only.
        with torch.inference_mode():
            logits = self.model(input_ids=ids.to(self._device), past_key_values=cache, use_cache=True).logits
        known = torch.log_softmax(logits.double(), dim=-1).cpu()
        return [
            float(known[row, torch.arange(len(each) - 1), torch.tensor(each[1:])].sum())
            for row, each in enumerate(options)
        ]


def _may_be_cut(cache: Any) -> bool:
    """Say whether all of a prefix is kept; windows that slide and running states are not."""
    return all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)


def _next(logits: Any, sampling: Sampling, drawn: Any) -> int:
    """Return the next token: the likeliest, or one drawn from the likeliest that have a share together."""
    import torch

    if sampling.temperature <= 0:
        return int(logits.argmax())
    shares, order = torch.softmax(logits.double().cpu() / sampling.temperature, dim=0).sort(descending=True)
    kept = shares * ((shares.cumsum(0) - shares) < sampling.top_p)
    return int(order[torch.multinomial(kept, 1, generator=drawn)])


def _load(folder: Path, precision: str, device: str) -> tuple[Any, Any]:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("a language model of a folder", "torch") from error
    try:
        library: Any = import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("a language model of a folder", "transformers") from error
    check_folder(folder)
    ours: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    logging = library.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **ours)
        model = library.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, precision), use_safetensors=True, **ours
        )
    except Exception as error:  # transformers, tokenizers and safetensors raise what they like about a bad folder
        raise ModelFormatError(
            f"transformers cannot load this model: {' '.join(str(error).split())[:300]}",
            where=str(folder),
            remedy="Name the folder of a causal language model that transformers knows without code of its own.",
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()
    return model.to(device).eval(), tokenizer


def check_folder(folder: Path) -> None:
    """Check that a folder holds what a model needs, its weights as safetensors.

    Raises:
        ModelFormatError: It does not, or it wants code of its own to be run.
    """
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise ModelFormatError(
            f"the folder of a model lacks {', '.join(missing)}",
            where=str(folder),
            remedy="Name a folder in the layout of transformers, with weights as safetensors and in no other format.",
        )
    try:
        wants_code = "auto_map" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFormatError("config.json is no JSON", where=str(folder), remedy="Fetch the model again.") from error
    if wants_code:
        raise ModelFormatError(
            "this model brings code of its own, which is never run",
            where=str(folder / "config.json"),
            remedy="Take a model that transformers knows by itself, or serve this one elsewhere as an endpoint.",
        )


_networks: weakref.WeakValueDictionary[tuple[Path, str, str], Network] = weakref.WeakValueDictionary()
_shared = threading.Lock()


def network_for(folder: Path, precision: str, device: str) -> Network:
    """Return the network of a folder, one for all that want it alike.

    Raises:
        ConfigError: There is no such precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"there is no precision '{precision}'", remedy=f"Known: {', '.join(PRECISIONS)}.")
    key = (folder.resolve(), precision, device)
    with _shared:
        found = _networks.get(key)
        if found is None:
            found = _networks[key] = Network(folder, precision, device)
        return found
