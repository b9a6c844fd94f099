"""Static vectors: a text as the mean of its word pieces' vectors, read from a folder in model2vec's layout.

No network is computed, so that this is hundreds of times as fast as one that reads whole sentences, and knows neither
order nor context. Without a folder the vectors are distilled from MiniLM, once.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError, DataError
from tastemaker.core.run import Run
from tastemaker.data.assets import Asset, fetch
from tastemaker.data.layouts import Content, Layout, WebFiles, WebMirror
from tastemaker.data.mirrors import file_digest
from tastemaker.language.minilm.wordpiece import LONGEST_WORD, UNKNOWN, WordPiece

_MAX_TOKENS: Final = 512
_WEIGHTS, _TOKENIZER, _CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_ON_THE_HUB: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_TEXTS_AT_ONCE: Final = 1 << 14


@dataclass(frozen=True)
class StaticTable:
    """What a folder in model2vec's layout holds.

    Attributes:
        tokenizer: Cuts texts.
        vectors: Of the pieces, float32 ``[v, d]``, with their weights multiplied in.
        normalise: Whether a text's vector is scaled to length 1.
        max_tokens: How many pieces of a text are read.
        fingerprint: A hexadecimal hash of the files.
    """

    tokenizer: WordPiece
    vectors: NDArray[np.float32]
    normalise: bool
    max_tokens: int
    fingerprint: str


class StaticVectors:
    """Texts as the mean of their word pieces' vectors; very fast, and blind to order.

    Unknown pieces are left out; a text without any that is known is zero. A text of more than 512 pieces is cut.

    Args:
        source: A folder in model2vec's layout (``model.safetensors``, ``tokenizer.json``, ``config.json``), or the name
            of one on the Hugging Face hub (``owner/name``), of whose files no checksum is known (see
            `tastemaker.data.assets.fetch`). Nothing distils vectors from MiniLM, which takes half a minute once.
        dim: How long the distilled vectors are; not used with a source.

    Raises:
        ConfigError: The source is neither a folder nor a name on the hub, or ``dim`` is not between 1 and 384.
    """

    name = "static"

    def __init__(self, source: str | Path | None = None, *, dim: int = 256) -> None:
        if not 1 <= dim <= 384:
            raise ConfigError(f"dim is {dim}, but must be between 1 and 384", where="dim")
        self.source = source
        self.truncated = 0
        self._dim = dim
        self._lock = threading.Lock()
        self._table: StaticTable | None = None

    @property
    def dim(self) -> int:
        """How long a vector is. Reads the source where there is one."""
        return self._dim if self.source is None else self._opened(Run()).vectors.shape[1]

    @property
    def normalised(self) -> bool:
        """Whether vectors have length 1 (or are zero). Reads the source where there is one."""
        return True if self.source is None else self._opened(Run()).normalise

    @property
    def fingerprint(self) -> str:
        """A hexadecimal hash of all that decides a vector. Reads the source where there is one."""
        if self.source is None:
            from tastemaker.language.minilm.distil import recipe

            return _hash(recipe(self._dim))
        return self._opened(Run()).fingerprint

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``; what a text is about makes no difference here.

        Raises:
            AssetError: Files could not be fetched.
            DataError: The source is not what it should be.
        """
        run = run or Run()
        table = self._opened(run)
        vectors = np.zeros((len(texts), table.vectors.shape[1]), dtype=np.float32)
        cut = 0
        with run.track("Encoding texts", len(texts)) as advance:
            for begin in range(0, len(texts), _TEXTS_AT_ONCE):
                part = slice(begin, begin + _TEXTS_AT_ONCE)
                vectors[part], more = _means(texts[part], table)
                cut += more
                advance(len(texts[part]))
        if table.normalise:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        with self._lock:
            self.truncated += cut
        return vectors

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again, as JSON values."""
        if self.source is None:
            return {"name": self.name, "dim": self._dim}
        return {"name": self.name, "source": str(self.source)}

    def _opened(self, run: Run) -> StaticTable:
        with self._lock:
            if self._table is None:
                self._table = read_static(_folder(self.source, self._dim, run))
            return self._table


def read_static(folder: Path) -> StaticTable:
    """Read a folder in model2vec's layout.

    Of the tensors ``embeddings`` (or ``embedding.weight``), ``weights`` and ``mapping`` the last two may be missing: a
    piece's vector is the row that ``mapping`` names, times its weight. The tokenizer has to be one of uncased word
    pieces, as BERT's and those of the models named potion-base are.

    Raises:
        DataError: A file is missing or is not what it should be.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(folder / _WEIGHTS)
        described = json.loads((folder / _TOKENIZER).read_text(encoding="utf-8"))
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8")) if (folder / _CONFIG).exists() else {}
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"these are no static vectors: {error}", where=str(folder)) from error
    tokenizer = _word_pieces(described, folder)
    vectors = _weighted(tensors, len(tokenizer.vocabulary), folder)
    normalise = bool(config.get("normalize", True))
    max_tokens = int(config.get("max_length") or _MAX_TOKENS)
    files = {name: file_digest(folder / name, "sha256") for name in (_WEIGHTS, _TOKENIZER)}
    return StaticTable(tokenizer, vectors, normalise, max_tokens, _hash(files, normalise, max_tokens))


