"""Media are looked at as sealed snapshots: by who decides, blurred or in full, and full views are noted."""

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from tests.support.desk import open_desk, slug
from tests.support.pictures import draw, open_picture_host
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains


@pytest.fixture
async def host():
    async with open_picture_host() as opened:
        yield opened


async def take_with(world, host, *bodies, status=200, **more):
    """A desk whose moderator holds a case with these pictures."""
    desk = await open_desk(world, **more)
    urls = [host.put(f"/{place}.png", body, status) for place, body in enumerate(bodies)]
    held = await desk.take_one(external_id="c_1", media=[{"url": url, "type": "image"} for url in urls])
    await world.drain()
    return desk, held, [medium["id"] for medium in held["item"]["media"]]


async def look(moderator, media_id, variant=None):
    query = f"?variant={variant}" if variant else ""
    return await moderator.caller.ask("GET", f"/moderator/v1/media/{media_id}{query}")


def size_of(answer):
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), answer.text
    with Image.open(BytesIO(answer.content)) as image:
        return image.size


async def test_the_holder_sees_a_copy_blurred_by_default_and_in_full_when_asked(world, host):
    desk, _, [media] = await take_with(world, host, draw(2_048, 1_024))
    blurred, full = await look(desk.moderator, media), await look(desk.moderator, media, "full")
    assert (size_of(blurred), size_of(full)) == ((1_024, 512), (1_024, 512))
    assert [one.headers["veilleur-variant"] for one in (blurred, full)] == ["blur", "full"]
    assert blurred.content != full.content
    assert blurred.headers["cache-control"] == "no-store"
    assert host.asked == ["/0.png"]


async def test_who_chose_no_blur_gets_the_full_view(world, host):
    desk, _, [media] = await take_with(world, host, draw())
    await desk.moderator.caller.call("PUT", "/moderator/v1/me/care", {"blur": False}, 200)
    assert (await look(desk.moderator, media)).headers["veilleur-variant"] == "full"


async def test_each_full_view_is_audited_and_counts_as_exposure_and_blurred_ones_do_not(world, host):
    desk, _, [media] = await take_with(world, host, draw())
    await look(desk.moderator, media, "blur")
    assert await desk.count("exposures") == 0
    for _ in range(2):
        await look(desk.moderator, media, "full")
    assert await desk.count("exposures", "kind = 'view' AND severity = 1") == 2
    assert await desk.count("audit_entries", f"action = 'media.viewed' AND details ->> 'media' = '{media}'") == 2


async def test_at_rest_a_snapshot_is_sealed(world, host):
    desk, _, [media] = await take_with(world, host, draw())
    shown = (await look(desk.moderator, media, "full")).content
    [row] = await desk.fetch("SELECT full_view, blurred_view FROM media_snapshots WHERE agency_id = $1")
    for sealed in (row["full_view"], row["blurred_view"]):
        assert shown[:16] not in sealed
        assert b"JFIF" not in sealed


async def test_nobody_else_sees_it_and_after_the_decision_nobody_at_all(world, host):
    desk, held, [media] = await take_with(world, host, draw())
    colleague = await desk.hire()
    assert (await look(colleague, media)).status_code == 404
    assert (await desk.moderator.decide(held)).status_code == 201
    assert (await look(desk.moderator, media)).status_code == 404


async def test_quarantined_it_is_for_those_of_the_restricted_queue_held_or_not(world, host):
    desk, held, [media] = await take_with(world, host, draw())
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, {"fence": held["fence"], "class": "csam"}, 200)
    expert, lead = await desk.hire(skills=["quarantine"]), await desk.hire(roles=["lead"])
    assert [(await look(one, media)).status_code for one in (desk.moderator, lead, expert)] == [404, 404, 200]
    assert (await look(expert, media, "full")).status_code == 200
    assert await desk.count("exposures", f"severity = 5 AND member_id = '{await _uuid(expert)}'") == 1
    await desk.misplace_cases("default")
    await desk.moderator.take()
    assert (await look(desk.moderator, media)).status_code == 404


