"""docs/reliability.md is whole, and what it names exists."""

import re
from pathlib import Path

from tests.faults.support.table import BEGIN, DOCUMENT, END, Row, print_rows, record_rows

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (\d+) \| (.*) \|$", DOCUMENT.read_text(encoding="utf-8").split("## Figures")[0], re.MULTILINE)
RUN = re.compile(r"^\s+(?:stock = )?await scene\.(?:survive|reckon)\(\s*\"(\d+) ", re.MULTILINE)


def test_it_has_all_rows_and_each_says_where_it_runs():
    assert [int(number) for number, _ in ROWS] == list(range(1, 52))
    for number, row in ROWS:
        assert row.rpartition("|")[2].strip().startswith(("always", "chaos", "not here", "open")), number


def test_every_proof_is_a_file_of_tests_and_every_row_that_runs_has_one():
    for number, row in ROWS:
        proofs = re.findall(r"`(tests/[\w/.]+)`", row)
        assert all((ROOT / proof).is_file() for proof in proofs), number
        assert proofs or row.rpartition("|")[2].strip().startswith(("not here", "open")), number


def test_every_fault_that_is_run_stands_in_the_row_of_its_number():
    files = sorted((ROOT / "tests/faults").glob("test_*.py"))
    run = {(int(number), f"tests/faults/{file.name}") for file in files for number in RUN.findall(file.read_text())}
    assert len(run) > 20
    rows = {int(number): row for number, row in ROWS}
    for number, file in run:
        assert f"`{file}`" in rows[number], (number, file)


def test_figures_of_other_faults_stay_when_one_is_run_again(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text(f"{BEGIN}\n{END}\n")
    first, second = (Row(number, "x", 1, 10, 10, 0, 0, 0, 0, 0, [0.1], [0.1], "short, 0") for number in (12, 3))
    again = Row(12, "x", 7, 30, 30, 0, 0, 0, 0, 0, [0.1], [0.1], "full, 7")
    for rows in ([first, second], [again]):
        record_rows(rows, "told", document)
    [three, twelve, together] = [
        line for line in document.read_text().splitlines() if " | 0 | 0 | 0 | 0 | 0 | " in line
    ]
    assert three.startswith("| 3 | x | 1 |")
    assert twelve.startswith("| 12 | x | 7 |")
    assert "| together | 8 | 40 | 40 |" in together


def test_figures_are_written_into_their_place_and_again_over_themselves(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    row = Row(12, "FLUSHALL", 3, 10, 10, 0, 0, 1, 2, 3, [0.1, 0.2], [0.3])
    for _ in range(2):
        record_rows([row], "Seed 0.", document)
    text = document.read_text()
    assert text.startswith(f"before\n{BEGIN}\nSeed 0.\n")
    assert text.endswith(f"{END}\nafter\n")
    assert text.count("| 12 | FLUSHALL | 3 | 10 | 10 | 0 | 0 | 1 | 2 | 3 | ") == 1
    assert print_rows([row])[1].startswith("12 FLUSHALL")
