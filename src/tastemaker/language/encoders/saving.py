"""Encoders as JSON values and arrays, so that a model keeps in its folder what its encoder has learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import ModelFormatError
from tastemaker.language.encoders.registry import is_learnt, make_encoder


def store_encoder(encoder: Encoder) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what brings an encoder back: JSON values and arrays.

    What an encoder has learnt is kept whole. What it did not learn is named only: stored weights by their name and
    SHA-256, endpoints by their address, never with a key.

    Raises:
        NotFittedError: It learns, and has not yet.
    """
    stored: dict[str, Any] = {"spec": encoder.spec(), "fingerprint": encoder.fingerprint}
    if not is_learnt(encoder):
        return stored, {}
    return {**stored, "learnt": encoder.learnt()}, encoder.tensors()


def restored_encoder(stored: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Encoder:
    """Return the encoder that `store_encoder` was given.

    Raises:
        ModelFormatError: What was kept is damaged, or the encoder of that name is another one now: its vectors would
            not fit those that the model has.
        ConfigError: There is no such encoder here.
        MissingExtraError: It needs a library that is not installed.
    """
    try:
        encoder = make_encoder(stored["spec"])
        if is_learnt(encoder):
            encoder.restore(stored["learnt"], tensors)
        wanted = stored["fingerprint"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFormatError(
            f"the encoder that was kept with the model is damaged: {error!r}", remedy="Train the model again."
        ) from error
    if encoder.fingerprint != wanted:
        raise ModelFormatError(
            f"the encoder '{encoder.name}' is not the one that the model was trained with",
            where=f"fingerprint {encoder.fingerprint} instead of {wanted}",
            remedy="Bring back its weights or its version, or train the model again.",
        )
    return encoder
