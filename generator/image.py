"""The part of a definition that becomes the image: system and disks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from generator.closed import Closed

Caching = Literal["none", "read-only", "read-write"]
Distribution = Literal[
    "debian", "ubuntu", "rhel", "alma", "rocky", "oracle", "centos", "fedora",
    "sles", "opensuse", "azurelinux", "windows-server", "other",
]  # fmt: skip


class OperatingSystem(Closed):
    """What the OS disk holds."""

    family: Literal["linux", "windows"] = Field(
        description="Linux is built as root over SSH, Windows over WinRM", examples=["linux", "windows"]
    )
    distribution: Distribution = Field(
        description="Chooses the provisioner steps; `other` gets those that fit any Linux",
        examples=["debian", "windows-server"],
    )
    version: str = Field(description="As the distribution writes it", examples=["12", "24.04", "2022"])
    friendly_name: str = Field(
        description="1-100 characters for people, shown in Partner Center; OFR-OS-001",
        examples=["Debian 12 (bookworm)"],
    )


class OsDisk(Closed):
    """The disk that the system boots from."""

    size_gib: int = Field(
        30,
        ge=1,
        description="GiB: 1-1023 on Linux (30-50 advised; customers can grow it), 30-250 on Windows; "
        "DSK-SIZE-002, DSK-SIZE-003",
        examples=[30, 128],
    )
    caching: Caching = Field(
        "read-write", description="Of the disk while Azure builds the image", examples=["read-write", "none"]
    )


class DataDisk(Closed):
    """One VHD, blank unless `content` or `image` fills it."""

    lun: int = Field(
        ge=0, description="Logical unit number, 0-15: 0, 1, 2 … without gaps; DSK-DATA-001", examples=[0, 1]
    )
    size_gib: int = Field(ge=1, description="GiB, 1-1023; DSK-SIZE-005", examples=[32])
    caching: Caching = Field("none", description="Recommended to customers", examples=["none", "read-only"])
    content: str | None = Field(
        None,
        description="File or folder, relative to the definition, that is put on one ext4 partition",
        examples=["data"],
    )
    image: str | None = Field(
        None,
        description="Disk image (raw, qcow2, vhd, vhdx), relative to the definition, that is taken as it is",
        examples=["files/seed.qcow2"],
    )
    label: str = Field(
        "data",
        pattern=r"^[A-Za-z0-9._-]{1,16}$",
        description="File system label of content, 1-16 characters",
        examples=["data"],
    )

    @model_validator(mode="after")
    def _one(self) -> DataDisk:
        if self.content and self.image:
            raise ValueError("a data disk takes content or image, not both")
        return self

    @property
    def blank(self) -> bool:
        """A disk nobody fills: the builder attaches it, so install steps may use it."""
        return self.content is None and self.image is None
