"""The base of every mapping in a definition."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator


class Closed(BaseModel):
    """A mapping of a definition: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class OneOf(Closed):
    """A mapping that has exactly one of the fields `choices`, for us and for editors."""

    choices: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in self.choices if getattr(self, name) is not None]
        if len(given) != 1:
            wanted = ", ".join(self.choices)
            raise ValueError(f"give exactly one of {wanted}; found {', '.join(given) or 'none'}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        handler.resolve_ref_schema(schema)["oneOf"] = [{"required": [name]} for name in cls.choices]
        return schema
