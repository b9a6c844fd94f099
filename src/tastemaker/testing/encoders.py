"""What every text encoder must do; run it on your own with `check_encoder`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder, TextKind
from tastemaker.core.errors import NotFittedError
from tastemaker.language.encoders import fit_encoder, is_learnt, make_encoder, restored_encoder, store_encoder
from tastemaker.testing.rules import ODD, check_fingerprint, refused, require, through_json

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


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    scale = max(float(np.abs(one).max(initial=0)), 1e-12)
    return one.shape == other.shape and bool(np.allclose(one, other, atol=_CLOSE * scale, rtol=0))


def learns_before_it_encodes(encoder: Encoder) -> None:
    """One that learns says no before `fit`, which returns itself; the others need nothing."""
    if is_learnt(encoder):
        for call in (lambda: encoder.encode(["a"]), lambda: encoder.fingerprint, encoder.tensors, encoder.learnt):
            refused(call, NotFittedError, "an encoder that learns raises NotFittedError before fit")
        require(encoder.fit(TEXTS) is encoder, "fit returns the encoder itself")
    require(isinstance(encoder, Encoder), "every member of the Encoder protocol exists")
    require(isinstance(encoder.name, str) and encoder.name, "it has a name")
    require(isinstance(encoder.normalised, bool), "normalised is True or False")
    require(encoder.dim >= 1, "dim is at least 1")


def gives_a_vector_for_each_text(encoder: Encoder) -> None:
    """Vectors are finite float32 rows of length ``dim``, one for each text, none for none, of every kind."""
    for kind in get_args(TextKind):
        found = encoder.encode(TEXTS, kind)
        require(found.shape == (len(TEXTS), encoder.dim), "the shape is [n, dim]")
        require(found.dtype == np.float32, "vectors are float32")
        require(np.isfinite(found).all(), "vectors are finite")
        if encoder.normalised:
            lengths = np.linalg.norm(found, axis=1)
            good = (np.abs(lengths - 1) < 1e-3) | (lengths == 0)
            require(good.all(), "vectors of a normalised encoder have length 1, or are zero")
    none = encoder.encode([])
    require(none.shape == (0, encoder.dim) and none.dtype == np.float32, "no texts give an empty array [0, dim]")
    require(encoder.encode(TEXTS).any(), "not every vector is zero")


def gives_each_text_its_own(encoder: Encoder) -> None:
    """A text has the same vector whatever stands beside it, and in whatever order; and the same again."""
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    require(_alike(together, alone), "a text alone and among others has the same vector")
    require(_alike(together[::-1], encoder.encode(TEXTS[::-1])), "vectors stand in the order of the texts")
    require(_alike(together[[0, 0, 2]], encoder.encode([TEXTS[0], TEXTS[0], TEXTS[2]])), "repeated texts are fine")
    require(np.array_equal(together, encoder.encode(TEXTS)), "the same call gives the same numbers")


def takes_odd_texts(encoder: Encoder) -> None:
    """No text breaks it, and none makes it give numbers that are none."""
    for what, text in ODD.items():
        try:
            found = encoder.encode([text, TEXTS[0]])
        except Exception as error:  # of an encoder that anybody may have written
            raise AssertionError(f"it encodes {what}: {type(error).__name__}: {error}") from error
        require(found.shape == (2, encoder.dim) and np.isfinite(found).all(), f"it encodes {what} as finite numbers")
        require(_alike(found[1:], encoder.encode([TEXTS[0]])), f"{what} changes no other text's vector")


def counts_what_it_cuts(encoder: Encoder) -> None:
    """``truncated`` is a count that only grows."""
    before = encoder.truncated
    encoder.encode([ODD["a text of 100 kB"]])
    require(isinstance(before, int) and encoder.truncated >= before >= 0, "truncated counts, and never goes back")


def comes_back(encoder: Encoder) -> None:
    """From its spec, or from what was stored, comes an encoder with the same fingerprint and the same vectors."""
    stored, tensors = store_encoder(encoder)
    rows = [isinstance(each, np.ndarray) and each.flags.c_contiguous for each in tensors.values()]
    require(all(rows), "tensors are arrays, row by row in memory, since files keep them so")
    spec = through_json(encoder.spec(), "spec")
    require(spec.get("name") == encoder.name, "the spec has the name")
    again = fit_encoder(make_encoder(spec), TEXTS)
    back = restored_encoder(through_json(stored, "what is stored"), {name: t.copy() for name, t in tensors.items()})
    for other, how in ((again, "made from its spec"), (back, "restored")):
        require(other.fingerprint == encoder.fingerprint, f"an encoder {how} has the same fingerprint")
        require(other.spec() == encoder.spec(), f"an encoder {how} has the same spec")
        require(other.dim == encoder.dim, f"an encoder {how} has the same dim")
        require(_alike(other.encode(TEXTS), encoder.encode(TEXTS)), f"an encoder {how} gives the same vectors")


_PROGRAM: Final = """
import json, sys
from tastemaker.language.encoders import fit_encoder, make_encoder
asked = json.load(sys.stdin)
print(fit_encoder(make_encoder(asked["spec"]), asked["texts"]).fingerprint)
"""


def is_known_by_its_fingerprint(encoder: Encoder) -> None:
    """The fingerprint is hexadecimal, and the same in another process."""
    fingerprint = encoder.fingerprint
    encoder.encode(TEXTS)
    require(encoder.fingerprint == fingerprint, "encoding does not change the fingerprint")
    check_fingerprint(fingerprint, _PROGRAM, {"spec": encoder.spec(), "texts": TEXTS})


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
