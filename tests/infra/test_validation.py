import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, HttpUrl, TypeAdapter, ValidationError, field_validator

from veilleur.infra.validation import MOST_ERRORS, invalid_from_pydantic
from veilleur.kernel.messages import msg


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Word(BaseModel, extra="forbid"):
    kind: Literal["word"]
    text: str


class Link(BaseModel):
    kind: Literal["link"]
    url: str


Signal = Annotated[Word | Link, Field(discriminator="kind")]


def judge(annotation, value, **options):
    """What is said of `value`, as (pointer, English) pairs."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(annotation).validate_python(value)
    problem = invalid_from_pydantic(caught.value.errors(), **options)
    assert problem.status == 422
    return [(error.pointer, str(error.detail)) for error in problem.errors]


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (str, 1, "must be a string"),
        (int, "x", "must be a whole number"),
        (int, [], "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (int, "9" * 5_000, "must be a whole number"),
        (float, "x", "must be a number"),
        (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "must be a number"),
        (decimal.Decimal, "x", "must be a decimal number"),
        (Annotated[decimal.Decimal, Field(max_digits=3)], "1.234", "must have at most 3 digits"),
        (Annotated[decimal.Decimal, Field(decimal_places=2)], "1.234", "must have at most 2 decimal places"),
        (bool, "perhaps", "must be true or false"),
        (bool, [], "must be true or false"),
        (list[int], {}, "must be a list"),
        (set[int], 1, "must be a list"),
        (dict[str, int], [], "must be an object"),
        (Word, [], "must be an object"),
        (None, 1, "must be null"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty"),
        (Annotated[str, Field(min_length=3)], "ab", "must have at least 3 characters"),
        (Annotated[str, Field(max_length=3)], "abcd", "must have at most 3 characters"),
        (Annotated[str, Field(pattern="^[a-z]{2}$")], "A", "must match the pattern ^[a-z]{2}$"),
        (Annotated[list[int], Field(min_length=1)], [], "must not be empty"),
        (Annotated[list[int], Field(min_length=2)], [1], "must have at least 2 entries"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "must have at most 1 entries"),
        (Annotated[int, Field(gt=1)], 1, "must be greater than 1"),
        (Annotated[int, Field(ge=1)], 0, "must be 1 or more"),
        (Annotated[int, Field(lt=1)], 1, "must be less than 1"),
        (Annotated[int, Field(le=1)], 2, "must be 1 or less"),
        (Annotated[int, Field(multiple_of=5)], 2, "must be a multiple of 5"),
        (Literal["a", "b's"], "c", "must be one of: a, b's"),
        (Literal["or", "a, b"], "c", "must be one of: or, a, b"),
        (Literal[1, 2, 3], 4, "must be one of: 1, 2, 3"),
        (Colour, "green", "must be one of: red, blue"),
        (AwareDatetime, "2026-11-22T10:00:00", "must be a date and time with its zone, such as 2026-11-22T10:00:00Z"),
        (AwareDatetime, "soon", "must be a date and time with its zone, such as 2026-11-22T10:00:00Z"),
        (AwareDatetime, [], "must be a date and time with its zone, such as 2026-11-22T10:00:00Z"),
        (dt.date, "22/11/2026", "must be a date, such as 2026-11-22"),
        (dt.time, "x", "must be a time of day, such as 09:30"),
        (dt.timedelta, "x", "must be a length of time"),
        (uuid.UUID, "x", "must be a UUID"),
        (HttpUrl, "x", "must be a URL, such as https://host/path"),
        (HttpUrl, "ftp://x", "must start with one of: http, https"),
        (HttpUrl, "https://x/" + "a" * 3_000, "must have at most 2083 characters"),
    ],
    ids=lambda case: str(case)[:40],
)
def test_common_mistakes_are_said_in_our_words(annotation, value, said):
    assert judge(annotation, value) == [("", said)]


def test_all_mistakes_come_at_once_each_with_its_pointer():
    class Item(BaseModel, extra="forbid"):
        external_id: str
        tags: list[Annotated[str, Field(max_length=3)]] = []

    class Body(BaseModel):
        items: list[Item]

    body = {"items": [{"tags": ["ok", "long!", 3]}, {"external_id": "x", "a/b~c": 1}]}
    assert judge(Body, body) == [
        ("/items/0/external_id", "is required"),
        ("/items/0/tags/1", "must have at most 3 characters"),
        ("/items/0/tags/2", "must be a string"),
        ("/items/1/a~1b~0c", "is not a known field"),
    ]


def test_a_body_that_is_missing_is_told_so_and_not_as_a_nameless_field():
    [error] = invalid_from_pydantic([{"type": "missing", "loc": ("body",), "msg": "", "input": None}], drop=1).errors
    assert (error.pointer, str(error.detail)) == ("", "there is no body")
    assert "application/json" in str(error.hint)


def test_leading_steps_are_dropped_and_a_prefix_put_in_front():
    with pytest.raises(ValidationError) as caught:
        Word.model_validate({"kind": "word"})
    [error] = caught.value.errors()
    located = [{**error, "loc": ("body", *error["loc"])}]
    [found] = invalid_from_pydantic(located, prefix="/settings", drop=1).errors
    assert found.pointer == "/settings/text"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "word"}, ("/text", "is required")),
        ({"kind": "word", "text": 1}, ("/text", "must be a string")),
        ({"kind": "word", "text": "", "colour": 1}, ("/colour", "is not a known field")),
        ({"kind": "smell"}, ("/kind", "must be one of: word, link")),
        ({}, ("/kind", "is required")),
    ],
)
def test_names_of_union_members_are_no_steps_of_the_document(value, expected):
    document = {"signals": [value]}
    pointer, said = expected
    assert judge(dict[str, list[Signal]], document, document=document) == [(f"/signals/0{pointer}", said)]


def test_tried_members_and_keys_are_left_out_without_the_document_too():
    assert [pointer for pointer, _ in judge(dict[str, list[int] | set[int]], {"a": "x"})] == ["/a", "/a"]
    assert judge(dict[Annotated[str, Field(max_length=1)], int], {"long": 1})[0][0] == "/long"


def test_a_field_that_looks_made_up_is_still_named():
    class Strict(BaseModel, extra="forbid"):
        pass

    assert judge(Strict, {"list[int]": 1}) == [("/list[int]", "is not a known field")]


def test_an_index_beyond_the_document_is_left_out():
    error = {"type": "int_type", "loc": ("a", 5), "msg": "…", "input": None}
    [found] = invalid_from_pydantic([error], document={"a": [1]}).errors
    assert found.pointer == "/a"


def test_a_message_of_our_own_validator_keeps_both_languages():
    class Body(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def refuse(cls, _value):
            raise ValueError(msg("must not be empty"))

    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"name": ""})
    [error] = invalid_from_pydantic(caught.value.errors()).errors
    assert error.detail.render("fr") == "ne doit pas être vide"


def test_a_plain_value_error_and_an_unknown_kind_keep_pydantics_words():
    class Body(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def refuse(cls, _value):
            raise ValueError("no {braces} please")

    assert judge(Body, {"name": ""}) == [("/name", "is not accepted: no {braces} please")]
    unknown = {"type": "made_up_tomorrow", "loc": (), "msg": "Something new", "input": None}
    assert str(invalid_from_pydantic([unknown]).errors[0].detail) == "is not accepted: Something new"


def test_a_hostile_body_does_not_get_a_list_as_long_as_itself():
    assert len(judge(list[int], ["x"] * 5_000)) == MOST_ERRORS


def test_the_refused_value_is_not_repeated():
    assert "hunter2" not in str(judge(Word, {"kind": "word", "text": ["hunter2"]}))
