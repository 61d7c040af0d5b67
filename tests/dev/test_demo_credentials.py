"""Where the demo finds whom to talk to, and whom it never talks to."""

import json

import pytest

from tests.dev.fake_agency import SECRET, make_credentials
from veilleur.dev.demo_credentials import parse_credentials, wait_for_credentials
from veilleur.infra.cannot_start import CannotStart


def test_credentials_give_the_standard_source_of_each_client():
    credentials = parse_credentials(json.dumps(make_credentials(8080)))

    assert credentials.base_url == "http://127.0.0.1:8080"
    assert [client.source.url for client in credentials.clients] == [
        "http://127.0.0.1:8080/ingest/v1/sources/src_1"
    ] * 2
    assert credentials.clients[0].source.secret == SECRET


def test_the_moderator_who_is_not_played_is_left_to_the_reader():
    document = make_credentials(8080)
    reader = {"name": "Dana", "token": "token-Dana", "played": False}
    credentials = parse_credentials(json.dumps({**document, "moderators": [reader, *document["moderators"]]}))
    assert [one.name for one in credentials.moderators] == ["Ana", "Bo", "Cy"]


@pytest.mark.parametrize("base_url", ["http://moderation.example", "http://192.0.2.7:8080", "http://[2001:db8::1]"])
def test_no_other_machine_is_ever_talked_to(base_url):
    with pytest.raises(CannotStart, match=r"no other|not what"):
        parse_credentials(json.dumps({**make_credentials(8080), "base_url": base_url}))


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({**make_credentials(1), "clients": []})])
def test_credentials_that_can_not_be_read_are_said_so(text):
    with pytest.raises(CannotStart, match=r"credentials\.json"):
        parse_credentials(text)


async def test_credentials_that_never_come_are_said_so(tmp_path):
    with pytest.raises(CannotStart, match="veilleur dev"):
        await wait_for_credentials(tmp_path, wait_s=0)
