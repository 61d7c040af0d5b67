"""The samples are real, labelled, balanced, ready to be sent, and can be built again."""

import importlib.util
import json
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from veilleur.dev import demo_samples
from veilleur.dev.demo_samples import (
    Sample,
    find_sample_id,
    find_samples,
    load_samples,
    make_run_id,
    map_labels,
    plan_items,
)
from veilleur.dev.demo_sender import encode_event
from veilleur.domain.intake.envelope import read_envelope
from veilleur.infra.cannot_start import CannotStart
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.strict_json import strict_loads

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FOLDER = find_samples()
SAMPLES = load_samples(FOLDER)


def load_builder() -> ModuleType:
    specification = importlib.util.spec_from_file_location("samples_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["samples_build"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def write_sources(folder: Path, forum: list[tuple[str, str, int]], videos: list[tuple[str, str, str, int]]) -> Path:
    (folder / "toxifrench").mkdir(parents=True)
    (folder / "youtube-spam").mkdir()
    rows = "".join(f"anon_msg_{key},{json.dumps(text)},{label}\n" for key, text, label in forum)
    (folder / "toxifrench" / "ToxiFrenchBalanced.csv").write_text(f"msg_id,content,label\n{rows}", encoding="utf-8")
    rows = "".join(f"{key},{author},,{json.dumps(text)},{label}\n" for key, author, text, label in videos)
    header = "COMMENT_ID,AUTHOR,DATE,CONTENT,CLASS\n"
    (folder / "youtube-spam" / "01-9bZkp7q19f0.csv").write_text(header + rows, encoding="utf-8")
    return folder


def test_there_are_at_least_600_samples_half_french_half_english_with_both_labels_balanced():
    counts = Counter((sample.client, sample.item["language"], sample.label) for sample in SAMPLES)

    assert len(SAMPLES) >= 600
    assert set(counts) == {
        ("forum-fr", "fr", "toxic"),
        ("forum-fr", "fr", "clean"),
        ("videos-en", "en", "spam"),
        ("videos-en", "en", "clean"),
    }
    assert len(set(counts.values())) == 1


def test_every_sample_is_an_item_of_the_contract_and_never_carries_its_label():
    for sample in SAMPLES:
        assert set(sample.item) == {"external_id", "kind", "text", "language", "author", "context"}
        assert set(sample.item["author"]) == {"external_id", "display_name"}
        assert set(sample.item["context"]) == {"channel", "thread_id", "title"}
        assert sample.item["kind"] == "comment"
        assert 0 < len(sample.item["text"]) <= 50_000
        assert not {"\x00", "\ufeff"} & set(sample.item["text"])
        assert sample.item["text"].encode()


def test_intake_reads_every_sample_as_the_replay_sends_it():
    for planned in plan_items(SAMPLES, "261122100000", NOW):
        event_type, item = read_envelope(strict_loads(encode_event(planned.item, NOW)))

        assert (event_type, item.external_id) == ("item.created", planned.item["external_id"])


def test_no_id_and_no_text_stands_twice_within_a_client():
    assert len({sample.sample_id for sample in SAMPLES}) == len(SAMPLES)
    assert len({(sample.client, sample.item["text"]) for sample in SAMPLES}) == len(SAMPLES)


def test_an_author_has_one_name_and_one_age():
    told = defaultdict(set)
    for sample in SAMPLES:
        author = sample.item["author"]
        told[author["external_id"]].add((author["display_name"], sample.account_age_days))

    assert all(len(versions) == 1 for versions in told.values())


def test_offenders_accounts_are_younger_on_the_whole():
    for client, offence in (("forum-fr", "toxic"), ("videos-en", "spam")):
        ages = {
            label: sorted(
                sample.account_age_days for sample in SAMPLES if (sample.client, sample.label) == (client, label)
            )
            for label in ("clean", offence)
        }
        assert ages[offence][80] < ages["clean"][80] / 2


def test_both_sources_are_credited_under_their_licences():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert all(word in readme for word in ("ToxiFrench", "MIT", "YouTube Spam Collection", "CC BY 4.0", "Offensive"))
    assert "Copyright (c) 2025 Axel Delaval" in (FOLDER / "LICENSES" / "ToxiFrench-MIT.txt").read_text(encoding="utf-8")
    cited = (FOLDER / "LICENSES" / "YouTube-Spam-Collection-CC-BY-4.0.txt").read_text(encoding="utf-8")
    assert "10.24432/C58885" in cited
    assert "creativecommons.org/licenses/by/4.0" in cited


def test_the_clients_take_turns():
    assert (
        {sample.client for sample in SAMPLES[:2]}
        == {sample.client for sample in SAMPLES[-2:]}
        == {"forum-fr", "videos-en"}
    )


def test_a_planned_item_has_the_runs_id_in_its_own_and_times_before_now():
    sample = Sample("forum-fr", "toxic", 60, 2, {"external_id": "tf-1", "text": "…", "author": {"external_id": "m-1"}})

    [planned] = plan_items([sample], "261122100000", NOW)

    assert planned.message_id == "replay-261122100000-tf-1"
    assert planned.item == {
        "external_id": "tf-1.261122100000",
        "text": "…",
        "created_at": "2026-11-22T09:59:00Z",
        "author": {"external_id": "m-1", "created_at": "2026-11-20T09:59:00Z"},
    }


def test_two_runs_of_the_same_samples_share_no_external_id_and_the_same_labels():
    first, second = (plan_items(SAMPLES, make_run_id(now), now) for now in (NOW, NOW.replace(second=1)))
    labels = map_labels(SAMPLES)

    assert not {p.item["external_id"] for p in first} & {p.item["external_id"] for p in second}
    assert [labels[find_sample_id(p.item["external_id"])] for p in second] == [sample.label for sample in SAMPLES]


def test_planning_leaves_the_samples_as_they_are():
    before = json.dumps([dict(sample.item) for sample in SAMPLES])

    plan_items(SAMPLES, "1", NOW)

    assert json.dumps([dict(sample.item) for sample in SAMPLES]) == before


def test_every_planned_item_was_written_before_it_is_sent_by_an_account_that_existed():
    for planned in plan_items(SAMPLES, "1", NOW):
        assert planned.item["author"]["created_at"] <= planned.item["created_at"] <= to_rfc3339(NOW)


def test_samples_are_found_by_path_and_missed_with_a_sentence(tmp_path):
    assert find_samples(FOLDER) == FOLDER
    with pytest.raises(CannotStart, match="--samples"):
        find_samples(tmp_path)


def test_an_installed_tree_finds_the_samples_of_the_folder_it_is_started_in(tmp_path, monkeypatch):
    for name in ("forum-fr.jsonl", "videos-en.jsonl"):
        (tmp_path / "samples").mkdir(exist_ok=True)
        (tmp_path / "samples" / name).write_text("", encoding="utf-8")
    monkeypatch.setattr(
        demo_samples, "__file__", str(tmp_path / "venv" / "site-packages" / "veilleur" / "dev" / "demo_samples.py")
    )
    monkeypatch.chdir(tmp_path)

    assert find_samples() == tmp_path / "samples"


def test_building_twice_from_the_same_sources_gives_the_same_bytes(tmp_path, monkeypatch):
    build = load_builder()
    monkeypatch.setattr(build, "PER_LABEL", 2)
    sources = write_sources(
        tmp_path / "sources",
        [(f"{number:02d}", f"texte {number}", number % 2) for number in range(8)],
        [(f"c{number}", f"a{number:012d}", f"text {number}", number % 2) for number in range(8)],
    )

    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        monkeypatch.setattr(sys, "argv", ["build.py", str(sources), str(folder)])
        build.main()
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})

    assert written[0] == written[1]
    assert {name: len(content.splitlines()) for name, content in written[0].items()} == {
        "forum-fr.jsonl": 4,
        "videos-en.jsonl": 4,
    }


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("i&#39;m here&lt;3 \ufeff", "i'm here<3"),
        ("one<br /><br/>two", "one\n\ntwo"),
        ('go <a rel="x" href="http://a.example">http://a.example</a>', "go http://a.example"),
        ("a < b and c > d", "a < b and c > d"),
    ],
)
def test_page_markup_is_undone_as_the_author_saw_the_text(raw, seen):
    assert load_builder().clean_text(raw) == seen


@pytest.mark.parametrize(
    "text", ["write to jean@mail.example", "call 06 12 34 56 78", "+44 7935 454150 call", "il a 12 ans", "une lycéenne"]
)
def test_texts_with_addresses_numbers_or_minors_are_left_out(text):
    build = load_builder()
    rows = [build.Row("a", text, offends=True), build.Row("b", "acceptable", offends=True)]

    assert [row.key for row in build.choose_rows(rows, 1, offends=True)] == ["b"]


def test_numbers_inside_links_keep_a_text_in():
    build = load_builder()
    row = build.Row("a", "see https://shop.example/171183229277", offends=True)

    assert build.choose_rows([row], 1, offends=True) == [row]
