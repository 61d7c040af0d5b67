"""Good bodies of the routes that read one."""

import json

from tests.support.billing import BUYER, TAX, plan_by_item
from tests.support.invoicing import PROFILE
from tests.support.people import Json

NOBODY = "http://127.0.0.1:9/"
"""Where nobody listens."""

OFFER: Json = {
    "rate_plan": {"code": "x", "version": 1}, "starts_on": "2031-01-01", "valid_until": "2030-01-01", "buyer": BUYER, "tax": TAX,
    "services": [{"title": "t", "description": "d"}], "terms": {"cancellation": "c", "other": ["o"]},
    "estimate": {"decision.human": [{"quantity": "1", "dims": {"grade": "x"}}]},
}  # fmt: skip
LINE: Json = {
    "description": {"en": "x"}, "quantity": "1", "unit_price": "1", "from": "2026-01-01", "to": "2026-01-02",
}  # fmt: skip


def example_of(path: str, ids: dict[str, str]) -> Json | None:
    """A good body of a route, from which one field at a time is spoiled."""
    item = {"external_id": "c", "text": "x", "metadata": {}, "media": [], "context": {}, "author": {"external_id": "u"}}
    # As a text: what spoils a rule set from inside is tried where rules are tested.
    rules = json.dumps({
        "format": "veilleur.rules/v1", "schema": "item/v1", "name": "n", "fallback": {"verdict": "allow"},
        "lists": {"bad": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["bad"]}},
        "rules": [{
            "id": "r", "title": "R", "mode": "live", "severity": 1, "when": {"all": ["hits('bad') > 0"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"]},
        }],
    })  # fmt: skip
    calendar = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}}
    examples: dict[str, Json] = {
        "/ingest/v1/sources/{source_id}": {"type": "item.created", "timestamp": "2026-11-22T10:00:00Z", "data": item},
        "/ingest/v1/items": {"source": ids["source_id"], "items": [item]},
        "/owner/v1/clients": {"slug": "s", "name": "n", "time_zone": "UTC", "languages": [], "calendar": None},
        "/owner/v1/clients/{client_id}": {"name": "n", "time_zone": "UTC", "languages": [], "interim": "publish"},
        "/owner/v1/clients/{client_id}/sources": {"kind": "standard", "name": "n", "settings": {}},
        "/owner/v1/clients/{client_id}/sources/{source_id}/actor": {
            "mode": "act", "hold_s": 0, "platform": "discourse", "credentials": {"url": NOBODY, "api_key": "0123456789"},
            "operations": {"actions": {"hide": "hide_post"}, "verdicts": {"allow": None}},
        },
        "/owner/v1/clients/{client_id}/sources/{source_id}/secrets": {"secret": None, "overlap_s": 60},
        "/owner/v1/clients/{client_id}/endpoints": {"url": "https://example.com/", "events": []},
        "/owner/v1/clients/{client_id}/endpoints/{endpoint_id}": {"url": "https://example.com/", "rate_per_s": 1.5},
        "/owner/v1/clients/{client_id}/endpoints/{endpoint_id}/secrets": {"secret": None, "overlap_s": 60},
        "/owner/v1/endpoints/{endpoint_id}/recover": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/endpoints/{endpoint_id}/replay-missing": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/endpoints/{agency_endpoint_id}": {"events": [], "state": "enabled", "concurrency": 1},
        "/ingest/v1/endpoints": {"url": "https://example.com/", "events": []},
        "/ingest/v1/endpoints/{endpoint_id}": {"url": "https://example.com/", "events": [], "state": "enabled"},
        "/ingest/v1/endpoints/{endpoint_id}/secrets": {"secret": None, "overlap_s": 60},
        "/ingest/v1/endpoints/{endpoint_id}/recover": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/clients/{client_id}/credentials": {"kind": "api_key", "name": "n", "scopes": ["items:read"]},
        "/owner/v1/clients/{client_id}/policies": {"code": "c", "title": "t", "examples": [], "definition": ""},
        "/owner/v1/clients/{client_id}/policies/{policy_code}": {"title": "t", "examples": [], "default_actions": []},
        "/owner/v1/clients/{client_id}/actions": {"code": "c", "title": "t", "verdict": "allow", "targets": ["item"]},
        "/owner/v1/clients/{client_id}/rule-sets": {"rule_set": rules, "note": "n"},
        "/owner/v1/lists": {"code": "c", "title": "t", "list": {"kind": "phrases", "entries": ["x"]}, "note": "n"},
        "/owner/v1/lists/{list_id}": {"title": "t", "list": {"kind": "phrases", "entries": ["x"]}},
        "/owner/v1/clients/{client_id}/lists": {"code": "c", "title": "t", "list": {"hash": "pdq", "entries": []}},
        "/owner/v1/clients/{client_id}/lists/{list_id}": {"title": "t", "list": {"except": ["x"], "entries": ["x"]}},
        "/owner/v1/rule-sets/check": {"client": ids["client_id"], "rule_set": rules},
        "/owner/v1/rule-sets/preview": {"rule_set": rules, "items": [item]},
        "/owner/v1/members": {"email": "a@b", "name": "n", "roles": ["moderator"], "skills": [], "clients": []},
        "/owner/v1/members/{member_id}": {"name": "n", "languages": [], "clients": [], "capacity": 5},
        "/owner/v1/queues": {"code": "c", "name": "n", "lease_s": 60},
        "/owner/v1/calendars": {"name": "n", "calendar": calendar},
        "/owner/v1/calendars/preview": {"calendar": calendar, "op": "add", "start": "2026-11-22T10:00:00Z", "seconds": 1},
        "/owner/v1/rate-plans": plan_by_item(),
        "/owner/v1/clients/{client_id}/contracts": {
            "rate_plan": {"code": "none", "version": 1}, "starts_on": "2031-01-01", "buyer": BUYER, "tax": TAX,
        },
        "/owner/v1/clients/{client_id}/usage-entries": {
            "meter": "content.piece", "quantity": "1", "occurred_at": "2026-05-01T00:00:00Z", "note": "n", "dims": {},
        },
        "/owner/v1/clients/{client_id}/usage-thresholds": {"kind": "quantity", "value": "1", "meter": "m"},
        "/owner/v1/clients/{client_id}/contracts/{contract_id}/end": {"ends_on": "2031-01-01", "reason": "r"},
        "/owner/v1/billing-profile": PROFILE,
        "/owner/v1/billing-runs": {"period": "2026-01"},
        "/owner/v1/members/{member_id}/cost-rates": {"from": "2026-01-01", "per_hour": "16", "currency": "EUR"},
        "/owner/v1/clients/{client_id}/quotes": OFFER,
        "/owner/v1/clients/{client_id}/quotes/{quote_id}/accept": {"name": "n", "digest": "0" * 64},
        "/owner/v1/clients/{client_id}/invoices": {"period": "2026-01", "language": "fr"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/lines": LINE,
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/exchange": {"rate": "1.1", "on": "2026-01-01", "source": "s"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/payments": {"amount": "1.00", "paid_on": "2026-01-01"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/credit-notes": {
            "reason": "r", "lines": [{"id": "x", "quantity": "1"}],
        },
        "/moderator/v1/assignments": {"hold": 1, "queues": ["default"]},
        "/moderator/v1/heartbeat": {"assignments": [{"id": ids["assignment_id"], "fence": 1}]},
        "/moderator/v1/assignments/{assignment_id}/decision": {
            "fence": 1, "revision": 2, "verdict": "allow", "actions": [], "policies": [], "explanation": "", "note": "",
        },
        "/moderator/v1/assignments/{assignment_id}/notes": {"text": "t", "pin": "case"},
    }  # fmt: skip
    return examples.get(path)
