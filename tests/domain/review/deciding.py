"""What moderators and clients do while cases are decided, and what has to follow from it."""

REMOVE = {"verdict": "remove", "actions": [{"code": "remove"}], "policies": ["insult"]}
EFFECTS = ("decisions", "usage_records", "audit_entries", "events", "deliveries", "sla_events")


async def edit(desk, external_id, text):
    answer = await desk.client.send({"external_id": external_id, "text": text})
    assert answer.json()["items"][0]["status"] == "accepted"


async def count_effects(desk):
    return {table: await desk.count(table) for table in EFFECTS}
