"""What a type in a partition table means, in words."""

from __future__ import annotations

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
LINUX_DATA = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
LINUX_SWAP = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
LINUX_LVM = "E6D6D379-F507-44C2-A23C-238F2A3DF928"
ROOT_TYPES = {  # Discoverable Partitions Specification: root for x86-64 and arm64
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
}
MBR_SWAP, MBR_LVM, MBR_PROTECTIVE, MBR_ESP = "0x82", "0x8E", "0xEE", "0xEF"
MBR_EXTENDED = (0x05, 0x0F, 0x85)

FIRMWARE = {"bios": "BIOS (gen1)", "uefi": "UEFI (gen2)"}
# A GUID of GPT, a byte of an MBR.
TYPES = {
    ESP: "EFI system",
    BIOS_BOOT: "BIOS boot",
    LINUX_SWAP: "Linux swap",
    LINUX_LVM: "Linux LVM",
    **dict.fromkeys(ROOT_TYPES, "Linux root"),
    LINUX_DATA: "Linux data",
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": "Linux boot",
    "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "Linux home",
    "A19D880F-05FC-4D3B-A006-743F0F84911E": "Linux RAID",
    "9E1A2D38-C612-4316-AA26-8B49521E5A8B": "PowerPC PReP boot",
    "E3C9E316-0B5C-4DB8-817D-F92DF00215AE": "Microsoft reserved",
    "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "Basic data",
    "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC": "Windows recovery",
    "0x07": "NTFS or exFAT",
    "0x0B": "FAT32",
    "0x0C": "FAT32",
    "0x0E": "FAT16",
    "0x27": "Windows recovery",
    "0x83": "Linux",
    "0xFD": "Linux RAID",
    MBR_SWAP: "Linux swap",
    MBR_LVM: "Linux LVM",
    MBR_PROTECTIVE: "GPT protective",
    MBR_ESP: "EFI system",
}