async def test_before_it_is_fetched_the_answer_says_so(world, host):
    desk = await open_desk(world)
    await desk.client.accept(media=[{"url": host.put("/0.png", draw()), "type": "image"}])
    await Drains(world.worker).run("screening", desk.agency_id)
    [held] = await desk.moderator.take()
    early = await look(desk.moderator, held["item"]["media"][0]["id"])
    assert (early.status_code, slug(early)) == (409, "media-pending")
    await world.drain()
    assert (await look(desk.moderator, held["item"]["media"][0]["id"])).status_code == 200


async def test_what_is_no_picture_says_why_and_where_it_is(world, host):
    desk, held, [text, missing] = await take_with(world, host, b"<svg/>", draw())
    answer = await look(desk.moderator, text, "full")
    assert (answer.status_code, slug(answer), answer.json()["reason"]) == (409, "media-unavailable", "not_an_image")
    assert answer.json()["url"] == held["item"]["media"][0]["url"]
    assert (await look(desk.moderator, missing)).status_code == 200
    assert await desk.count("exposures") == 0


async def test_videos_wrong_addresses_and_what_is_gone_are_told_apart(world, host):
    desk = await open_desk(world)
    media = [
        {"url": "https://client.example/1.mp4", "type": "video"},
        {"url": "http://10.0.0.1/1.png"},
        {"url": f"http://127.0.0.1:{host.port}/gone.png"},
        {"url": "not a url"},
    ]
    held = await desk.take_one(media=media)
    await world.drain()
    reasons = [(await look(desk.moderator, one["id"])).json()["reason"] for one in held["item"]["media"]]
    assert reasons == ["not_an_image", "blocked", "status", "blocked"]


async def test_a_host_that_stumbles_is_asked_again_and_one_that_stays_down_is_given_up(world, host):
    desk, _, [media] = await take_with(world, host, draw(), status=503)
    assert slug(await look(desk.moderator, media)) == "media-pending"
    for after in (10, 100):
        await world.move_clock(timedelta(seconds=after))
        await Drains(world.worker).run("media", desk.agency_id)
    await world.reset_clock()
    assert (await look(desk.moderator, media)).json()["reason"] == "status"
    assert len(host.asked) == 3


async def test_too_many_bytes_are_not_read(world, host):
    desk, _, [media] = await take_with(world, host, draw() + bytes(11 * 1024 * 1024))
    assert (await look(desk.moderator, media)).json()["reason"] == "too_large"


async def test_only_the_first_ten_images_are_copied(world, host):
    desk, _, media = await take_with(world, host, *[draw()] * 11)
    answers = [await look(desk.moderator, one) for one in (media[0], media[9], media[10])]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert len(host.asked) == 10


async def test_copies_go_a_week_after_the_case_and_a_hold_keeps_them(world, host):
    desk, held, _ = await take_with(world, host, draw())
    await sweep_after(world, desk, days=30)
    assert await desk.count("media_snapshots") == 1
    assert (await desk.moderator.decide(held)).status_code == 201
    await sweep_after(world, desk, days=6)
    assert await desk.count("media_snapshots") == 1
    await desk.fetch("UPDATE items SET hold_class = 'terror' WHERE agency_id = $1")
    await sweep_after(world, desk, days=8)
    assert await desk.count("media_snapshots") == 1
    await desk.fetch("UPDATE items SET hold_class = NULL WHERE agency_id = $1")
    await sweep_after(world, desk, days=8)
    assert await desk.count("media_snapshots") == 0


async def sweep_after(world, desk, days):
    await world.move_clock(timedelta(days=days))
    await Drains(world.worker).run("retention", desk.agency_id)
    await world.reset_clock()


async def _uuid(moderator):
    return read_id("mem", await moderator.get_id())
