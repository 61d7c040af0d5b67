"""The demo's numbers and how they are shown."""

import io
import json
import subprocess
from dataclasses import replace

import pytest
from rich.console import Console

from tests.dev.fake_agency import make_credentials
from veilleur.dev.demo_progress import LineDisplay, close_with_table, draw_bar, list_next_steps
from veilleur.dev.demo_tally import Tally, is_settled, summarise


def test_the_summary_says_what_was_accepted_decided_and_is_still_open():
    tally = Tally(planned=10, accepted=8, auto_decided=3, human_decided=2, late_cases={"cas_1"})

    assert summarise(tally) == "accepted 8 · auto-decided 3 · in review 3 · decided 5 · breached 1"
    assert summarise(replace(tally, refused=1)).endswith("breached 1 · refused 1")
    assert (
        summarise(replace(tally, human_decided=9))
        == "accepted 8 · auto-decided 3 · in review 0 · decided 12 · breached 1"
    )


@pytest.mark.parametrize(
    ("open_cases", "quiet_s", "busy", "moderators", "over"),
    [
        (0, 1.0, False, True, False),
        (0, 5.0, False, True, True),
        (0, 5.0, True, True, False),
        (3, 5.0, False, True, False),
        (3, 61.0, True, True, True),
        (3, 5.0, False, False, True),
    ],
)
def test_a_run_is_over_when_nothing_moves_and_nothing_is_left_to_wait_for(open_cases, quiet_s, busy, moderators, over):
    tally = Tally(planned=5, sent=5, accepted=5, auto_decided=5 - open_cases)

    assert is_settled(tally, quiet_s=quiet_s, busy=busy, moderators=moderators) is over


def test_without_a_terminal_a_line_comes_every_five_seconds_and_once_at_the_end():
    output, current = io.StringIO(), [0.0]
    tally = Tally(planned=640)

    with LineDisplay(output, monotonic=lambda: current[0]) as display:
        for _second in range(12):
            tally.sent += 4
            display.show(tally)
            current[0] += 1.0

    lines = output.getvalue().splitlines()
    assert [line.split(" ")[0] for line in lines] == ["4/640", "24/640", "44/640", "48/640"]


def test_a_reader_that_redraws_gets_a_bar_and_a_carriage_return_each_time():
    output = io.StringIO()
    tally = Tally(planned=4, sent=1)

    with LineDisplay(output, redrawn=True) as display:
        display.show(tally)
        display.show(tally)

    assert output.getvalue().count("█████░░░░░░░░░░░░░░░ 1/4 sent") == 2
    assert output.getvalue().count("\r") == 2
    assert output.getvalue().endswith("breached 0\n")


def test_the_bar_is_empty_at_first_full_at_last_and_never_divides_by_zero():
    assert draw_bar(0, 640) == "░" * 20
    assert draw_bar(640, 640) == "█" * 20
    assert draw_bar(0, 0) == "░" * 20


def test_the_closing_table_gives_shares_of_what_was_accepted():
    console = Console(file=io.StringIO(), width=80)
    console.print(close_with_table(Tally(planned=4, accepted=4, auto_decided=3, human_decided=1), 61.2))

    text = console.file.getvalue()
    assert "61 s" in text
    assert "75%" in text
    assert "25%" in text


def test_the_next_steps_are_lines_a_shell_runs_and_hold_no_token(tmp_path):
    (tmp_path / "credentials.json").write_text(json.dumps(make_credentials(8080)), encoding="utf-8")
    steps = list_next_steps("http://127.0.0.1:8080", tmp_path)
    script = "\n".join(steps.replace("curl", "echo").replace("veilleur replay", "true").splitlines()[3:])

    told = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout

    assert "token-" not in steps
    assert "http://127.0.0.1:8080/moderator/v1/assignments" in told
    assert "Authorization: Bearer token-Ana" in told
    assert "Authorization: Bearer owner-token" in told
    assert '{"source": "src_0", "items": [{"external_id": "my-1", "text": "Salut"}]}' in told
