"""The boot configuration: the hive BCD, its objects and their elements."""

from __future__ import annotations

from validators.guest import Guest
from validators.windows.hive import Data

OBJECTS = {
    "bootmgr": "{9dea862c-5cdd-4e70-acc1-f32b344d4795}",
    "ems": "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}",
}
DEFAULT = "23000003"  # the element of bootmgr that names the entry to start
DEVICE, OS_DEVICE = "11000001", "21000001"


def element(guest: Guest, title: str, number: str) -> Data | None:
    """An element of the object bootmgr, default or ems; numbers and switches as int. None if unset."""
    found = OBJECTS.get(title) or element(guest, "bootmgr", DEFAULT)
    if not isinstance(found, str):
        return None
    value = guest.registry("BCD").value(rf"Objects\{found}\Elements\{number}", "Element")
    if value is None:
        return None
    if isinstance(value.data, bytes) and number[1] in "56":  # the second digit is the form of the data
        return int.from_bytes(value.data[:8], "little")
    return value.data


def devices(guest: Guest) -> tuple[Data | None, Data | None]:
    """Where the default entry finds its loader and its system, as they are stored."""
    return element(guest, "default", DEVICE), element(guest, "default", OS_DEVICE)
