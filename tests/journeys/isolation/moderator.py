"""What is asked of the API of moderators."""

from tests.journeys.isolation.asked import Asked

MODERATOR = Asked(
    bodies={
        "decide_assignment": lambda: {"fence": 1, "revision": 1, "verdict": "allow"},
        "release_assignment": lambda: {"fence": 1},
        "skip_assignment": lambda: {"fence": 1, "reason": "other"},
        "hand_over_assignment": lambda: {"fence": 1, "to": "mem_x"},
        "escalate_assignment": lambda: {"fence": 1, "queue": "default", "note": "x"},
        "ask_about_assignment": lambda: {"fence": 1, "question": "x"},
        "write_note": lambda: {"text": "x"},
        "correct_made_decision": lambda: {"verdict": "allow", "reason": "x"},
        "quarantine_assignment": lambda: {"fence": 1, "class": "terror"},
    },
    bodiless={
        "cancel_decision_actions",
    },
    body_ids={},
    query_ids={
        "search_client_items": lambda home: f"?client={home.client.id}&author=u_1",
    },
    look_ups={"search_client_items"},
    alone={
        "revoke_token": "ends what its bearer holds, names no id",
        "begin_login": "reads a provider's public face; what it trusts is tried in tests of its own",
        "finish_login": "believes its own cookie only",
        "send_heartbeat": "answers for each lease apart",
        "claim_assignments": "names no id; what it hands out is looked at",
        "set_my_status": "names no id",
        "set_own_care": "names no id",
        "issue_token": "trades secrets, names no id but its own",
        "get_server_metadata": "public",
        "get_jwks": "public",
    },
)
