"""What every text encoder must do; run it on your own with `check_encoder`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder, TextKind
from tastemaker.core.errors import NotFittedError
from tastemaker.language.encoders import fit_encoder, is_learnt, make_encoder, restored_encoder, store_encoder

TEXTS: Final = (
    "A quiet novel about the sea",
    "Loud songs about the sea, and a quiet one",
    "The garden: a novel",
    "Songs of the garden",
    "",
    "The sea",
    "a",
    "Les Misérables, vol. 2: a novel",
    "A long story of a garden by the sea " * 20,
)
"""What an encoder that learns is fitted on here."""

ODD: Final = {
    "an empty text": "",
    "a text of spaces": " \t ",
    "a text of 100 kB": "the quiet sea " * 7_200,
    "one word of 100 kB": "x" * 100_000,
    "control characters": "the\x00quiet\x07\x1b[31msea\r\n\x85",
    "half surrogates": "the sea \ud800 and \udfff",
    "Japanese": "静かな海の小説",
    "Arabic": "رواية هادئة عن البحر",
    "Hindi": "समुद्र के बारे में",
    "signs beyond the basic plane": "🌊📚 𐍃𐌰𐌹𐍅𐍃",
    "joined marks": "s" + "\u0301" * 50 + "ea",
    "a replacement field": "{title} %s {{0}}",
}
"""Texts that have broken encoders."""

Rule = Callable[[Encoder], None]

_CLOSE: Final = 2e-4


def check_encoder(encoder: Encoder) -> None:
    """Check that an encoder keeps the contract.

    It has to be one that `tastemaker.language.encoders.make_encoder` makes from its spec, so it is either shipped or
    declared as an entry point in the group ``tastemaker.encoders``.

    Args:
        encoder: The encoder; one that learns is not fitted yet, and is fitted here.

    Raises:
        AssertionError: It does not; the message names the rule.
    """
    for rule in RULES:
        rule(encoder)


def _require(holds: object, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    scale = max(float(np.abs(one).max(initial=0)), 1e-12)
    return one.shape == other.shape and bool(np.allclose(one, other, atol=_CLOSE * scale, rtol=0))


def learns_before_it_encodes(encoder: Encoder) -> None:
    """One that learns says no before `fit`, which returns itself; the others need nothing."""
    if is_learnt(encoder):
        for call in (lambda: encoder.encode(["a"]), lambda: encoder.fingerprint, encoder.tensors, encoder.learnt):
            try:
                call()
            except NotFittedError:
                continue
            raise AssertionError("an encoder that learns raises NotFittedError before fit")
        _require(encoder.fit(TEXTS) is encoder, "fit returns the encoder itself")
    _require(isinstance(encoder, Encoder), "every member of the Encoder protocol exists")
    _require(isinstance(encoder.name, str) and encoder.name, "it has a name")
    _require(isinstance(encoder.normalised, bool), "normalised is True or False")
    _require(encoder.dim >= 1, "dim is at least 1")


def gives_a_vector_for_each_text(encoder: Encoder) -> None:
    """Vectors are finite float32 rows of length ``dim``, one for each text, none for none, of every kind."""
    for kind in get_args(TextKind):
        found = encoder.encode(TEXTS, kind)
        _require(found.shape == (len(TEXTS), encoder.dim), "the shape is [n, dim]")
        _require(found.dtype == np.float32, "vectors are float32")
        _require(np.isfinite(found).all(), "vectors are finite")
        if encoder.normalised:
            lengths = np.linalg.norm(found, axis=1)
            good = (np.abs(lengths - 1) < 1e-3) | (lengths == 0)
            _require(good.all(), "vectors of a normalised encoder have length 1, or are zero")
    none = encoder.encode([])
    _require(none.shape == (0, encoder.dim) and none.dtype == np.float32, "no texts give an empty array [0, dim]")
    _require(encoder.encode(TEXTS).any(), "not every vector is zero")


def gives_each_text_its_own(encoder: Encoder) -> None:
    """A text has the same vector whatever stands beside it, and in whatever order; and the same again."""
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    _require(_alike(together, alone), "a text alone and among others has the same vector")
    _require(_alike(together[::-1], encoder.encode(TEXTS[::-1])), "vectors stand in the order of the texts")
    _require(_alike(together[[0, 0, 2]], encoder.encode([TEXTS[0], TEXTS[0], TEXTS[2]])), "repeated texts are fine")
    _require(np.array_equal(together, encoder.encode(TEXTS)), "the same call gives the same numbers")


def takes_odd_texts(encoder: Encoder) -> None:
    """No text breaks it, and none makes it give numbers that are none."""
    for what, text in ODD.items():
        try:
            found = encoder.encode([text, TEXTS[0]])
        except Exception as error:
            raise AssertionError(f"it encodes {what}: {type(error).__name__}: {error}") from error
        _require(found.shape == (2, encoder.dim) and np.isfinite(found).all(), f"it encodes {what} as finite numbers")
        _require(_alike(found[1:], encoder.encode([TEXTS[0]])), f"{what} changes no other text's vector")


def counts_what_it_cuts(encoder: Encoder) -> None:
    """``truncated`` is a count that only grows."""
    before = encoder.truncated
    encoder.encode([ODD["a text of 100 kB"]])
    _require(isinstance(before, int) and encoder.truncated >= before >= 0, "truncated counts, and never goes back")


def comes_back(encoder: Encoder) -> None:
    """From its spec, or from what was stored, comes an encoder with the same fingerprint and the same vectors."""
    stored, tensors = store_encoder(encoder)
    rows = [isinstance(each, np.ndarray) and each.flags.c_contiguous for each in tensors.values()]
    _require(all(rows), "tensors are arrays, row by row in memory, since files keep them so")
    spec = _through_json(encoder.spec(), "spec")
    _require(spec.get("name") == encoder.name, "the spec has the name")
    again = fit_encoder(make_encoder(spec), TEXTS)
    back = restored_encoder(_through_json(stored, "what is stored"), {name: t.copy() for name, t in tensors.items()})
    for other, how in ((again, "made from its spec"), (back, "restored")):
        _require(other.fingerprint == encoder.fingerprint, f"an encoder {how} has the same fingerprint")
        _require(other.spec() == encoder.spec(), f"an encoder {how} has the same spec")
        _require(other.dim == encoder.dim, f"an encoder {how} has the same dim")
        _require(_alike(other.encode(TEXTS), encoder.encode(TEXTS)), f"an encoder {how} gives the same vectors")


def _through_json(value: Any, what: str) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} holds JSON values only: {error}") from error


_PROGRAM: Final = """
import json, sys
from tastemaker.language.encoders import fit_encoder, make_encoder
asked = json.load(sys.stdin)
print(fit_encoder(make_encoder(asked["spec"]), asked["texts"]).fingerprint)
"""


def is_known_by_its_fingerprint(encoder: Encoder) -> None:
    """The fingerprint is hexadecimal, and the same in another process."""
    fingerprint = encoder.fingerprint
    _require(len(fingerprint) >= 16 and not set(fingerprint) - set("0123456789abcdef"), "a fingerprint is hexadecimal")
    encoder.encode(TEXTS)
    _require(encoder.fingerprint == fingerprint, "encoding does not change the fingerprint")
    asked = json.dumps({"spec": encoder.spec(), "texts": TEXTS})
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=asked, capture_output=True, text=True, check=False)
    _require(done.returncode == 0, f"another process makes the encoder from its spec: {done.stderr}")
    _require(done.stdout.strip() == fingerprint, "the fingerprint is the same in another process")


RULES: Final[Sequence[Rule]] = (
    learns_before_it_encodes,
    gives_a_vector_for_each_text,
    gives_each_text_its_own,
    takes_odd_texts,
    counts_what_it_cuts,
    comes_back,
    is_known_by_its_fingerprint,
)
"""Every rule of the contract, in the order in which they are checked; the first one fits an encoder that learns."""
