"""What is asked of the API of clients."""

from tests.journeys.isolation.asked import Asked

INGEST = Asked(
    bodies={
        "answer_case_question": lambda: {"text": "x"},
        "change_own_endpoint": lambda: {"url": "http://127.0.0.1:9/mine"},
        "rotate_own_secret": lambda: {"overlap_s": 0},
        "recover_own_deliveries": lambda: {"since": "2026-01-01T00:00:00Z"},
        "replay_own_missing_events": dict,
        "overrule_made_decision": lambda: {"verdict": "allow", "reason": "x"},
    },
    bodiless={
        "ping_own_endpoint",
        "redeliver_own_delivery",
    },
    body_ids={
        "send_items": (
            lambda _, home: {"source": home.client.source["id"], "items": [{"external_id": "x", "text": "x"}]},
            "/source",
        ),
    },
    query_ids={
        "look_up_item": lambda home: f"?source={home.client.source['id']}&external_id=c_decided",
    },
    look_ups={"look_up_item"},
    alone={
        "receive_webhook": "answers to signatures only",
        "answer_handshake": "answers to who knows the source and its verify token",
        "create_own_endpoint": "names no id",
        "erase_author_data": "an author's id is the client's own word; see `test_ingest`",
        "get_author_data": "the same",
        "erase_named_author_data": "the same",
        "get_named_author_data": "the same",
        "issue_token": "trades secrets, names no id but its own",
        "revoke_token": "ends what its bearer holds, names no id",
    },
)
