# noqa: INP001 - a script beside its data, not a package
"""Build the two sample files from the public data sets they are taken from.

    python samples/build.py SOURCES [FOLDER]

SOURCES holds `toxifrench/ToxiFrenchBalanced.csv` (columns msg_id, content, label) and `youtube-spam/NN-<video>.csv`
(columns COMMENT_ID, AUTHOR, DATE, CONTENT, CLASS; AUTHOR already a keyed hash); FOLDER, default this one, receives
`forum-fr.jsonl` and `videos-en.jsonl`. Nothing is drawn at random: every choice hangs on a hash of the row's own id,
so the same sources give the same bytes. README.md says what is real in the result and what is made up.
"""

import argparse
import csv
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PER_LABEL = 160  # of each of the two labels of a file: 2 files, 4 x 160 comments

_NAMES = {
    "fr": (
        [
            "Marmotte",
            "Pinson",
            "Colibri",
            "Noisette",
            "Galet",
            "Bruyère",
            "Comète",
            "Hirondelle",
            "Sarcelle",
            "Mistral",
        ],
        ["du Sud", "tranquille", "des Alpes", "de Loire", "matinale", "en voyage", "du jeudi", "de passage"],
    ),
    "en": (
        ["Quiet", "Amber", "Northern", "Early", "Silver", "Wandering", "Paper", "Distant", "Maple", "Copper"],
        ["River", "Lantern", "Heron", "Meadow", "Harbour", "Kite", "Orchard", "Compass"],
    ),
}
_FORUM_THREADS = (
    ("actualite", "Le fil de l'actualité"),
    ("actualite", "Vos réactions aux titres du jour"),
    ("sport", "Le débrief du week-end"),
    ("jeux", "Le salon des joueurs"),
    ("discussion", "La discussion libre du soir"),
    ("discussion", "On refait le monde"),
)
_VIDEO_TITLES = {
    "9bZkp7q19f0": "PSY: Gangnam Style",
    "CevxZvSJLk8": "Katy Perry: Roar",
    "KQ6zr6kCPj8": "LMFAO: Party Rock Anthem",
    "uelHwf8o7_U": "Eminem: Love the Way You Lie",
    "pRpeEdMmmQ0": "Shakira: Waka Waka",
}
_TAG = re.compile(r"<(?:br|/?a|/?i|/?b|/?span)\b[^>]*>")
_LINK = re.compile(r"https?://\S+")
_PRIVATE = re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}|\d(?:[ .()/-]?\d){7,}")
_MINORS = re.compile(
    r"\b(?:[0-9]|1[0-7]) ?(?:ans|years?|yo)\b|p[ée]do|\bmineure?s?\b|underage|\bteen|\bados?\b|adolescent"
    r"|gamin|\bfilles?\b|fillette|enfant|gosse|coll[ée]gien|lyc[ée]en",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled comment of a source, cleaned: `thread` is the video where there is one, `author` its hash."""

    key: str
    text: str
    offends: bool
    thread: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a sample file; `item` goes out as it is, with its two times worked out from the two numbers."""

    client: str
    label: str
    posted_before_s: int
    account_age_days: int
    item: dict[str, object]


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the sample files from their sources.")
    parser.add_argument("sources", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    arguments = parser.parse_args()
    write_samples(arguments.folder / "forum-fr.jsonl", build_forum(arguments.sources))
    write_samples(arguments.folder / "videos-en.jsonl", build_videos(arguments.sources))


def build_forum(sources: Path) -> list[Sample]:
    """French forum comments, `toxic` or `clean`. The source has no authors: members are made up from the row's id."""
    with (sources / "toxifrench" / "ToxiFrenchBalanced.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Row(f"tf-{line['msg_id'].removeprefix('anon_msg_')}", clean_text(line["content"]), line["label"] == "1")
            for line in csv.DictReader(file)
        ]
    chosen = [*choose_rows(rows, PER_LABEL, offends=True), *choose_rows(rows, PER_LABEL, offends=False)]
    return [_make_forum_sample(row) for row in _shuffle(chosen)]


def build_videos(sources: Path) -> list[Sample]:
    """English comments below five videos, `spam` or `clean`, as many of each video."""
    by_video = [list(_read_video(path)) for path in sorted((sources / "youtube-spam").glob("*.csv"))]
    spammers = {row.author for rows in by_video for row in rows if row.offends}
    share = PER_LABEL // len(by_video)
    seen: set[str] = set()  # the same spam stands below several videos
    chosen: list[Row] = []
    for rows in by_video:
        for offends in (True, False):
            fresh = choose_rows([row for row in rows if row.text not in seen], share, offends=offends)
            seen.update(row.text for row in fresh)
            chosen.extend(fresh)
    return [_make_video_sample(row, spammer=row.author in spammers) for row in _shuffle(chosen)]


def choose_rows(rows: Sequence[Row], count: int, *, offends: bool) -> list[Row]:
    """`count` rows of one label with distinct texts.

    None carries an e-mail address or a telephone number, and none speaks of minors: in these sources that is too often
    to sexualise them, and a demo can do without.
    """
    distinct: dict[str, Row] = {}
    for row in _shuffle(row for row in rows if row.offends is offends):
        if len(row.text) > 1 and not _PRIVATE.search(_LINK.sub("", row.text)) and not _MINORS.search(row.text):
            distinct.setdefault(row.text, row)
    if len(distinct) < count:
        raise SystemExit(f"only {len(distinct)} rows fit where {count} are needed")
    return list(distinct.values())[:count]


def clean_text(raw: str) -> str:
    """The words as their author saw them: mark-up and entities of the page undone, byte-order marks dropped."""
    broken = re.sub(r"<br\s*/?>", "\n", raw)
    return html.unescape(_TAG.sub("", broken)).replace("\ufeff", "").strip()


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    lines = [json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _read_video(path: Path) -> Iterator[Row]:
    video = path.stem.partition("-")[2]
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            digest = hashlib.sha256(line["COMMENT_ID"].encode()).hexdigest()
            yield Row(f"yt-{digest[:12]}", clean_text(line["CONTENT"]), line["CLASS"] == "1", video, line["AUTHOR"])


def _make_forum_sample(row: Row) -> Sample:
    # Most offences come from a few young accounts, yet one row in six is written by the other kind of member.
    young = row.offends is not (_draw(row.key, "swap", 6) == 0)
    member = f"{'n' if young else 'm'}{_draw(row.key, 'member', 40 if young else 90):02d}"
    age = _draw(member, "age", 45) if young else 120 + _draw(member, "age", 3000)
    number = _draw(row.key, "thread", len(_FORUM_THREADS))
    channel, title = _FORUM_THREADS[number]
    item = _make_item(row, "fr", f"membre-{member}")
    item["context"] = {"channel": channel, "thread_id": f"sujet-{101 + number}", "title": title}
    return Sample("forum-fr", "toxic" if row.offends else "clean", _draw(row.key, "posted", 600), age, item)


def _make_video_sample(row: Row, *, spammer: bool) -> Sample:
    age = _draw(row.author, "age", 20) if spammer else 60 + _draw(row.author, "age", 2400)
    item = _make_item(row, "en", f"viewer-{row.author[1:9]}")
    item["context"] = {"channel": "music", "thread_id": row.thread, "title": _VIDEO_TITLES[row.thread]}
    return Sample("videos-en", "spam" if row.offends else "clean", _draw(row.key, "posted", 600), age, item)


def _make_item(row: Row, language: str, author: str) -> dict[str, object]:
    return {
        "external_id": row.key,
        "kind": "comment",
        "text": row.text,
        "language": language,
        "author": {"external_id": author, "display_name": _name_author(author, language)},
    }


def _name_author(author: str, language: str) -> str:
    first, last = _NAMES[language]
    return f"{first[_draw(author, 'first', len(first))]} {last[_draw(author, 'last', len(last))]}"


def _shuffle(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: hashlib.sha256(row.key.encode()).digest())


def _draw(key: str, purpose: str, below: int) -> int:
    """A number in [0, below) that is always the same for the same key and purpose."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{key}".encode()).digest()[:8]) % below


if __name__ == "__main__":
    main()
