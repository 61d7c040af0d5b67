import io

import pytest

from veilleur.dev.console import Console, LineReader


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_every_line_says_who_speaks_without_colour_off_a_terminal() -> None:
    output = io.StringIO()
    console = Console(output, {})
    console.say("api", "one\ntwo")
    console.say("postgres", "three")
    assert output.getvalue() == "api      │ one\napi      │ two\npostgres │ three\n"


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": ""}, False),
    ],
)
def test_colour_on_a_terminal_or_by_force(stream: io.StringIO, environment: dict[str, str], coloured: bool) -> None:
    Console(stream, environment).say("api", "one")
    assert ("\x1b[36m" in stream.getvalue()) is coloured


def test_lines_are_whole_however_the_bytes_arrive() -> None:
    output = io.StringIO()
    reader = LineReader(Console(output, {}), "api")
    for byte in "é un\r\n\ndeux\ntrois".encode():
        reader.feed(bytes([byte]))
    reader.close()
    assert "│ deux\n" in output.getvalue()
    assert output.getvalue().endswith("│ trois\n")
    assert "é un" in output.getvalue()


def test_bytes_that_are_no_text_are_shown_as_far_as_they_are() -> None:
    output = io.StringIO()
    LineReader(Console(output, {}), "api").feed(b"caf\xe9\n")
    assert output.getvalue() == "api      │ caf�\n"


def test_a_live_text_stands_below_later_lines_until_it_is_replaced() -> None:
    output = Terminal()
    console = Console(output, {"NO_COLOR": "1"})
    reader = LineReader(console, "replay")
    reader.feed(b"1 of 9\r")
    console.say("api", "line")
    assert output.getvalue().endswith("\r\x1b[2Kapi      │ line\nreplay   │ 1 of 9")
    reader.feed(b"2 of 9\r")
    assert output.getvalue().endswith("\r\x1b[2Kreplay   │ 2 of 9")
    reader.feed(b"\r")
    console.say("api", "line")
    assert output.getvalue().endswith("api      │ line\n")


def test_a_live_text_is_cut_to_one_line_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output = Terminal()
    Console(output, {"NO_COLOR": "1"}).show_live("replay", "x" * 100)
    assert len(output.getvalue().removeprefix("\r\x1b[2K")) < 40


def test_off_a_terminal_a_live_text_becomes_a_line_now_and_then() -> None:
    output = io.StringIO()
    reader = LineReader(Console(output, {}), "replay")
    for number in range(100):
        reader.feed(f"\x1b[32m{number} of 100\x1b[0m\r".encode())
    assert output.getvalue() == "replay   │ 0 of 100\n"


def test_a_terminal_that_went_away_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    Console(Gone(), {}).say("api", "one")
