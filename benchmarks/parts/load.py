"""Load on a server: what is to be sent, what came of it, and the process that sends it.

How it is sent is in `benchmarks.parts.load_driving`.
"""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

CONNECTIONS: Final = 32
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_ROOT: Final = Path(__file__).resolve().parents[2]


def request(method: str, path: str, body: Any = None) -> bytes:
    """Return a request of HTTP/1.1 as it goes over the wire."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"\r\n" + content


def answer_in(received: bytes | bytearray) -> tuple[int, bytes] | None:
    """Return the status and the body of an answer, or ``None`` while it is not whole.

    Raises:
        ValueError: It does not say how long it is.
    """
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(_LENGTH)
    if at < 0:
        raise ValueError("an answer without Content-Length")
    length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    body = end + len(_HEAD_END)
    if len(received) < body + length:
        return None
    return int(head[9:12]), bytes(received[body : body + length])


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of all do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


@dataclass(frozen=True)
class Plan:
    """What to send.

    Attributes:
        address: Host and port.
        requests: As they go over the wire, in their order.
        rate: How many a second; ``None`` sends the next as soon as a connection is free.
        connections: How many are kept open; one carries one request at a time.
        mark: What the body of a good answer has in it; answers without it are counted.
        patience: Seconds to wait after the last request is due.
    """

    address: tuple[str, int]
    requests: Sequence[bytes]
    rate: float | None = None
    connections: int = CONNECTIONS
    mark: bytes = b""
    patience: float = 30.0


@dataclass
class Outcome:
    """What came of a plan.

    Attributes:
        latencies: Milliseconds from when each request was due to its whole answer; of those that were never answered,
            what they had waited at the end.
        late: Milliseconds by which each was sent after it was due.
        errors: Requests without an answer, and answers that are no 200, by what they are.
        unmarked: Answers of 200 without the mark.
        seconds: From the first request to the last answer.
        sample: The body of the last answer.
    """

    latencies: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    unmarked: int = 0
    seconds: float = 0.0
    sample: bytes = b""

    @property
    def failed(self) -> int:
        """How many requests had no answer of 200."""
        return sum(self.errors.values())

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (len(self.latencies) - self.failed) / self.seconds if self.seconds else 0.0

    def percentiles(self) -> str:
        """Return the latencies in words."""
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
        return ", ".join(f"{name} {quantile(self.latencies, share):.1f}" for name, share in shares.items()) + " ms"

    def fail(self, why: str) -> None:
        """Count an error."""
        self.errors[why] = self.errors.get(why, 0) + 1


class Generator:
    """A process that drives plans one after the other; ends with the block."""

    def __init__(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from benchmarks.parts.load_driving import serve; serve()"
        )
        self._process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def drive(self, plan: Plan) -> Outcome:
        """Send what a plan says, there, and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(plan, self._process.stdin)
        self._process.stdin.flush()
        outcome: Outcome = pickle.load(self._process.stdout)
        return outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()
