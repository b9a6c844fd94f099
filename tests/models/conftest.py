"""In place of the encoder that models take by default stands one that has nothing to fetch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tastemaker.core.encoder import Encoder
from tastemaker.language.encoders import DEFAULT_ENCODER, registry
from tastemaker.language.encoders.tfidf_svd import TfidfSvd


@pytest.fixture(scope="package", autouse=True)
def _no_download() -> Iterator[None]:
    real = registry.encoder_class

    def known(name: str) -> Callable[..., Encoder]:
        return partial(TfidfSvd, min_texts=1) if name == DEFAULT_ENCODER else real(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "encoder_class", known)
        yield
