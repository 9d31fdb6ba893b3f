"""Images that nobody here made: facts of public recipes, and the line that causes every mandatory failure."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from images import Content_, Link, grub_cfg, os_disk, rules

from validators import engine
from validators.outcome import Status

IMAGES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "data/public_images.toml").read_text(encoding="utf-8")
)["image"]


def files(image: dict[str, Any]) -> dict[str, Content_]:
    """The facts as entries of a tree."""
    found: dict[str, Content_] = {"/usr/lib/os-release": image["release"]}
    if "kernel" in image:
        found["/boot/grub/grub.cfg"] = grub_cfg(image["kernel"])
    for path, text in image.get("files", {}).items():
        found[path] = Link(text.removeprefix("-> ")) if text.startswith("-> ") else text or None
    return found


def test_there_are_a_dozen_distributions_each_with_its_recipe() -> None:
    assert len({image["name"] for image in IMAGES}) == len(IMAGES) >= 12
    assert all(": " in image["recipe"] for image in IMAGES)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image["name"])
def test_every_mandatory_failure_has_a_line_that_causes_it(image: dict[str, Any]) -> None:
    disk = os_disk(files(image))
    found = {}
    checks = engine.load_checks()
    for rule in rules().values():
        if rule.id in checks and rule.subject in ("linux", "os-disk"):
            outcome = engine.decide(rule, disk, (disk,), None, "strict")
            assert "does not understand" not in outcome.evidence, outcome
            if outcome.status is Status.FAIL:
                found[rule.id] = f"{outcome.where}: {outcome.evidence}"
    assert set(found) == set(image.get("fails", {})), found
