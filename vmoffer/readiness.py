"""The user's own place before a build writes to it: may we write there, and what would be replaced?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generator.model import Builder
from vmoffer import existing
from vmoffer.console import say
from vmoffer.existing import Existing
from vmoffer.target import OWN_STORE

if TYPE_CHECKING:
    from generator.catalogue import Definition
    from vmoffer.azure.arm import Arm


@dataclass(frozen=True)
class Ready:
    """A place that takes the build.

    `replaced` is what goes; `variables` are for the project, `environment` is for Packer and holds secrets.
    """

    replaced: list[Existing] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    arm: Arm | None = None


def check(
    definition: Definition,
    builder: Builder,
    publish: bool,
    env: Mapping[str, str],
    digest: str,
    replace: bool,
) -> Ready:
    """Try the rights, and look for the version; nothing stays behind, and nothing is deleted.

    Raises `existing.Done` where the finished result of the project with `digest` is there, Unusable where
    something else is and `replace` is not given, Surroundings for a right that is missing.
    """
    if builder is Builder.AZURE_ARM:
        return _azure(definition, publish, env, digest, replace)
    return _own_store(definition, env, digest, replace) if publish else Ready()


def make_room(ready: Ready, definition: Definition) -> None:
    """Say what goes, and delete the gallery versions of it: the plugin refuses one that is there."""
    from vmoffer.azure import gallery

    for each in ready.replaced:
        say(f"vmoffer: --replace: {each} goes")
    if ready.arm is None or not any(each.what == existing.VERSION for each in ready.replaced):
        return
    for generation in definition.sku.generations:
        if image := gallery.image_of(definition.sku, generation):
            gallery.delete(ready.arm, image, definition.sku.version)


def _azure(
    definition: Definition, publish: bool, env: Mapping[str, str], digest: str, replace: bool
) -> Ready:
    from publisher import store
    from vmoffer.azure import account, rights, sign_in
    from vmoffer.azure.arm import Arm

    sku = definition.sku
    way = sign_in.choose(env)
    say(f"vmoffer: signs in with {way}")
    arm = Arm(env, way)
    arm.require_token()
    found: list[tuple[str, Existing | None]] = []
    name = sku.storage.account or env.get("PKR_VAR_storage_account")
    group = sku.storage.resource_group or env.get("PKR_VAR_resource_group_name")
    if name and group and sku.makes_vhds(Builder.AZURE_ARM):
        identity = account.container(arm, group, name, sku.storage.container)
        signer = store.connect(sku.storage.container, env, account=name, create=False) if publish else None
        scope = f"/subscriptions/{arm.subscription}/{account.path(group, name)}"
        who = rights.WHO.get(way.id, env.get("ARM_CLIENT_ID", ""))
        rights.prove(identity, signer, rights.Grantee(who, scope))
        found += existing.blobs(sku, Builder.AZURE_ARM, identity)
    if not sku.build.trial:
        found += existing.versions(sku, arm)
    replaced = existing.decide(found, digest, sku.version, replace)
    variables = {**way.variables, "subscription_id": arm.subscription, "project": digest}
    return Ready(replaced, variables, sign_in.environment(way, env), arm)


def _own_store(definition: Definition, env: Mapping[str, str], digest: str, replace: bool) -> Ready:
    """The user's store that a local build is sent to; the one of this machine is replaced without asking."""
    from publisher import store
    from vmoffer.azure import rights

    place = definition.sku.storage
    if not (place.account or any(name in env for name in OWN_STORE)):
        return Ready()
    container = store.connect(place.container, env, account=place.account)
    if store.is_local(container.url):
        return Ready()
    rights.prove(container, container, rights.Grantee("WHO", str(container.account_name)))
    found = list(existing.blobs(definition.sku, Builder.QEMU, container))
    return Ready(existing.decide(found, digest, definition.sku.version, replace))
