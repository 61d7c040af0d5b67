"""Looking for an item by what is at hand, in the clients one serves."""

import pytest

from tests.support.desk import open_desk


async def find(desk, query, client=None):
    path = f"/moderator/v1/items?client={(client or desk.client).id}&{query}"
    return await desk.moderator.caller.ask("GET", path)


async def test_items_are_found_by_id_author_and_address(world):
    desk = await open_desk(world)
    url = "https://client.example/p/1?a=b#c"
    [item] = await desk.receive(external_id="c_1", url=url, author={"external_id": "u_1"})
    await desk.receive(author={"external_id": "u_2"})
    for query in ("external_id=c_1", "author=u_1", "url=https%3A%2F%2Fclient.example%2Fp%2F1%3Fa%3Db%23c"):
        answer = await find(desk, query)
        assert answer.status_code == 200, answer.text
        [found] = answer.json()["data"]
        assert (found["id"], found["url"], found["verdict"]) == (item, url, None), query
    assert (await find(desk, "external_id=c_1&author=u_2")).json() == {"data": [], "next": None}


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_none(world):
    desk = await open_desk(world)
    sent = await desk.receive(5, author={"external_id": "u_1"})
    seen, after = [], ""
    while after is not None:
        page = (await find(desk, f"author=u_1&limit=2{after and f'&after={after}'}")).json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
    assert seen == sent[::-1]


@pytest.mark.parametrize("query", ["", "author=u_1&after=x", "author=u_1&limit=0", "author=%00"])
async def test_a_search_for_nothing_or_with_a_false_cursor_is_refused(world, query):
    desk = await open_desk(world)
    assert (await find(desk, query)).status_code == 422


async def test_another_client_is_not_searched_and_not_known_to_who_does_not_serve_it(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    await desk.receive(client=other, author={"external_id": "u_1"})
    assert (await find(desk, "author=u_1")).json()["data"] == []
    stranger = await desk.hire(clients=[desk.client.id])
    answer = await stranger.caller.ask("GET", f"/moderator/v1/items?client={other.id}&author=u_1")
    assert answer.status_code == 404


async def test_a_search_for_nothing_points_to_the_whole_request(world):
    desk = await open_desk(world)
    assert [error["pointer"] for error in (await find(desk, "")).json()["errors"]] == [""]
