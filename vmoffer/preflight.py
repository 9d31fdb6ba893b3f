"""What a build needs, looked at before it starts: first without the network, then with it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

from generator.errors import Unusable
from generator.model import Builder
from generator.render import refuse
from vmoffer.target import OWN_STORE

if TYPE_CHECKING:
    from generator.catalogue import Definition

INBOUND = ("VMOFFER_ALLOWED_INBOUND", "PKR_VAR_allowed_inbound")
SIGN = (
    "AZURE_STORAGE_KEY=$(az storage account keys list --account-name {account} --query '[0].value' "
    "--output tsv); or --no-publish"
)


def possible(definition: Definition, builder: Builder, publish: bool, env: Mapping[str, str]) -> None:
    """Refuse what definition, environment and this machine already show to be impossible; in under a second.

    Raises Unusable or Surroundings, with what to do.
    """
    refuse(definition.sku, builder)
    if builder is Builder.AZURE_ARM:
        _azure(definition, publish, env)
    else:
        _qemu(definition, publish, env)


def _azure(definition: Definition, publish: bool, env: Mapping[str, str]) -> None:
    from vmoffer.azure import cloud, sign_in

    storage, where = definition.sku.storage, str(definition.path)
    sku, vhds = definition.sku, definition.sku.makes_vhds(Builder.AZURE_ARM)
    account = (storage.account or env.get("PKR_VAR_storage_account")) if vhds else None
    if not account and vhds:
        raise Unusable(
            "azure-arm has nowhere to put the image: the definition names no storage account",
            where=where,
            hint="storage: {account: NAME, resource_group: NAME}, or gallery: {…, vhds: false}",
        )
    if account and not (storage.resource_group or env.get("PKR_VAR_resource_group_name")):
        raise Unusable(
            f"the resource group of the storage account {account} is not named",
            where=where,
            hint=f"storage: {{account: {account}, resource_group: NAME}}",
        )
    if importlib.util.find_spec("azure.identity") is None or importlib.util.find_spec("azure.mgmt") is None:
        raise Unusable("building in Azure needs azure-identity", hint="pip install 'vmoffer[azure]'")
    sign_in.choose(env)
    if not env.get(cloud.METADATA_HOST):
        cloud.chosen(env)
    if not (sku.build.network or sku.build.allowed_inbound or any(env.get(name) for name in INBOUND)):
        raise Unusable(
            "no address is named that Packer connects from: the machine would be open to the whole internet",
            where=where,
            hint="VMOFFER_ALLOWED_INBOUND=203.0.113.7, or build: {allowed_inbound: [203.0.113.7]}",
        )
    if publish and account:
        _signing(storage.container, account, env)


def _signing(container: str, account: str | None, env: Mapping[str, str]) -> None:
    """Raise Unusable where nothing could sign the URIs at the end."""
    from publisher import store

    client = store.connect(container, env, account=account, create=False)
    if store.account_key(client) is None:
        raise Unusable(
            "nothing could sign the SAS URIs: the account's key is not in the environment",
            where=client.url,
            rule="SAS-KIND-001",
            hint=SIGN.format(account=client.account_name),
        )


def _qemu(definition: Definition, publish: bool, env: Mapping[str, str]) -> None:
    from tools import azurite, base, doctor, machine

    machine.look()
    qemu = definition.sku.base.qemu
    if qemu and qemu.recipe:
        base.require(qemu.recipe)
    if not publish:
        return
    place = definition.sku.storage
    if place.account or any(name in env for name in OWN_STORE):
        _signing(place.container, place.account, env)
    elif not ((known := azurite.status()) and known.running):
        doctor.require("node", "npm")
