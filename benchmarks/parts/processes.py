"""Processes that answer over HTTP, seen from outside: starting, waiting until ready, what they use, ending."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

PROGRAM: Final = Path(__file__).with_name("served.py")
_PATIENCE: Final = 600.0
_PAUSE: Final = 0.005


class NotStarted(Exception):
    """A server ended, or was silent, before it was ready; says what it wrote."""


class Served:
    """A program of `benchmarks.parts.served` in a process of its own; ends with the block.

    Args:
        kind: Which program.
        given: Its arguments.
        errors: Where what it writes to standard error goes; nowhere if not given.
        before: What stands before the command, such as a tracer.

    Attributes:
        seconds: From the start of the process to ready.
        address: Host and port.
    """

    def __init__(self, kind: str, *given: object, errors: IO[bytes] | None = None, before: Sequence[str] = ()) -> None:
        self._began = time.perf_counter()
        self.seconds = 0.0
        self.address = ("", 0)
        command = [*before, sys.executable, str(PROGRAM), kind, *map(str, given)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closes when this process ends, however it ends
            stdout=subprocess.PIPE,
            stderr=errors or subprocess.DEVNULL,
            start_new_session=True,  # with a tracer there are two to signal
        )

    def wait_until_ready(self, path: str | None = "/ready", patience: float = _PATIENCE) -> Self:
        """Wait for its address, then until ``path`` is answered with 200.

        Raises:
            NotStarted: It ended before that, or takes too long.
        """
        stuck = threading.Timer(patience, self.kill)
        stuck.start()
        try:
            assert self.process.stdout is not None
            found = urlsplit(self.process.stdout.readline().decode().strip())
            if found.hostname is None or found.port is None:
                raise NotStarted(f"exit code {self.process.wait()}")
            self.address = found.hostname, found.port
            while path is not None and not self._answers(path):
                time.sleep(_PAUSE)
        finally:
            stuck.cancel()
        self.seconds = time.perf_counter() - self._began
        return self

    def _answers(self, path: str) -> bool:
        if self.process.poll() is not None:
            raise NotStarted(f"exit code {self.process.returncode}")
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    # -- what it uses --------------------------------------------------------------------------------------------

    def cpu_seconds(self) -> float:
        """Return the processor's time that it has used so far; NaN where the system does not tell."""
        try:
            # The name in brackets may hold spaces.
            fields = self._told("stat").rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> tuple[float, float]:
        """Return its resident memory now and at its peak, in MB (10^6 bytes); NaN where the system does not tell."""
        try:
            lines = dict(line.split(":", 1) for line in self._told("status").splitlines())
        except OSError:
            return float("nan"), float("nan")
        now, peak = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
        return now, peak

    def has_torch(self) -> bool | None:
        """Say whether torch is loaded there; ``None`` where the system does not tell."""
        try:
            return "libtorch" in self._told("maps")
        except OSError:
            return None

    def _told(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    # -- its end -------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)

    def stop(self, patience: float = 60.0) -> int:
        """Ask it to end, wait, and return its exit code; one that does not end is killed."""
        self._signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def _signal(self, which: signal.Signals) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, which)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Caller:
    """One connection that is kept open, for questions one after the other.

    Args:
        address: Host and port.
        patience: Seconds to wait for an answer.
    """

    def __init__(self, address: tuple[str, int], patience: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=patience)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Return the status of an answer and its JSON.

        Raises:
            OSError: The connection broke.
            http.client.HTTPException: What came was no whole answer.
        """
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        answer = self._connection.getresponse()
        read = answer.read()
        return answer.status, json.loads(read) if read else {}

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def load_average() -> str:
    """Return in words how busy the machine is."""
    try:
        busy = os.getloadavg()
    except OSError:
        return "load average unknown"
    return f"load average {busy[0]:.1f} over 1 minute, {busy[1]:.1f} over 5, on {os.cpu_count()} cores"