def _weighted(tensors: dict[str, NDArray[Any]], pieces: int, folder: Path) -> NDArray[np.float32]:
    """Return the vector of each piece, float32 ``[pieces, d]``."""
    named = tensors.get("embeddings", tensors.get("embedding.weight"))
    if named is None or named.ndim != 2:
        raise DataError("there is no matrix 'embeddings'", where=str(folder / _WEIGHTS))
    rows = tensors.get("mapping", np.arange(len(named)))
    weights = tensors.get("weights", np.ones(len(rows)))
    if not len(rows) == len(weights) == pieces or (len(rows) and not 0 <= rows.min() <= rows.max() < len(named)):
        raise DataError(f"the vectors are not of the {pieces:,} pieces of the tokenizer", where=str(folder / _WEIGHTS))
    return np.asarray(named[rows], dtype=np.float32) * weights[:, None].astype(np.float32)


def _word_pieces(described: Any, folder: Path) -> WordPiece:
    """Return the tokenizer of a ``tokenizer.json``, if it cuts texts as `WordPiece` does."""
    try:
        model, normaliser, first = described["model"], described["normalizer"], described["pre_tokenizer"]
        known = (
            (model["type"], normaliser["type"], first["type"]) == ("WordPiece", "BertNormalizer", "BertPreTokenizer")
            and (model["unk_token"], model["continuing_subword_prefix"]) == (UNKNOWN, "##")
            and model["max_input_chars_per_word"] == LONGEST_WORD
            and all(normaliser[what] for what in ("lowercase", "clean_text", "handle_chinese_chars"))
            and normaliser["strip_accents"] is not False
        )
        if known:
            special = [str(token["content"]) for token in described.get("added_tokens", ())]
            return WordPiece({str(piece): int(number) for piece, number in model["vocab"].items()}, special)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise DataError(
        "the tokenizer is not one of uncased word pieces",
        where=str(folder / _TOKENIZER),
        remedy="Take a model whose tokenizer is BERT's, such as those named potion-base.",
    )


def _folder(source: str | Path | None, dim: int, run: Run) -> Path:
    """Return the folder that a source names; see `StaticVectors`."""
    if source is None:
        from tastemaker.language.minilm.distil import distilled_folder

        return distilled_folder(dim, run)
    if Path(source).expanduser().is_dir():
        return Path(source).expanduser()
    if not _ON_THE_HUB.fullmatch(str(source)):
        raise ConfigError(
            f"'{source}' is neither a folder nor a name on the hub",
            where="source",
            remedy="Name a folder with model.safetensors and tokenizer.json, or a model as owner/name.",
        )
    return fetch(_hub_asset(str(source)), progress=run.progress).folder


def _hub_asset(name: str) -> Asset:
    """Return what is to be fetched of a model on the hub, of whose files nothing is known beforehand."""
    home = f"https://huggingface.co/{name}"
    layout = Layout("model2vec", {file: Content() for file in (_WEIGHTS, _TOKENIZER, _CONFIG)})
    parts = tuple(
        WebMirror(f"{home}/resolve/main/{file}", layout, {}, most)
        for file, most in ((_WEIGHTS, 1 << 30), (_TOKENIZER, 1 << 26), (_CONFIG, 1 << 20))
    )
    return Asset(
        name=f"static-{name.replace('/', '-').lower()}",
        mirrors=(WebFiles(parts),),
        licence="see its page",
        terms=f"{name}: static vectors published by their authors under the licence named on the page.",
        homepage=home,
        size=0,
    )


def _hash(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _means(texts: Sequence[str], table: StaticTable) -> tuple[NDArray[np.float32], int]:
    """Return the mean vector of each text's known pieces, ``[n, d]``, and how many texts were cut."""
    from scipy import sparse

    unknown = table.tokenizer.vocabulary[UNKNOWN]
    all_pieces = [table.tokenizer.pieces(text, table.max_tokens) for text in texts]
    known = [[piece for piece in pieces[: table.max_tokens] if piece != unknown] for pieces in all_pieces]
    lengths = np.fromiter(map(len, known), dtype=np.int64, count=len(known))
    columns = np.fromiter((piece for pieces in known for piece in pieces), dtype=np.int64, count=int(lengths.sum()))
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    counts = sparse.csr_array((shares, columns, ends), shape=(len(texts), len(table.vectors)))
    return counts @ table.vectors, sum(len(pieces) > table.max_tokens for pieces in all_pieces)
