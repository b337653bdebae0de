"""The JSON Schema of the settings file."""

from __future__ import annotations

from typing import Any

from smartticket_config.settings import Settings
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.registry import connector_class, connector_kinds


def settings_schema() -> dict[str, Any]:
    """The schema with one alternative a connector under `sources`."""
    schema = Settings.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    kinds = []
    for kind in sorted(connector_kinds()):
        try:
            own = connector_class(kind).Settings.model_json_schema()
        except ConfigurationError:
            continue
        definitions |= own.pop("$defs", {})
        own["properties"]["kind"] = {"const": kind, "type": "string"}
        definitions[f"source_{kind}"] = own
        kinds.append({"$ref": f"#/$defs/source_{kind}"})
    names = schema["properties"]["sources"]
    (pattern,) = names.get("patternProperties") or {"": None}
    names |= {"additionalProperties": False, "patternProperties": {pattern or ".*": {"anyOf": kinds}}}
    schema["title"] = "SmartTicket settings"
    return schema
