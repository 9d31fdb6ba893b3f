"""The rules: `<group>.toml` says what they are, the module beside it decides those that can be decided.

`validators.catalogue` reads the first kind, `validators.engine` runs the second.
"""
