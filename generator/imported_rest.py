"""What an import neither carried over nor listed yet: it is listed, so that nothing of a template is lost."""

from __future__ import annotations

from generator.hcl_blocks import Block
from generator.imported import BLOCKS, Import, covered

# Blocks whose values are filled in where they are named.
NAMED = ("variable", "local", "locals")
OWN_WAY = "vmoffer does this its own way"
WHY = {
    "packer": "the project says itself which plugins it needs",
    "data": "only Packer knows what it finds",
    "source": "not the source that was imported",
    "post-processor": "vmoffer checks, uploads and signs; do anything else after vmoffer build",
    "hcp_packer_registry": "a definition has no field for it",
}
# Options of provisioners that say how Packer runs them, by https://developer.hashicorp.com/packer/docs/provisioners
# and the pages of shell, powershell and file.
HOW = {
    "execute_command", "elevated_execute_command", "elevated_user", "elevated_password", "remote_path",
    "remote_folder", "remote_file", "skip_clean", "use_env_var_file", "env_var_format", "use_pwsh", "binary",
    "inline_shebang", "elevated_env_var_format", "execution_policy", "start_retry_timeout", "direction",
}  # fmt: skip


def rest(found: Import, source: Block) -> None:
    """List every block and attribute of the template that `found` does not account for."""
    for file in found.template.files:
        for attribute in file.attributes.values():
            found.leave(file, attribute.line, attribute.name, "no attribute belongs there")
        for block in file.blocks:
            if block.kind in NAMED:
                continue
            if block is source:
                _inside(found, block.with_blocks(BLOCKS))
            elif block.kind == "build" and _is_taken(found, block):
                _inside(found, block)
            elif (file.file.name, block.line) not in found.listed:
                _leave(found, block)


def _inside(found: Import, block: Block) -> None:
    """The attributes and blocks in a block that was carried over."""
    for attribute in block.attributes.values():
        key = (block.file.name, attribute.line)
        if (*key, attribute.name) not in found.taken and key not in found.listed:
            own = covered(attribute.name) if block.kind != "provisioner" else attribute.name in HOW
            todo = OWN_WAY if own else "a definition has no field for it"
            found.leave(block, attribute.line, attribute.name, todo)
    for inner in block.blocks:
        if _is_taken(found, inner) or inner.kind in (*BLOCKS, "target_region"):
            _inside(found, inner)
        elif (inner.file.name, inner.line) not in found.listed:
            _leave(found, inner)


def _is_taken(found: Import, block: Block) -> bool:
    return (block.file.name, block.line, block.kind) in found.taken


def _leave(found: Import, block: Block) -> None:
    todo = WHY.get(block.kind, OWN_WAY if covered(block.kind) else "a definition has no field for it")
    found.leave(block, block.line, " ".join([block.kind, *block.labels]), todo)
