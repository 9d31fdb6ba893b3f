"""The 512-byte VHD footer: fields, checksum and geometry, to bytes and back without loss."""

from __future__ import annotations

import struct
import time
import uuid
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime

SECTOR = 512
MIB = 1 << 20
FOOTER_BYTES = 512
SHORT_FOOTER_BYTES = 511  # what some old writers leave; Azure and QEMU do not read it
COOKIE = b"conectix"
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
NO_DATA_OFFSET = 0xFFFFFFFFFFFFFFFF
EPOCH = 946684800  # 2000-01-01 00:00:00 UTC in Unix time; a footer counts seconds from there
LAST_SIZE = (1 << 63) - 1  # bytes; no file can be longer

_LAYOUT = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427s")
_CHECKSUM_AT = slice(64, 68)


class NotAFooter(ValueError):
    """These bytes are not a VHD footer."""


@dataclass(frozen=True)
class Footer:
    """Every field of a footer, in the order of the file; sizes in bytes, `timestamp` since 2000."""

    features: int
    version: int
    data_offset: int
    timestamp: int
    creator: bytes
    creator_version: int
    creator_host: bytes
    original_size: int
    current_size: int
    cylinders: int
    heads: int
    sectors: int
    disk_type: int
    checksum: int
    unique_id: bytes
    saved_state: int
    reserved: bytes

    def pack(self) -> bytes:
        """The 512 bytes, with the checksum the footer carries (right or wrong)."""
        return _LAYOUT.pack(COOKIE, *astuple(self))

    @property
    def expected_checksum(self) -> int:
        """What the checksum field must hold (DSK-FMT-003)."""
        return checksum(self.pack())

    @property
    def checksum_ok(self) -> bool:
        return self.checksum == self.expected_checksum

    @property
    def created(self) -> str:
        """The time stamp as UTC, ISO 8601."""
        return datetime.fromtimestamp(EPOCH + self.timestamp, UTC).isoformat()

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Cylinders, heads, sectors per track."""
        return self.cylinders, self.heads, self.sectors


def parse_footer(data: bytes) -> Footer:
    """Read a footer of 512 bytes, or of the 511 that some old writers left (the last one is zero).

    A wrong checksum or an odd field is not an error here: the rules judge it.
    Raises NotAFooter when the length or the cookie is wrong.
    """
    if len(data) not in (FOOTER_BYTES, SHORT_FOOTER_BYTES):
        raise NotAFooter(f"a VHD footer has {FOOTER_BYTES} bytes, not {len(data)}")
    cookie, *fields = _LAYOUT.unpack(data.ljust(FOOTER_BYTES, b"\0"))
    if cookie != COOKIE:
        raise NotAFooter(f"the cookie is {cookie!r}, not {COOKIE!r}")
    return Footer(*fields)


def make_footer(size: int, timestamp: int | None = None, unique_id: uuid.UUID | None = None) -> Footer:
    """The footer of a fixed VHD of `size` bytes.

    `timestamp` is Unix time in seconds (default: now) and `unique_id` the disk's id (default: random);
    give both for bytes that repeat.
    """
    if not 0 <= size <= LAST_SIZE:
        raise ValueError(f"{size} bytes is no size of a disk")
    unix = int(time.time()) if timestamp is None else timestamp
    cylinders, heads, sectors = geometry(size)
    footer = Footer(
        features=2,
        version=0x00010000,
        data_offset=NO_DATA_OFFSET,
        timestamp=min(max(unix - EPOCH, 0), 0xFFFFFFFF),
        # QEMU believes the size field only of creators it knows to be exact, and computes the size
        # from the rounded geometry for all others. `qem2` is its own mark for "the size is exact".
        creator=b"qem2",
        creator_version=0x00050003,
        creator_host=b"Wi2k",
        original_size=size,
        current_size=size,
        cylinders=cylinders,
        heads=heads,
        sectors=sectors,
        disk_type=FIXED,
        checksum=0,
        unique_id=(unique_id or uuid.uuid4()).bytes,
        saved_state=0,
        reserved=bytes(427),
    )
    return replace(footer, checksum=footer.expected_checksum)


def checksum(footer: bytes) -> int:
    """One's complement of the sum of all bytes but the checksum's own four (DSK-FMT-003)."""
    return ~(sum(footer) - sum(footer[_CHECKSUM_AT])) & 0xFFFFFFFF


def geometry(size: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors per track for `size` bytes, as Virtual PC computed them.

    Ends at 65535/16/255, about 127.5 GiB: a larger disk keeps that and relies on the size field.
    """
    total = min(size // SECTOR, 65535 * 16 * 255)
    if total >= 65535 * 16 * 63:
        return total // 255 // 16, 16, 255
    sectors, tracks = 17, total // 17
    heads = max(4, (tracks + 1023) // 1024)
    if tracks >= heads * 1024 or heads > 16:
        sectors, heads, tracks = 31, 16, total // 31
    if tracks >= heads * 1024:
        sectors, heads, tracks = 63, 16, total // 63
    return tracks // heads, heads, sectors
