"""Feed damaged input to everything that reads what an image or a caller brings.

    python tests/fuzz/run.py [--seconds N] [--seed S] [--target NAME]

Every target gets its part of the time in a process of its own, with a bound on memory and on the time of one
input. Exit status 1 if anything but a clean refusal came out; the input is kept in build/fuzz.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from mutate import damaged
from targets import Target, targets

MEMORY = 3 << 29  # bytes of address space
MOST = 60_000  # inputs for one target, so that a fast one does not make the number
FINDINGS = Path("build/fuzz")
PROCESSES = 2


class Hang(BaseException):
    """One input took too long."""


@dataclass(frozen=True)
class Result:
    """`worst` is the longest time one input took, in seconds; `finding` a traceback and the input."""

    name: str
    inputs: int
    worst: float = 0.0
    finding: tuple[str, bytes] | None = None


def try_target(target: Target, seed: int, *, seconds: float = 1e9, inputs: int = 1 << 60) -> Result:
    """Feed `target` until time or count is up, or something is found. The same seed gives the same inputs."""
    random, done, worst = Random(f"{seed} {target.name}"), 0, 0.0
    signal.signal(signal.SIGALRM, _hang)
    end = time.monotonic() + seconds
    while done < inputs and time.monotonic() < end:
        data = damaged(random.choice(target.seeds), target.seeds, random)
        if target.repair and random.random() < 0.5:
            data = target.repair(data, random)
        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, target.slow)
        try:
            target.run(data)
        except target.clean:
            pass
        except (Exception, Hang):
            return Result(target.name, done + 1, worst, (traceback.format_exc(), data))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        done, worst = done + 1, max(worst, time.monotonic() - start)
    return Result(target.name, done, worst)


def _hang(number: int, frame: object) -> None:
    raise Hang


def _alone(pipe: connection.Connection, target: Target, seed: int, seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    pipe.send(try_target(target, seed, seconds=seconds, inputs=MOST))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", help="only those whose name begins so")
    chosen = parser.parse_args()
    waiting = [
        target for target in targets() if chosen.target is None or target.name.startswith(chosen.target)
    ]
    weights = max(PROCESSES, sum(target.weight for target in waiting))
    share = chosen.seconds * PROCESSES / weights
    start, total, bad = time.monotonic(), 0, 0
    running: dict[connection.Connection, Target] = {}
    context = multiprocessing.get_context("fork")
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            target = waiting.pop()
            ours, theirs = context.Pipe(duplex=False)
            context.Process(target=_alone, args=(theirs, target, chosen.seed, share * target.weight)).start()
            theirs.close()
            running[ours] = target
        for pipe in connection.wait(list(running)):
            assert isinstance(pipe, connection.Connection)
            target = running.pop(pipe)
            try:
                result: Result = pipe.recv()
            except EOFError:
                result = Result(target.name, 0, 0.0, ("the process crashed", b""))
            total += result.inputs
            print(f"{result.inputs:9,} inputs, slowest {result.worst:6.3f} s  {result.name}", flush=True)
            if result.finding:
                bad += 1
                _keep(result)
    print(f"{total:9,} inputs in {time.monotonic() - start:.0f} s on {PROCESSES} processes: {bad} findings")
    return 1 if bad else 0


def _keep(result: Result) -> None:
    assert result.finding is not None
    trace, data = result.finding
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / f"{result.name.replace('/', '_')}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{trace}\n{path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
