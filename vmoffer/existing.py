"""What a build would replace in the user's own place: blobs and gallery versions, and what made them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.errors import Unusable
from generator.model import Builder, Disk

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from generator.model import Sku
    from vmoffer.azure.arm import Arm


BLOB, VERSION = "the blob", "the gallery version"


@dataclass(frozen=True)
class Existing:
    """Something that is there already.

    `project`: the digest of what made it. `proven`: finished, and untouched since.
    """

    what: str
    where: str
    project: str | None
    proven: bool

    def is_of(self, digest: str) -> bool:
        """Whether it is the finished result of the project with `digest`."""
        return self.proven and self.project == digest

    def __str__(self) -> str:
        state = "" if self.proven else ", not finished or changed since"
        return f"{self.what} {self.where} (of {_of(self.project)}{state})"


def _of(project: str | None) -> str:
    return f"project {project[:12]}" if project else "an unknown project"


def kept(sku: Sku, builder: Builder) -> list[Disk]:
    """The disks whose blobs a build writes under names that only the version changes."""
    disks = [disk for generation in sku.generations for disk in sku.disks(generation)]
    if builder is Builder.QEMU:
        return disks
    # The plugin names the blobs of blank disks after the build's own temporary names.
    return [disk for disk in disks if not (disk.data and disk.data.blank)]


def blobs(sku: Sku, builder: Builder, container: ContainerClient) -> Iterator[tuple[str, Existing | None]]:
    """Each blob that the build will write, and what is there now."""
    from azure.core.exceptions import ResourceNotFoundError

    from publisher import proof
    from publisher.store import failures

    for disk in kept(sku, builder):
        blob = container.get_blob_client(disk.filename)
        with failures(blob.url):
            try:
                found = blob.get_blob_properties()
            except ResourceNotFoundError:
                yield blob.url, None
                continue
        if proof.STARTED in found.metadata:  # an upload that did not finish; the next one goes on with it
            yield blob.url, None
            continue
        project = found.metadata.get(proof.PROJECT)
        yield blob.url, Existing(BLOB, blob.url, project, proof.is_proven(found))


def versions(sku: Sku, arm: Arm) -> Iterator[tuple[str, Existing | None]]:
    """Each gallery version that the build will write, and what is there now."""
    from vmoffer.azure import gallery

    for generation in sku.generations:
        if image := gallery.image_of(sku, generation):
            found = gallery.find(arm, image, sku.version)
            where = f"{image.gallery}/{image.name}/{sku.version}"
            yield (
                where,
                Existing(VERSION, where, found.project, found.succeeded) if found else None,
            )


def decide(
    found: list[tuple[str, Existing | None]], digest: str, version: str, replace: bool
) -> list[Existing]:
    """What the build replaces; empty where nothing is there. Raises Done when all is there already.

    Raises Unusable where something of another project, or unfinished, is there and `replace` is not given.
    """
    there = [each for _, each in found if each]
    if there and len(there) == len(found) and all(each.is_of(digest) for each in there):
        raise Done(there)
    if there and not replace:
        raise Unusable(
            f"version {version} is there already, and would be replaced: {'; '.join(map(str, there))}",
            hint="vmoffer bump raises the version, so that both are kept; --replace builds over it",
        )
    return there


class Done(Exception):
    """Nothing is to be built: what is there is the finished result of this very project."""

    def __init__(self, there: list[Existing]) -> None:
        super().__init__()
        self.there = there
