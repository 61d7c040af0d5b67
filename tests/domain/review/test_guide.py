"""Guard rails: each client's own policies, replies, manners and contacts, and nothing of another's."""

from tests.support.desk import open_desk, slug
from tests.support.people import unique

HIDE = {"actions": [{"code": "hide"}], "policies": ["spam"]}
TEXTS = {"fr": "Bonjour {author}, {client} retire : {policies}.", "en": "Hello {author}."}


async def add_macro(desk, code="spam-reply", client=None, **fields):
    body = {"code": code, "title": "Spam", "texts": TEXTS} | fields
    return await desk.agency.owner.call("POST", f"{(client or desk.client).base}/macros", body, 201)


async def get_guide(desk, **headers):
    path = f"/moderator/v1/clients/{desk.client.id}/guide"
    return await desk.moderator.caller.ask("GET", path, **headers)


async def test_the_guide_and_the_assignment_carry_the_clients_manners(world):
    desk = await open_desk(world)
    await add_macro(desk)
    manners = {"house_rules": "No links.", "tone": "Vouvoyez.", "contacts": [{"name": "Ann", "email": "a@x.example"}]}
    await desk.agency.owner.call("PATCH", desk.client.base, manners, 200)
    shown = await desk.agency.owner.call("GET", desk.client.base)
    guide = (await get_guide(desk)).json()
    assert guide.items() >= {"house_rules": "No links.", "tone": "Vouvoyez."}.items()
    assert guide["contacts"] == shown["contacts"] == manners["contacts"]
    assert guide["macros"] == [{"code": "spam-reply", "title": "Spam", "texts": TEXTS}]
    held = await desk.take_one()
    assert held["guide"]["version"] == guide["version"]
    assert held["guide"].items() >= {"macros": ["spam-reply"], "tone": "Vouvoyez.", "house_rules": "No links."}.items()


async def test_the_guides_etag_changes_with_what_it_says_and_saves_reading_it_again(world):
    desk = await open_desk(world)
    first = await get_guide(desk)
    assert (await get_guide(desk, if_none_match=first.headers["etag"])).status_code == 304
    await desk.agency.owner.call("PATCH", desk.client.base, {"tone": "Tutoyez."}, 200)
    second = await get_guide(desk, if_none_match=first.headers["etag"])
    assert (second.status_code, second.json()["tone"]) == (200, "Tutoyez.")
    await add_macro(desk)
    assert (await get_guide(desk, if_none_match=second.headers["etag"])).status_code == 200


async def test_a_macro_explains_in_the_items_language(world):
    desk = await open_desk(world)
    await add_macro(desk)
    author = {"external_id": "u_1", "display_name": "Jean"}
    for language, text, said in (
        ("fr-CA", "Bonjour Jean, Forum retire : Spam and unwanted advertising.", "fr"),
        ("en", "Hello Jean.", "en"),
        ("de", "Bonjour Jean, Forum retire : Spam and unwanted advertising.", "fr"),
    ):
        held = await desk.take_one(author=author, language=language, text=unique("x"))
        made = await desk.moderator.decide(held, "restrict", macro="spam-reply", **HIDE)
        assert made.status_code == 201, made.text
        assert made.json()["reason"] == {"text": text, "language": said, "ground": "terms"}
        assert (await desk.moderator.decide(held, "restrict", macro="spam-reply", **HIDE)).status_code == 200
        assert (await desk.moderator.decide(held, "restrict", **HIDE)).status_code == 409


async def test_a_macro_outside_the_guide_is_refused_and_told_what_is_allowed(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    await add_macro(desk)
    await add_macro(desk, "only-there", other)
    held = await desk.take_one()
    answer = await desk.moderator.decide(held, "restrict", macro="only-there", **HIDE)
    assert (answer.status_code, slug(answer)) == (422, "not-in-catalogue")
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/macro"
    assert "spam-reply" in error["hint"]
    both = await desk.moderator.decide(held, "restrict", macro="spam-reply", explanation="So.", **HIDE)
    assert [one["pointer"] for one in both.json()["errors"]] == ["/explanation"]


async def test_macros_are_kept_changed_and_deleted_with_a_version(world):
    desk = await open_desk(world)
    owner = desk.agency.owner
    made = await add_macro(desk)
    path = f"{desk.client.base}/macros/{made['id']}"
    read = await owner.ask("GET", path)
    assert (read.json(), read.headers["etag"]) == (made, '"1"')
    other = {"code": "renamed", "title": "New", "texts": {"fr": "Non."}}
    assert (await owner.call("PUT", path, other, 200, if_match='"1"'))["code"] == "renamed"
    assert slug(await owner.ask("PUT", path, other, if_match='"1"')) == "precondition-failed"
    await add_macro(desk)
    assert slug(await owner.ask("PUT", path, other | {"code": "spam-reply"})) == "code-taken"
    first = await owner.call("GET", f"{desk.client.base}/macros?limit=1")
    rest = await owner.call("GET", f"{desk.client.base}/macros?limit=1&after={first['next']}")
    assert [one["code"] for one in (*first["data"], *rest["data"])] == ["renamed", "spam-reply"]
    await owner.call("DELETE", path, status=204)
    assert (await owner.ask("GET", path)).status_code == 404
    assert await desk.count("audit_entries", "action LIKE 'macro.%'") == 4


async def test_a_macro_with_a_blank_that_nothing_fills_is_refused(world):
    desk = await open_desk(world)
    body = {"code": "m", "title": "M", "texts": {"fr": "Bonjour {nom}", "en": "{who}"}}
    answer = await desk.agency.owner.ask("POST", f"{desk.client.base}/macros", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/texts/en", "/texts/fr"]


async def test_the_client_is_told_of_a_new_policy_or_action(world):
    desk = await open_desk(world)
    owner, base = desk.agency.owner, desk.client.base
    await owner.call("POST", f"{base}/policies", {"code": "new", "title": "New"}, 201)
    await owner.call(
        "POST", f"{base}/actions", {"code": "blur", "title": "Blur", "verdict": "restrict", "targets": ["item"]}, 201
    )
    await world.drain()
    feed = await desk.client.api.call("GET", "/ingest/v1/events?types=catalogue.changed")
    assert [one["data"]["changed"] for one in feed["data"]] == [
        [{"kind": "policy", "code": "new", "change": "added"}],
        [{"kind": "action", "code": "blur", "change": "added"}],
    ]
