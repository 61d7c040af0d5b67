"""Who may do what. Members' permissions follow from their roles; clients' from the scopes of their credential."""

from collections.abc import Mapping

from veilleur.domain.tenancy.models import Role

_CONFIGURE = frozenset({
    "identity:read", "identity:write",
    "clients:read", "clients:write", "catalogue:write", "rules:read", "rules:write", "members:read", "members:write",
    "queues:write", "shifts:write", "cases:steer", "calendars:write", "sla:write", "credentials:write",
    "deliveries:read", "deliveries:write", "alarms:read", "notices:read", "notices:write", "sla:read",
})  # fmt: skip

ROLE_PERMISSIONS: Mapping[Role, frozenset[str]] = {
    "owner": _CONFIGURE | {"usage:read", "usage:write", "pricing:read", "pricing:write", "invoices:write",
                           "cases:work", "holds:write", "audit:read", "custody:write"},
    "lead": frozenset({"clients:read", "rules:read", "rules:write", "catalogue:write", "members:read", "cases:work",
                       "shifts:write", "cases:steer", "deliveries:read", "deliveries:write", "alarms:read",
                       "notices:read", "sla:read"}),
    "moderator": frozenset({"cases:work"}),
    "auditor": frozenset({"identity:read",
                          "clients:read", "rules:read", "members:read", "deliveries:read", "usage:read",
                          "alarms:read", "notices:read", "sla:read", "audit:read"}),
    "accountant": frozenset({"clients:read", "usage:read", "usage:write", "pricing:read", "pricing:write",
                           "invoices:write"}),
}  # fmt: skip

BREAK_GLASS = ROLE_PERMISSIONS["owner"] - {"cases:work"}
"""What the operator may read in an emergency (`GET` alone): what the owner sees, without the moderators' desk."""

SCOPES = (
    "ingest:write",
    "items:read",
    "decisions:write",
    "endpoints:write",
    "billing:read",
    "erasure:write",
)


def member_may(roles: frozenset[str], permission: str) -> bool:
    return any(permission in permissions for role, permissions in ROLE_PERMISSIONS.items() if role in roles)
