"""The short, repeatable part of the fuzzing; `python tests/fuzz/run.py` is the long one."""

from __future__ import annotations

import random
import shutil

import pytest
from mutate import damaged
from run import try_target
from targets import Target, targets

TOOLS = ("mke2fs", "mkfs.vfat", "qemu-img")
MISSING = [tool for tool in TOOLS if not (shutil.which(tool) or shutil.which(tool, path="/usr/sbin"))]
TARGETS = targets(with_images=not MISSING)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_input_is_refused_cleanly(target: Target) -> None:
    inputs = 8 if target.name.startswith("tree ") else 100  # each of a tree's runs steps in a shell
    result = try_target(target, seed=1, inputs=inputs)
    assert result.finding is None, result.finding
    assert result.inputs == inputs


def test_disk_images_are_fuzzed() -> None:
    if MISSING:
        pytest.skip(f"{', '.join(MISSING)} missing: no disk images to damage")
    assert "disk images" in {target.name for target in TARGETS}


def test_the_harness_finds_what_is_no_clean_refusal() -> None:
    def breaks(data: bytes) -> None:
        if len(data) != 64:
            raise KeyError("found")

    found = try_target(Target("broken", [bytes(64)], breaks), seed=1, inputs=1000)
    assert found.finding is not None and "KeyError: 'found'" in found.finding[0]


def test_the_harness_finds_what_takes_too_long() -> None:
    def hangs(data: bytes) -> None:
        while True:
            pass

    found = try_target(Target("slow", [b"x"], hangs, slow=0.2), seed=1, inputs=1)
    assert found.finding is not None and "Hang" in found.finding[0]


def test_the_same_seed_damages_the_same_way() -> None:
    once, again = (damaged(bytes(500), [b"graft"], random.Random("seed")) for _ in range(2))
    assert once == again != bytes(500)
