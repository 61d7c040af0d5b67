"""How vendors are asked and read. Mistral's answers are real ones, recorded by the authors of ToxiFrench (MIT)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from veilleur.domain.providers.protocol import Question, UnreadableAnswerError, read_scores, to_categories
from veilleur.domain.providers.registry import VENDORS

MISTRAL_SCORES = {
    "sexual": 0.005384937860071659, "hate_and_discrimination": 0.9993333220481873, "violence_and_threats": 0.06656918674707413,
    "dangerous_and_criminal_content": 0.004755199886858463, "selfharm": 0.0006462032906711102, "health": 0.0002959570847451687,
    "financial": 6.60521473037079e-05, "law": 4.2647468944778666e-05, "pii": 0.00034599160426296294,
}  # fmt: skip
PROMPT = "Is this allowed?\n{text}\nAnswer safe or unsafe and the code."

SETTINGS = {
    "openai": {}, "mistral": {}, "google": {}, "azure": {"endpoint": "https://mine.cognitiveservices.example/"},
    "chat_guard": {"url": "https://guard.example/v1/chat/completions", "model": "guard", "prompt": PROMPT,
                   "labels": {"S1": "violence", "S10": "hate"}},
    "http": {"url": "https://my.example/score", "body": {"doc": {"content": "{text}", "lang": "{language}"}, "n": 1},
             "scores": {"toxicity": "/result/0/tox"}, "most": 100},
}  # fmt: skip

ANSWERS = {
    "openai": {"results": [{"category_scores": {"hate": 0.2, "harassment": 0.9, "illicit": None, "sexual/minors": 0.1}}]},
    "mistral": {"id": "7dfd60", "model": "mistral-moderation-latest", "results": [{"category_scores": MISTRAL_SCORES}]},
    "google": {"moderationCategories": [{"name": "Toxic", "confidence": 0.7}, {"name": "Insult", "confidence": 0.4}]},
    "azure": {"blocklistsMatch": [], "categoriesAnalysis": [{"category": "Hate", "severity": 7}, {"category": "Sexual", "severity": 0}]},
    "chat_guard": {"choices": [{"message": {"content": "unsafe\nS10"}}]},
    "http": {"result": [{"tox": 42}]},
}  # fmt: skip

KNOWN = {
    "openai": {"hate": 0.2, "insult": 0.9, "sexual_minors": 0.1, "toxicity": 0.9},
    "mistral": {
        "sexual": 0.005384937860071659, "hate": 0.9993333220481873, "violence": 0.06656918674707413, "illicit": 0.004755199886858463,
        "self_harm": 0.0006462032906711102, "pii": 0.00034599160426296294, "toxicity": 0.9993333220481873,
    },
    "google": {"toxicity": 0.7, "insult": 0.4},
    "azure": {"hate": 1.0, "sexual": 0.0, "toxicity": 1.0},
    "chat_guard": {"violence": 0.0, "hate": 1.0, "toxicity": 1.0},
    "http": {"toxicity": 0.42},
}  # fmt: skip


def settle(kind, **more):
    return VENDORS[kind].settings.model_validate(SETTINGS[kind] | more)


def read(kind, answer, count=1):
    return read_scores(VENDORS[kind], settle(kind), json.dumps(answer).encode(), count)


@pytest.mark.parametrize("kind", sorted(VENDORS))
def test_an_answer_becomes_scores_all_rules_know(kind):
    (scores,) = read(kind, ANSWERS[kind])
    assert to_categories(VENDORS[kind], scores) == KNOWN[kind]


def test_many_texts_go_into_one_call_and_come_back_in_order():
    call = VENDORS["openai"].build(settle("openai"), "key", [Question("a"), Question("b")])
    assert json.loads(call.body) == {"model": "omni-moderation-latest", "input": ["a", "b"]}
    assert call.headers["authorization"] == "Bearer key"
    answer = {"results": [{"category_scores": {"hate": 0.1}}, {"category_scores": {"hate": 0.2}}]}
    assert read("openai", answer, 2) == [{"hate": 0.1}, {"hate": 0.2}]


def test_a_server_of_ones_own_needs_no_key():
    call = VENDORS["openai"].build(settle("openai", url="http://10.0.0.9/v1/moderations"), "", [Question("a")])
    assert (call.url, "authorization" in call.headers) == ("http://10.0.0.9/v1/moderations", False)


def test_each_vendor_is_asked_in_its_own_words():
    azure = VENDORS["azure"].build(settle("azure"), "key", [Question("a" * 20_000)])
    assert azure.url == "https://mine.cognitiveservices.example/contentsafety/text:analyze?api-version=2023-10-01"
    assert (azure.headers["ocp-apim-subscription-key"], len(json.loads(azure.body)["text"])) == ("key", 10_000)
    google = json.loads(VENDORS["google"].build(settle("google"), "key", [Question("a", "fr")]).body)
    assert google["document"] == {"type": "PLAIN_TEXT", "content": "a", "languageCode": "fr"}
    guard = json.loads(VENDORS["chat_guard"].build(settle("chat_guard"), "key", [Question("{text} hi")]).body)
    assert guard["messages"][0]["content"] == PROMPT.replace("{text}", "{text} hi")
    mine = VENDORS["http"].build(settle("http"), "key", [Question('"quoted"', "fr")])
    assert json.loads(mine.body) == {"doc": {"content": '"quoted"', "lang": "fr"}, "n": 1}


@pytest.mark.parametrize("words", ["", "I can't help with that", "S11", "unsafe", "S100", "safely"])
def test_a_guard_that_says_none_of_its_labels_has_not_answered(words):
    with pytest.raises(UnreadableAnswerError):
        read("chat_guard", {"choices": [{"message": {"content": words}}]})


def test_a_guard_that_says_safe_has_answered_for_every_label():
    assert read("chat_guard", {"choices": [{"message": {"content": "Safe."}}]}) == [{"violence": 0.0, "hate": 0.0}]


@pytest.mark.parametrize("kind", sorted(VENDORS))
@pytest.mark.parametrize(
    "answer", [{}, [], None, "no", {"results": 3}, {"results": [None]}, {"error": {"message": "overloaded"}}]
)
def test_an_answer_of_another_shape_is_no_answer(kind, answer):
    with pytest.raises(UnreadableAnswerError):
        read(kind, answer)


@pytest.mark.parametrize("kind", sorted(VENDORS))
@given(body=st.binary(max_size=40))
def test_no_bytes_end_in_another_error(kind, body):
    with pytest.raises(UnreadableAnswerError):
        read_scores(VENDORS[kind], settle(kind), body, 1)


def test_a_missing_answer_does_not_shift_the_others():
    with pytest.raises(UnreadableAnswerError):
        read("openai", ANSWERS["openai"], 2)


def test_a_language_google_does_not_serve_is_no_answer():
    with pytest.raises(UnreadableAnswerError):
        read("google", ANSWERS["google"] | {"languageSupported": False})


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("chat_guard", {"prompt": "no place"}),
        ("chat_guard", {"labels": {"S1": "rudeness"}}),
        ("http", {"body": {"text": "fixed"}}),
        ("http", {"scores": {"rudeness": "/a"}}),
        ("http", {"scores": {"toxicity": "a.b"}}),
        ("openai", {"url": "ftp://x"}),
        ("openai", {"secret": "x"}),
    ],
)
def test_settings_that_could_not_work_are_refused(kind, more):
    with pytest.raises(ValidationError):
        settle(kind, **more)
