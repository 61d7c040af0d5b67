"""Items judged per second on one core: 100 rules, 10,000 phrases, 20 patterns, full trace, over the shipped comments.

No database and no network: what the worker does with an item between reading it and writing what became of it. The
same conditions are also answered one by one, by the same engine, in turns; other parts give what a rule set costs to
compile and to keep, and what the slowest item takes. Time is that of the thread: a busy machine still slows it down.
"""

import gc
import random
import resource
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import cast

from _bench import median, percentile, rates, show_result

from veilleur.dev.demo_samples import find_samples, load_samples
from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.engine import ConditionProgram, EngineCondition
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.expressions import rewrite_expression
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.readings import take_readings
from veilleur.domain.rules.schema import FieldType, type_field

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
    r"(?i)whats?app.{0,20}\+?\d[\d .-]{7,}\d", r"(?i)gagn(?:ez|er)\s+\d{2,5}\s*(?:€|euros?)",
    r"(?i)check (?:out )?my channel", r"(?i)subscribe (?:to|2) (?:me|my)", r"(?i)\bfree\s+(?:gift|psn|xbox|robux)\b",
    r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b", r"(?i)earn \$?\d+", r"(?i)make money (?:online|from home)",
    r"(?i)(?:dm|mp) (?:me|moi)", r"(?i)je vais te \w+er", r"(?i)ta (?:m[eè]re|race|gueule)",
    r"(?i)tu vas (?:mourir|crever)",
    r"(?i)\bk[i1]ll (?:your)?self\b", r"(?i)viagra|cialis", r"(?i)crypto.{0,15}(?:invest|double)", r"(?i)onlyfans\.com",
    r"(?i)t\.me/\w+", r"(?i)bit\.ly/\w+", r"[A-ZÀ-Ü]{12,}", r"!{4,}|\?{4,}",
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


def measure_engine(compiled: CompiledRuleSet, items: Sequence[Mapping[str, object]]) -> tuple[float, float]:
    """Seconds for all conditions of these items as one program, and one by one by the same engine."""
    singles = compile_singles(compiled)
    readings = [take_readings(compiled, item_facts(item, NOW, GATHERED)) for item in items]
    started = time.thread_time()
    for one in readings:
        compiled.program.evaluate(one.values, one.unknown)
    together = time.thread_time() - started
    started = time.thread_time()
    for one in readings:
        for single in singles:
            single.evaluate(one.values, one.unknown)
    return together, time.thread_time() - started


def compile_singles(compiled: CompiledRuleSet) -> list[ConditionProgram]:
    variables = {name: type_field(name) for name in compiled.placeholders} | {
        "_hits": FieldType.INTS, "_patterns": FieldType.FLAGS, "_linked": FieldType.FLAGS,
    }  # fmt: skip
    variables |= {slot: FieldType.INT for name, slot, _ in compiled.gathered_slots if name.startswith("counter")}
    singles = []
    for condition in compiled.conditions:
        places = {call: compiled.slots[call.function, call.argument] for call in condition.calls}
        text = rewrite_expression(condition, places, {"days": 7})
        reads = condition.fields | frozenset(places.values())
        engine = EngineCondition(text, reads, alone=False, strict=not condition.branching)
        singles.append(CelEngine().compile([engine], variables))
    return singles


def find_slowest() -> tuple[str, float]:
    """The text that takes longest among those made to take long, in milliseconds, under patterns made to be slow."""
    chance = random.Random(5)
    document = make_document(1_000)
    patterns = {f"s{number}": f"a[ab]{{{40 + number}}}c{number}" for number in range(60)}
    document["patterns"] = {**cast("dict[str, str]", document["patterns"]), **patterns}
    compiled = compile_rule_set(parse_rule_set(document))
    letters = [chr(chance.randrange(32, 0x2FFF)) for _ in range(50_000)]
    texts = {
        "a and b at random": "".join(chance.choice("ab") for _ in range(50_000)),
        "disguised words": "c0nn4rd " * 6_250,
        "mixed scripts": "с\u043enn\u0430rd " * 6_250,
        "stacked marks": "a\u0323\u0301" * 16_666,
        "links": "https://t.me/a " * 3_300,
        "digits": "06 12 34 56 78 " * 3_300,
        "emoji": "👨\u200d👩\u200d👧 " * 8_000,
        "noise": "".join(letters),
    }
    took = {name: min(judge_all(compiled, [{"text": text}])[0] for _ in range(3)) for name, text in texts.items()}
    name = max(took, key=took.__getitem__)
    return name, took[name] / 1_000


def measure_compile() -> tuple[float, float]:
    """Milliseconds to compile (the best of five, parsing apart) and megabytes that one compiled rule set holds.

    What the engines allocate is not Python's: it is read from the resident size, as the growth by ten rule sets.
    """
    parsed = parse_rule_set(make_document())
    took: list[float] = []
    for _ in range(5):
        started = time.thread_time()
        compile_rule_set(parsed)
        took.append(time.thread_time() - started)
    small = make_document(1_000)
    kept = [compile_rule_set(parse_rule_set(small)) for _ in range(5)]
    gc.collect()
    before = read_resident()
    kept += [compile_rule_set(parse_rule_set(small)) for _ in range(10)]
    gc.collect()
    return min(took) * 1_000, (read_resident() - before) / len(kept[5:])


def read_resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def main() -> None:
    compile_ms, megabytes = measure_compile()
    show_result("ms to compile 100 rules with 10,000 phrases", compile_ms, "≤ 50", [("best of", "5")])
    show_result("MB a compiled rule set with 1,000 phrases holds", megabytes, "≤ 2", [("growth by", "10 rule sets")])
    items = list(islice(cycle(load_items()), ITEMS))
    compiled = compile_rule_set(parse_rule_set(make_document()))
    judge_all(compiled, items)
    gc.collect()
    gc.freeze()
    rounds = [judge_all(compiled, items) for _ in range(ROUNDS)]
    speeds = [len(took) / sum(took) * 1e6 for took in rounds]
    took = [value for one in rounds for value in one]
    length = median([len(str(item["text"])) for item in items])
    shape = f"{len(compiled.rules)} rules, {len(compiled.conditions)} conditions, texts of {length:.0f} characters"
    spread = ", ".join(f"p{share} {percentile(took, share / 100):.0f}" for share in (50, 95, 99))
    show_result(
        "thousand items judged a second on one core",
        max(speeds) / 1_000,
        "≥ 12",
        [("items", rates(speeds)), ("µs an item", spread), ("load", shape)],
    )
    ratios = [percentile(one, 0.99) / percentile(one, 0.50) for one in rounds]
    show_result("p99 ÷ p50 of an item", median(ratios), "≤ 5", [("items", f"{len(took):,}")])
    pairs = [measure_engine(compiled, items[:300]) for _ in range(ROUNDS)]
    each = [f"{seconds / 300 * 1e6:.0f} µs an item" for seconds in map(min, zip(*pairs, strict=True))]
    show_result(
        "conditions one by one ÷ together, same engine",
        median([alone / together for together, alone in pairs]),
        "≥ 5",
        [("together", each[0]), ("one by one", each[1])],
    )
    name, slowest = find_slowest()
    show_result("ms for the slowest item", slowest, "≤ 50", [("text", f"{name}, 50,000 characters")])


if __name__ == "__main__":
    main()
