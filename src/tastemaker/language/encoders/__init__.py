"""Encoders: texts as vectors, by name, kept on disk by the hash of what was encoded."""

from tastemaker.language.encoders.cache import encode_cached, forget_vectors, kept_vectors
from tastemaker.language.encoders.registry import (
    DEFAULT_ENCODER,
    ENCODERS,
    EncoderSpec,
    encoder_class,
    encoder_names,
    fit_encoder,
    is_learnt,
    make_encoder,
)
from tastemaker.language.encoders.saving import restored_encoder, store_encoder

__all__ = [
    "DEFAULT_ENCODER",
    "ENCODERS",
    "EncoderSpec",
    "encode_cached",
    "encoder_class",
    "encoder_names",
    "fit_encoder",
    "forget_vectors",
    "is_learnt",
    "kept_vectors",
    "make_encoder",
    "restored_encoder",
    "store_encoder",
]
