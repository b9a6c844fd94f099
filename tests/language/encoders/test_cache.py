"""Vectors on disk: once encoded is enough, nothing is lost when a program is killed, and two may write at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ModelError
from tastemaker.core.run import Run
from tastemaker.language.encoders import cache, encode_cached, forget_vectors, kept_vectors, make_encoder
from tastemaker.language.encoders.cache import encoder_folder, vectors_folder
from tastemaker.language.encoders.controls import RandomVectors


class Counting(RandomVectors):
    """Random vectors that are cached, and a count of the texts that were really encoded."""

    name = "counting/random"
    cached = True

    def __init__(self, dim: int = 32, seed: int = 0, scale: float = 1.0) -> None:
        super().__init__(dim, seed)
        self.scale = np.float32(scale)
        self.normalised = scale == 1.0  # type: ignore[misc]
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        self.seen += texts
        return super().encode([f"{kind}: {text}" for text in texts]) * self.scale


def numbered(n: int) -> list[str]:
    return [f"text {number}" for number in range(n)]


def test_each_text_is_encoded_once() -> None:
    encoder = Counting()
    first = encode_cached(encoder, ["b", "a", "b", "", "ccc"])
    second = encode_cached(encoder, ["", "ccc", "dd", "a"])
    assert sorted(encoder.seen) == ["", "a", "b", "ccc", "dd"]
    np.testing.assert_array_equal(second[[3, 0, 1]], first[[1, 3, 4]])
    np.testing.assert_array_equal(first[0], first[2])


def test_the_first_run_gives_the_same_numbers_as_the_next() -> None:
    texts = numbered(100)
    np.testing.assert_array_equal(encode_cached(Counting(), texts), encode_cached(Counting(), texts))


def test_kinds_encoders_and_seeds_do_not_mix() -> None:
    texts = numbered(3)
    found = [
        encode_cached(Counting(), texts),
        encode_cached(Counting(), texts, "query"),
        encode_cached(Counting(seed=1), texts),
    ]
    for one in found:
        assert sum(np.allclose(one, other) for other in found) == 1


def test_no_texts_and_odd_texts() -> None:
    encoder = Counting()
    assert encode_cached(encoder, []).shape == (0, 32)
    odd = ["\ud800", "\x00", "x" * 100_000, "海"]
    np.testing.assert_array_equal(encode_cached(encoder, odd), encode_cached(encoder, odd))
    assert len(encoder.seen) == 4


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_float16_changes_no_cosine_by_more_than_a_thousandth(scale: float) -> None:
    encoder, texts = Counting(dim=384, scale=scale), numbered(200)
    exact = encoder.encode(texts).astype(np.float64)
    kept = encode_cached(encoder, texts).astype(np.float64)
    cosines = [(m @ m.T) / np.outer(*[np.linalg.norm(m, axis=1)] * 2) for m in (exact, kept)]
    assert np.abs(cosines[0] - cosines[1]).max() < 1e-3
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), scale, rtol=1e-3)


def test_normalised_vectors_still_have_length_1() -> None:
    found = encode_cached(Counting(dim=384), [*numbered(50), ""])
    np.testing.assert_allclose(np.linalg.norm(found[:50], axis=1), 1, atol=1e-6)


def test_it_takes_half_the_bytes_of_float32_and_is_read_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting(dim=384)
    encode_cached(encoder, numbered(1000))
    assert sum(path.stat().st_size for path in vectors_folder().rglob("*.npy")) < 1000 * (384 * 2 + 16 + 4) + 4096
    path = next(encoder_folder(encoder).glob("item/*/vectors.npy"))
    opened = cache._opened(path.parent)
    assert opened is not None
    assert isinstance(opened.vectors, np.memmap)
    assert opened.vectors.dtype == np.float16


def test_many_shards_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MANY", 4)
    encoder = Counting()
    expected = [encode_cached(encoder, [text])[0] for text in numbered(12)]
    shards = [path for path in (encoder_folder(encoder) / "item").iterdir() if path.is_dir()]
    assert len(shards) < 6
    np.testing.assert_array_equal(encode_cached(encoder, numbered(12)), expected)
    assert len(encoder.seen) == 12


@pytest.mark.parametrize("harm", ["cut", "gone", "nonsense"])
def test_a_damaged_shard_is_passed_over(harm: str) -> None:
    encoder = Counting()
    before = encode_cached(encoder, numbered(5))
    path = next(encoder_folder(encoder).glob("item/*/vectors.npy"))
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"nonsense")
    cache._opened.cache_clear()
    np.testing.assert_array_equal(encode_cached(encoder, numbered(5)), before)
    assert len(encoder.seen) == 10


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("TASTEMAKER_CACHE", str(file))
    assert encode_cached(Counting(), numbered(3)).shape == (3, 32)
    assert "vectors are not kept" in caplog.text


def test_a_fault_midway_keeps_what_was_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "BATCH", 10)

    class Failing(Counting):
        def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> Any:
            if len(self.seen) >= 30:
                raise KeyboardInterrupt
            return super().encode(texts, kind)

    with pytest.raises(KeyboardInterrupt):
        encode_cached(Failing(), numbered(100))
    again = Counting()
    assert encode_cached(again, numbered(100)).shape == (100, 32)
    assert len(again.seen) == 70


def test_numbers_that_are_none_are_not_kept() -> None:
    class Broken(Counting):
        def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> Any:
            return super().encode(texts, kind) * np.float32(np.nan)

    with pytest.raises(ModelError, match="numbers that are none"):
        encode_cached(Broken(), numbered(3))
    assert kept_vectors() == []


def test_shards_of_another_length_are_neither_read_nor_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changing(Counting):
        fingerprint = "0" * 32

    monkeypatch.setattr(cache, "MANY", 2)
    for dim in (4, 8):
        for text in numbered(5):
            encode_cached(Changing(dim), [text])
    assert encode_cached(Changing(8), numbered(5)).shape == (5, 8)


def test_a_shard_that_is_joined_meanwhile_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    for text in numbered(4):
        encode_cached(encoder, [text])
    listed, before = cache._shards, len(encoder.seen)

    def stale(folder: Path) -> list[Path]:
        found = listed(folder)
        if monkeypatch_once:
            monkeypatch_once.clear()
            monkeypatch.setattr(cache, "MANY", 2)
            cache._join(folder, 32)
        return found

    monkeypatch_once = [True]
    cache._opened.cache_clear()
    monkeypatch.setattr(cache, "_shards", stale)
    encode_cached(encoder, numbered(4))
    assert len(encoder.seen) == before


def test_what_is_kept_can_be_seen_and_deleted() -> None:
    assert kept_vectors() == []
    encode_cached(Counting(), numbered(7))
    encode_cached(Counting(seed=1), numbered(3), "query")
    kept = kept_vectors()
    assert [each.vectors for each in kept] == [7, 3]
    assert all(each.name.startswith("counting_random-") and each.size > 0 for each in kept)
    assert forget_vectors(kept[1].name) == [kept[1]]
    assert kept_vectors() == [kept[0]]
    assert forget_vectors("other") == []
    assert forget_vectors() == [kept[0]]
    assert kept_vectors() == []


def test_encoders_that_learn_keep_nothing_but_what_they_are_made_of() -> None:
    inner = Counting()
    shuffled = make_encoder({"name": "shuffled", "of": inner})
    shuffled.fit(numbered(5))  # type: ignore[attr-defined]
    encode_cached(shuffled, numbered(5))
    encode_cached(shuffled, numbered(5))
    assert sorted(inner.seen) == numbered(5)
    assert len(kept_vectors()) == 1


PROGRAM = """
import json, sys, time
import numpy as np
from tastemaker.language.encoders import cache, encode_cached
from tastemaker.language.encoders.controls import RandomVectors

