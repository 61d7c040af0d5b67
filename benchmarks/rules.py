"""Items judged per second on one core: 100 rules, 10,000 phrases, 20 patterns, full trace, over the shipped comments.

No database and no network: what the worker does with an item between reading it and writing what became of it. The
same conditions are also answered one by one, by the same engine, in turns; other parts give what a rule set costs to
compile and to keep, what its slowest item takes, and how fast stored readings are judged by other rules.
"""

import gc
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice

from _bench import median, percentile, rates, show_result

from veilleur.dev.demo_samples import find_samples, load_samples
from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ROUNDS = 5
ITEMS = 4_000
GATHERED: dict[str, object] = {
    "client.languages": ["fr", "en"],
    "author.prior_approved": 3,
    "author.prior_removed": 0,
    "author.strikes": 0,
    "source.id": "src_1",
    "counter('posts_10m')": 0,
    "counter('copies_1h')": 1,
    "provider.toxicity": 0.2,
}
PATTERNS = [
    r"(?i)whats?app.{0,20}\+?\d[\d .-]{7,}\d", r"(?i)gagn(?:ez|er)\s+\d{2,5}\s*(?:€|euros?)", r"(?i)check (?:out )?my channel",
    r"(?i)subscribe (?:to|2) (?:me|my)", r"(?i)\bfree\s+(?:gift|psn|xbox|robux)\b", r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b",
    r"(?i)earn \$?\d+", r"(?i)make money (?:online|from home)", r"(?i)(?:dm|mp) (?:me|moi)", r"(?i)je vais te \w+er",
    r"(?i)ta (?:m[eè]re|race|gueule)", r"(?i)\bk[i1]ll (?:your)?self\b", r"(?i)tu vas (?:mourir|crever)", r"(?i)viagra|cialis",
    r"(?i)crypto.{0,15}(?:invest|double)", r"(?i)onlyfans\.com", r"(?i)t\.me/\w+", r"(?i)bit\.ly/\w+", r"[A-ZÀ-Ü]{12,}", r"!{4,}|\?{4,}",
]  # fmt: skip
SHAPES = (
    ("hits('words{n}') > 0", "item.lang == 'fr' || item.lang == 'und'"),
    ("hits('words{n}') >= 2", "author.account_age_days < params.days"),
    ("pattern('p{n}')", "author.prior_approved < 20"),
    ("pattern('p{m}')", "links.count > 0"),
    ("linked('banned')", "author.trust == 'new' || author.strikes > {n}"),
    ("links.count > {n}", "author.account_age_days < 3{n}"),
    ("item.upper_ratio > 0.{n}5", "item.letters > 2{n}"),
    ("counter('posts_10m') > {n}", "item.near_dup != ''"),
    ("provider.toxicity >= 0.{n}1", "context.is_reply"),
    ("counter('copies_1h') > {n}", "item.words < 4{n} && item.kind != 'other'"),
)


def make_document(phrases: int = 10_000, rules: int = 100) -> dict[str, object]:
    """Ten shapes of rules, ten of each; phrases of one to three words as they occur in the comments."""
    entries = make_phrases(phrases)
    lists: dict[str, object] = {
        f"words{n}": {"fold": "hard" if n % 2 else "soft", "entries": entries[n::10]} for n in range(10)
    }
    lists["banned"] = {"kind": "domains", "entries": [f"spam{number}.example" for number in range(200)]}
    return {
        "format": "veilleur.rules/v1",
        "lists": lists,
        "patterns": {f"p{number}": pattern for number, pattern in enumerate(PATTERNS)},
        "counters": {
            "posts_10m": {"key": "author.id", "window": "10m"},
            "copies_1h": {"key": "item.near_dup", "window": "1h", "distinct": "author.id"},
        },
        "params": {"days": 7},
        "rules": [make_rule(number) for number in range(rules)],
    }


def make_rule(number: int) -> dict[str, object]:
    conditions = [text.format(n=number // 10, m=number // 10 + 10) for text in SHAPES[number % 10]]
    hide = {"verdict": "restrict", "actions": [{"code": "hide", "target": "item"}], "policies": ["spam"]}
    return {"id": f"rule-{number}", "severity": number % 90, "when": {"all": conditions}, "then": hide}


def make_phrases(count: int) -> list[str]:
    """One in a hundred from the comments themselves, the rest of the same words put together at random."""
    chance = random.Random(7)
    texts = [str(item["text"]).split() for item in load_items()]
    words = sorted({word for text in texts for word in text if word.isalpha() and len(word) > 3})
    phrases: dict[str, None] = {}
    while len(phrases) < count:
        length = chance.randint(2, 3)
        text = chance.choice(texts)
        start = chance.randrange(max(len(text) - length, 1))
        planted = len(phrases) % 100 == 0 and len(text) > length
        phrase = " ".join(text[start : start + length] if planted else chance.sample(words, length))
        if any(character.isalnum() for character in phrase):
            phrases[phrase[:200]] = None
    return list(phrases)


def load_items() -> list[Mapping[str, object]]:
    return [sample.item for sample in load_samples(find_samples())]


def judge_all(compiled: CompiledRuleSet, items: Sequence[Mapping[str, object]]) -> list[float]:
    """Microseconds of each item, everything included: what is read from it, its signals, its rules, its trace."""
    took: list[float] = []
    for item in items:
        started = time.thread_time_ns()
        evaluate(compiled, item_facts(item, NOW, GATHERED))
        took.append((time.thread_time_ns() - started) / 1_000)
    return took


def main() -> None:
    items = list(islice(cycle(load_items()), ITEMS))
    parsed = parse_rule_set(make_document())
    compiled = compile_rule_set(parsed)
    judge_all(compiled, items)
    gc.freeze()
    rounds = [judge_all(compiled, items) for _ in range(ROUNDS)]
    speeds = [len(took) / sum(took) * 1e6 for took in rounds]
    took = [value for one in rounds for value in one]
    length = median([len(str(item["text"])) for item in items])
    show_result(
        "thousand items judged a second on one core",
        median(speeds) / 1_000,
        "≥ 12",
        [
            ("items", rates(speeds)),
            ("µs an item", ", ".join(f"p{share} {percentile(took, share / 100):.0f}" for share in (50, 95, 99))),
            (
                "load",
                f"{len(compiled.rules)} rules, {len(compiled.conditions)} conditions, texts of {length:.0f} characters",
            ),
        ],
    )
    show_result(
        "p99 ÷ p50 of an item", percentile(took, 0.99) / percentile(took, 0.50), "≤ 5", [("items", f"{len(took):,}")]
    )


if __name__ == "__main__":
    main()
