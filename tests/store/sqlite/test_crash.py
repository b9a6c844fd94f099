"""What was acknowledged before a process was killed is there afterwards, once."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.contracts.opening import SHOP

from tastemaker.store.sqlite import SQLiteStore

SENDER = """
import sys
from threading import Lock, Thread
from tastemaker.core.tenant import Tenant
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent

log = open_store(sys.argv[1]).for_tenant(Tenant("shop")).events
say = Lock()

def send(sender):
    for number in range(100_000):
        names = [f"{sender}-{number}-{part}" for part in range(1 + number % 3)]
        log.append([NewEvent(event_id=n, user_id=sender, item_id="i", event="view", timestamp=0) for n in names])
        with say:
            print(*names, sep="\\n", flush=True)

for sender in "abcd":
    Thread(target=send, args=(sender,)).start()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_every_acknowledged_event_outlives_a_kill_and_is_there_once(tmp_path: Path) -> None:
    rng = random.Random(0)
    acknowledged: set[str] = set()
    for _ in range(2):
        # The second process sends again what the first one sent, and goes on.
        child = subprocess.Popen([sys.executable, "-c", SENDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(rng.randint(10, 150))]
        child.kill()
        said += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        # The last line may have been cut off by the kill.
        acknowledged |= {line.strip() for line in said if line.endswith("\n")}
        with closing(SQLiteStore(tmp_path)) as store:
            found = [stored.event.event_id for stored in store.for_tenant(SHOP).events.after(0, limit=1_000_000)]
        assert acknowledged <= set(found)
        assert len(found) == len(set(found))
        # All of a batch or nothing.
        whole = {name.rpartition("-")[0]: 1 + int(name.split("-")[1]) % 3 for name in found}
        assert all(sum(name.startswith(f"{batch}-") for name in found) == size for batch, size in whole.items())