class Slow(RandomVectors):
    name, cached = "slow", True
    def encode(self, texts, kind="item", *, run=None):
        time.sleep(0.02)
        return super().encode(texts)

cache.BATCH, cache.MANY = 100, 8
n = int(sys.argv[1])
print("began", flush=True)
found = encode_cached(Slow(dim=16), [f"text {number}" for number in range(n)])
print(float(np.abs(found - RandomVectors(dim=16).encode([f"text {i}" for i in range(n)])).max()))
"""


def started(n: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_killed_process_leaves_its_finished_batches_to_the_next() -> None:
    first = started(12_000)
    deadline = time.monotonic() + 60
    while len(list(vectors_folder().glob("slow-*/item/[!.]*"))) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    kept = sum(each.vectors for each in kept_vectors())
    assert 1000 <= kept < 12_000
    second = started(12_000)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert float(out.splitlines()[-1]) < 1e-3
    assert sum(each.vectors for each in kept_vectors()) == 12_000


@pytest.mark.slow
def test_two_processes_may_encode_the_same_texts_at_a_time() -> None:
    both = [started(3000), started(3000)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert err == ""
        assert float(out.splitlines()[-1]) < 1e-3
    assert json.dumps([each.vectors >= 3000 for each in kept_vectors()]) == "[true]"
