"""The `callbacks` document: what Veilleur posts to clients, as OpenAPI webhooks."""

from typing import Any

_TEXT = {"type": "string"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_INTERIM = {"enum": ["publish", "withhold"]}

_ITEM: dict[str, Any] = {
    "type": "object",
    "required": ["id", "external_id", "revision", "source_id", "kind"],
    "properties": {
        "id": _TEXT,
        "external_id": _TEXT,
        "revision": {"type": "integer"},
        "source_id": _TEXT,
        "kind": _TEXT,
        "author": {"type": ["object", "null"]},
        "context": {"type": ["object", "null"]},
        "url": _NULLABLE_TEXT,
        "metadata": {"type": ["object", "null"]},
    },
}

_ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["code", "target"],
    "properties": {
        "code": _TEXT,
        "target": {"enum": ["item", "author"]},
        "until": {"type": "string", "format": "date-time"},
        "text": _TEXT,
        "params": {"type": "object"},
    },
}

_DECISION: dict[str, Any] = {
    "type": "object",
    "required": ["id", "verdict", "actions", "policies", "automated", "automated_detection", "made_at"],
    "properties": {
        "id": _TEXT,
        "verdict": {"enum": ["allow", "restrict", "remove"]},
        "actions": {"type": "array", "items": {"$ref": "#/components/schemas/Action"}},
        "policies": {"type": "array", "items": _TEXT},
        "automated": {"type": "boolean"},
        "automated_detection": {"type": "boolean"},
        "rule_set_version": {"type": ["integer", "null"]},
        "matched_rules": {"type": "array", "items": _TEXT},
        "reason": {
            "type": ["object", "null"],
            "required": ["text", "language", "ground"],
            "properties": {
                "text": _TEXT,
                "language": _TEXT,
                "ground": {"enum": ["terms", "illegal"]},
                "reference": _TEXT,
            },
        },
        "made_at": {"type": "string", "format": "date-time"},
    },
}

_CATALOGUE_CHANGE: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "code", "change"],
    "properties": {
        "kind": {"enum": ["policy", "action"]},
        "code": _TEXT,
        "change": {"enum": ["added", "changed", "removed"]},
    },
}


_CLOCK: dict[str, Any] = {
    "item": {"$ref": "#/components/schemas/Item"},
    "metric": {"enum": ["decision", "escalation"]},
    "due_at": {"type": "string", "format": "date-time"},
}


def _callback(event_type: str, summary: str, data: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": event_type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "required": sorted(data), "properties": data},
        },
    }
    headers = [
        {"name": name, "in": "header", "required": required, "schema": _TEXT, "description": description}
        for name, required, description in (
            ("webhook-id", True, "the same at every attempt: keep it to know a repetition"),
            ("webhook-timestamp", True, "seconds since 1970 of this attempt"),
            (
                "webhook-signature",
                True,
                "`v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`, one a live secret",
            ),
            ("traceparent", False, "W3C Trace Context: where this goes on with the trace that the item was sent in"),
        )
    ]
    return {
        "post": {
            "operationId": event_type.replace(".", "_"),
            "summary": summary,
            "parameters": headers,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "2XX": {"description": "received"},
                "410": {"description": "this address is not to be called any more: the endpoint is disabled"},
                "default": {"description": "tried again later, for about three days"},
            },
        }
    }


CALLBACKS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Veilleur's callbacks",
        "version": "1",
        "summary": "Standard Webhooks, signed with every live secret of the endpoint.",
    },
    "webhooks": {
        "decision.made": _callback(
            "decision.made",
            "An item was decided, by rules or by a person",
            {
                "decision": {"$ref": "#/components/schemas/Decision"},
                "item": {"$ref": "#/components/schemas/Item"},
                "interim": _INTERIM,
                "sequence": {"type": "integer", "description": "counts the decisions of this item"},
            },
        ),
        "decision.reversed": _callback(
            "decision.reversed",
            "A decision was taken back: undo its actions, then take those of the new one",
            {
                "decision": {"$ref": "#/components/schemas/Decision"},
                "reverses": {"type": "string", "description": "the decision that no longer stands"},
                "undo": {"type": "array", "items": {"$ref": "#/components/schemas/Action"}},
                "cause": {"enum": ["appeal", "correction", "client", "rule"]},
                "item": {"$ref": "#/components/schemas/Item"},
                "interim": _INTERIM,
                "sequence": {"type": "integer", "description": "counts the decisions of this item"},
            },
        ),
        "item.held": _callback(
            "item.held",
            "An item waits for a person; show it or not, as `interim` says",
            {"item": {"$ref": "#/components/schemas/Item"}, "interim": _INTERIM},
        ),
        "item.emergency": _callback(
            "item.emergency",
            "Severe content: hide the item at once, keep it, and do what your law asks for; media are never sent",
            {
                "item": {"$ref": "#/components/schemas/Item"},
                "class": {"enum": ["csam", "threat_to_life", "terror"]},
                "interim": _INTERIM,
            },
        ),
        "catalogue.changed": _callback(
            "catalogue.changed",
            "Decisions may name other policies or actions from now on: GET /ingest/v1/catalogue has them all",
            {"changed": {"type": "array", "items": {"$ref": "#/components/schemas/CatalogueChange"}}},
        ),
        "case.question": _callback(
            "case.question",
            "A moderator asks you something: POST /ingest/v1/cases/{case}/answers; the deadline waits meanwhile",
            {
                "case": _TEXT,
                "item": {"$ref": "#/components/schemas/Item"},
                "question": _TEXT,
                "choices": {"type": "array", "items": _TEXT, "description": "suggestions; any text answers"},
            },
        ),
        "case.returned": _callback(
            "case.returned",
            "An open case comes back undecided, because the agency's service ends: what you show is yours to decide",
            {"case": _TEXT, "item": {"$ref": "#/components/schemas/Item"}, "interim": _INTERIM},
        ),
        "sla.warning": _callback(
            "sla.warning",
            "A due time comes near (only with `share_sla`)",
            _CLOCK | {"threshold": _TEXT | {"description": "`80%` of the time used up, or `900s` before it is"}},
        ),
        "sla.breached": _callback("sla.breached", "A due time has passed (only with `share_sla`)", _CLOCK),
        "endpoint.disabled": _callback(
            "endpoint.disabled",
            "Another of your endpoints is called no more: PATCH /ingest/v1/endpoints/{endpoint} enables it again",
            {
                "endpoint": _TEXT,
                "url": _TEXT,
                "reason": {
                    "enum": ["owner", "gone", "failing"],
                    "description": "by the agency, because it answered 410, or because it failed for days",
                },
            },
        ),
        "ping": _callback("ping", "Sent when the owner asks for it", {"endpoint": _TEXT}),
    },
    "components": {
        "schemas": {"Item": _ITEM, "Action": _ACTION, "Decision": _DECISION, "CatalogueChange": _CATALOGUE_CHANGE}
    },
}
