"""A fake: what a VM finds on Azure's host at its first boot, from the documented shapes of its answers.

QEMU's user network runs this file once for each connection to the wire server or the metadata service.
It answers one request on stdin and stdout. Its arguments: the log to append what was asked to, the VM's id.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WIRE_SERVER, METADATA = "168.63.129.16", "169.254.169.254"
# One network that holds both addresses, because QEMU forwards only what lies in the guest's own network.
NETWORK, FIRST_LEASE = "168.0.0.0/7", "168.63.129.30"
ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"  # of the chassis of every VM on Azure
MAC = "00:0d:3a:00:00:01"
USER, NAME = "customer", "first-boot"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1b1C0u0i3X8Zk0K7E2m7yQ0gYbYwJ3m2f6JvC0mB5w customer"

OVF_ENV = f"""<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <wa:ProvisioningSection><wa:Version>1.0</wa:Version>
    <LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">
      <ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
      <HostName>{NAME}</HostName>
      <UserName>{USER}</UserName>
      <DisableSshPasswordAuthentication>true</DisableSshPasswordAuthentication>
      <SSH><PublicKeys><PublicKey>
        <Path>/home/{USER}/.ssh/authorized_keys</Path><Value>{KEY}</Value>
      </PublicKey></PublicKeys></SSH>
    </LinuxProvisioningConfigurationSet>
  </wa:ProvisioningSection>
  <wa:PlatformSettingsSection><wa:Version>1.0</wa:Version>
    <PlatformSettings xmlns="http://schemas.microsoft.com/windowsazure">
      <ProvisionGuestAgent>true</ProvisionGuestAgent>
    </PlatformSettings>
  </wa:PlatformSettingsSection>
</Environment>
"""
VERSIONS = """<?xml version="1.0" encoding="utf-8"?>
<Versions><Preferred><Version>2015-04-05</Version></Preferred>
<Supported><Version>2015-04-05</Version><Version>2012-11-30</Version></Supported></Versions>
"""
GOAL_STATE = f"""<?xml version="1.0" encoding="utf-8"?>
<GoalState><Version>2012-11-30</Version><Incarnation>1</Incarnation>
  <Machine><ExpectedState>Started</ExpectedState><LBProbePorts><Port>16001</Port></LBProbePorts></Machine>
  <Container><ContainerId>c6d5526c-5ac2-4200-b6e2-56f2b70c5ab2</ContainerId>
    <RoleInstanceList><RoleInstance>
      <InstanceId>{NAME}</InstanceId><State>Started</State><Configuration></Configuration>
    </RoleInstance></RoleInstanceList>
  </Container>
</GoalState>
"""
INSTANCE = {
    "compute": {
        "azEnvironment": "AzurePublicCloud", "customData": "", "location": "westeurope", "name": NAME,
        "offer": "", "osType": "Linux", "placementGroupId": "", "platformFaultDomain": "0",
        "platformUpdateDomain": "0", "provider": "Microsoft.Compute", "publisher": "",
        "resourceGroupName": "fake", "sku": "", "tags": "", "userData": "",
        "subscriptionId": "00000000-0000-0000-0000-000000000000",
        "version": "", "vmId": "%VM", "vmScaleSetName": "",
        "vmSize": "Standard_D2s_v5", "zone": "",
        "osProfile": {"adminUsername": USER, "computerName": NAME, "disablePasswordAuthentication": "true"},
        "publicKeys": [{"keyData": KEY, "path": f"/home/{USER}/.ssh/authorized_keys"}],
    },
    "extended": {"compute": {"hasCustomData": False, "ppsType": "None"}},
    "network": {"interface": [{
        "macAddress": MAC.replace(":", "").upper(),
        "ipv4": {
            "ipAddress": [{"privateIpAddress": FIRST_LEASE, "publicIpAddress": ""}],
            "subnet": [{"address": NETWORK.split("/")[0], "prefix": NETWORK.split("/")[1]}],
        },
        "ipv6": {"ipAddress": []},
    }]},
}  # fmt: skip
XML, JSON = "text/xml; charset=utf-8", "application/json; charset=utf-8"
ANSWERS = (
    ("GET /?comp=versions", XML, VERSIONS),
    ("GET /machine?comp=goalstate", XML, GOAL_STATE),
    ("GET /machine/?comp=goalstate", XML, GOAL_STATE),
    ("POST /machine?comp=health", XML, ""),
    ("POST /machine/?comp=health", XML, ""),
    ("GET /metadata/instance?", JSON, json.dumps(INSTANCE)),
)


def network(log: Path, vm: str) -> str:
    """QEMU's -nic for the guest `vm`, which reaches this fake and nothing else."""
    command = f"{sys.executable} {__file__} {log} {vm}"
    forwards = ",".join(f"guestfwd=tcp:{address}:80-cmd:{command}" for address in (WIRE_SERVER, METADATA))
    lease = f"net={NETWORK},host=168.63.129.2,dns=168.63.129.3,dhcpstart={FIRST_LEASE}"
    return f"user,model=virtio-net-pci,mac={MAC},restrict=on,{lease},{forwards}"


def answer(log: Path, vm: str) -> None:
    """Read one request from stdin, write down what it asked, and answer it on stdout."""
    asked, length = sys.stdin.buffer.readline().decode("latin-1").strip(), 0
    while header := sys.stdin.buffer.readline().strip():
        name, _, value = header.decode("latin-1").partition(":")
        if name.casefold() == "content-length":
            length = int(value)
    body = sys.stdin.buffer.read(length).decode(errors="replace") if length else ""
    with log.open("a") as file:
        file.write(json.dumps({"asked": asked, "body": body}) + "\n")
    known = [(kind, text) for start, kind, text in ANSWERS if asked.startswith(start)]
    kind, text = known[0] if known else (XML, "")
    status = "200 OK" if known else "404 Not Found"
    data = text.replace("%VM", vm).encode()
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        "Connection: close",
    )
    sys.stdout.buffer.write("\r\n".join((*head, "", "")).encode() + data)
    sys.stdout.flush()


if __name__ == "__main__":
    answer(Path(sys.argv[1]), sys.argv[2])
