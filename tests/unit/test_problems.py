"""What pydantic finds wrong is said in plain English, at the right place, all at once."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from bench.errors import Problem
from bench.limits import PROBLEMS_SHOWN_MAX
from bench.scenario.document import read_document
from bench.scenario.problems import problems_from_validation

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Table(BaseModel):
    model_config = STRICT


class Constant(Table):
    kind: Literal["constant"]
    value_s: float = Field(ge=0)


class Exponential(Table):
    kind: Literal["exponential", "exp"]
    mean_s: float = Field(gt=0)


Law = Annotated[Constant | Exponential, Field(discriminator="kind")]


class Copies(Table):
    copies: int = Field(6, gt=0, le=7)
    read_quorum: int = 3
    write_quorum: int = 4
    leg: Law | None = None
    legs: list[Law] = []
    capacity: Literal["unlimited"] | Annotated[int, Field(gt=0)] = "unlimited"
    table: Literal["on-demand"] | Constant = "on-demand"
    timeout_s: float = Field(1.0, alias="client_timeout_s")
    # The tag constant is also a key that a table may have.
    lawful: dict[str, Law] = {}


class Size(Enum):
    LARGE = "large"
    SMALL = "small"


@pydantic.dataclasses.dataclass(config=ConfigDict(strict=False))
class Client:
    attempts: int
    on: bool = True


def tag_of(value: Any) -> str:
    return "many" if isinstance(value, list) else "one"


def checked_even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


class Scenario(Table):
    schema_: Literal[1] = Field(1, alias="schema")
    name: str = Field("x", min_length=2, max_length=4, pattern="^[a-z]+$")
    initial: Literal["stationary", "cold"] = "cold"
    seed: int = 0
    on: bool = True
    size: Annotated[Size, Field(strict=False)] = Size.LARGE
    share: float = Field(0.5, multiple_of=0.5)
    pair: Annotated[tuple[int, int], Field(strict=False)] = (1, 2)
    numbers: list[float] = Field([], max_length=2)
    grid: list[list[int]] = []
    client: Client | None = None
    even: Annotated[int, AfterValidator(checked_even)] = 0
    shape: Annotated[Annotated[list[int], Tag("many")] | Annotated[int, Tag("one")], Discriminator(tag_of)] = 1
    root: RootModel[list[int]] = RootModel([])
    keyed: dict[Annotated[str, Field(min_length=2)], int] = {}
    anything: Any = None
    systems: dict[str, Copies]

    @model_validator(mode="after")
    def check(self) -> Scenario:
        if self.seed == 13:
            raise ValueError("seed 13 brings bad luck")
        return self


def problems(text: str, *assignments: str, root: type[BaseModel] = Scenario) -> list[Problem]:
    document = read_document(text.encode(), "x.toml").override(assignments)
    with pytest.raises(pydantic.ValidationError) as caught:
        root.model_validate(document.data)
    return problems_from_validation(caught.value, document, root)


SYSTEMS = "\n[systems.a]\n"
KINDS = "constant, exponential, exp"
UNKNOWN_KIND = f"unknown kind 'exponetial'; did you mean exponential? known: {KINDS}"
NO_LAW = f"expected a table, got a number (0.001); write {{ kind = …, … }}, kind being one of {KINDS}"
NO_CAPACITY = "expected an integer or 'unlimited', got a string ('unlimted'); did you mean unlimited?"
NO_TIMEOUT = "unknown key; did you mean client_timeout_s? known keys"
KEYS_OF_COPIES = "copies, read_quorum, write_quorum, leg, legs, capacity, table, client_timeout_s, lawful"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # keys
        (
            "[systems.a]\nwrite_quorm = 4",
            f"2:1: error: systems.a.write_quorm: unknown key; did you mean write_quorum? known keys: {KEYS_OF_COPIES}",
        ),
        (
            "[systems.a]\ntimeout_s = 4.0",
            f"2:1: error: systems.a.timeout_s: {NO_TIMEOUT}: {KEYS_OF_COPIES}",
        ),
        (
            "[systems.a.leg]\nkind = 'exp'\nmean_s = 1.0\nvalue_s = 1.0",
            "4:1: error: systems.a.leg.value_s: unknown key; known keys: kind, mean_s",
        ),
        ("[systems.a]\n'x y' = 1", f'2:1: error: systems.a."x y": unknown key; known keys: {KEYS_OF_COPIES}'),
        ("seed = 1", " error: systems: required key is missing; add `systems = …`, a table"),
        (
            "[systems.a.leg]\nkind = 'exp'",
            "1:12: error: systems.a.leg.mean_s: required key is missing; add `mean_s = …`, a number",
        ),
        (
            "[systems.a.leg]\nmean_s = 1.0",
            f"1:12: error: systems.a.leg.kind: required key is missing; add `kind = …`, one of {KINDS}",
        ),
        (
            "[systems.a]\nlegs = [{ kind = 'exp' }]",
            "2:9: error: systems.a.legs[0].mean_s: required key is missing; add `mean_s = …`, a number",
        ),
        (
            "client = {}" + SYSTEMS,
            "1:1: error: client.attempts: required key is missing; add `attempts = …`, an integer",
        ),
        # kinds
        ("seed = 'a'" + SYSTEMS, "1:8: error: seed: expected an integer, got a string ('a')"),
        ("seed = '5'" + SYSTEMS, "1:8: error: seed: expected an integer, got a string ('5'); remove the quotes"),
        ("seed = 5.0" + SYSTEMS, "1:8: error: seed: expected an integer, got a number (5); write 5"),
        ("seed = 5.5" + SYSTEMS, "1:8: error: seed: expected an integer, got a number (5.5)"),
        ("seed = true" + SYSTEMS, "1:8: error: seed: expected an integer, got true"),
        ("seed = 1979-05-27" + SYSTEMS, "1:8: error: seed: expected an integer, got a date (1979-05-27)"),
        ("seed = []" + SYSTEMS, "1:8: error: seed: expected an integer, got a list"),
        ("name = 5" + SYSTEMS, "1:8: error: name: expected a string, got an integer (5); put it in quotes"),
        ("on = 'true'" + SYSTEMS, "1:6: error: on: expected true or false, got a string ('true'); remove the quotes"),
        ("on = 1" + SYSTEMS, "1:6: error: on: expected true or false, got an integer (1)"),
        ("numbers = 1.0" + SYSTEMS, "1:11: error: numbers: expected a list, got a number (1)"),
        ("numbers = [\n  1.0,\n 'x' ]" + SYSTEMS, "3:2: error: numbers[1]: expected a number, got a string ('x')"),
        ("grid = [[1], [2, 'x']]" + SYSTEMS, "1:18: error: grid[1][1]: expected an integer, got a string ('x')"),
        ("pair = [1, 'x']" + SYSTEMS, "1:12: error: pair[1]: expected an integer, got a string ('x')"),
        ("pair = [1]" + SYSTEMS, "1:1: error: pair[1]: too few elements; this list has 2"),
        ("pair = [1, 2, 3]" + SYSTEMS, "1:8: error: pair: must have at most 2 elements, has 3"),
        ("root = ['x']" + SYSTEMS, "1:9: error: root[0]: expected an integer, got a string ('x')"),
        ("shape = ['x']" + SYSTEMS, "1:10: error: shape[0]: expected an integer, got a string ('x')"),
        ("systems = 1", "1:11: error: systems: expected a table, got an integer (1)"),
        ("systems.a = 1", "1:13: error: systems.a: expected a table, got an integer (1)"),
        (
            "[systems.a]\nleg = 0.001",
            f"2:7: error: systems.a.leg: {NO_LAW}",
        ),
        # choices
        ("initial = 'warm'" + SYSTEMS, "1:11: error: initial: unknown initial 'warm'; known: stationary, cold"),
        (
            "initial = 'Cold'" + SYSTEMS,
            "1:11: error: initial: unknown initial 'Cold'; did you mean cold? known: stationary, cold",
        ),
        ("initial = 3" + SYSTEMS, "1:11: error: initial: expected one of stationary, cold, got 3"),
        ("size = 'larg'" + SYSTEMS, "1:8: error: size: unknown size 'larg'; did you mean large? known: large, small"),
        ("schema = 2" + SYSTEMS, "1:10: error: schema: must be 1, got 2"),
        (
            "[systems.a]\nleg = { kind = 'exponetial' }",
            f"2:16: error: systems.a.leg.kind: {UNKNOWN_KIND}",
        ),
        (
            "[systems.a]\nleg = { kind = 3 }",
            "2:16: error: systems.a.leg.kind: expected one of constant, exponential, exp, got 3",
        ),
        # bounds
        ("[systems.a]\ncopies = -3", "2:10: error: systems.a.copies: must be greater than 0, got -3"),
        ("[systems.a]\ncopies = 8", "2:10: error: systems.a.copies: must be at most 7, got 8"),
        (
            "[systems.a]\nleg = { kind = 'constant', value_s = -0.5 }",
            "2:38: error: systems.a.leg.value_s: must be at least 0, got -0.5",
        ),
        (
            "[systems.a]\nleg = { kind = 'constant', value_s = nan }",
            "2:38: error: systems.a.leg.value_s: must be finite, got nan",
        ),
        (
            "[systems.a]\nleg = { kind = 'exp', mean_s = -inf }",
            "2:32: error: systems.a.leg.mean_s: must be finite, got -inf",
        ),
        ("share = 0.3" + SYSTEMS, "1:9: error: share: must be a multiple of 0.5, got 0.3"),
        ("name = 'a'" + SYSTEMS, "1:8: error: name: must have at least 2 characters, has 1"),
        ("name = 'abcde'" + SYSTEMS, "1:8: error: name: must have at most 4 characters, has 5"),
        ("name = 'a1'" + SYSTEMS, "1:8: error: name: must match ^[a-z]+$, got 'a1'"),
        ("numbers = [1.0, 2.0, 3.0]" + SYSTEMS, "1:11: error: numbers: must have at most 2 elements, has 3"),
        ("keyed = { a = 1 }" + SYSTEMS, "1:15: error: keyed.a: the key must have at least 2 characters, has 1"),
        # our own validators
        ("even = 3" + SYSTEMS, "1:8: error: even: must be even"),
        ("seed = 13" + SYSTEMS, " error: seed 13 brings bad luck"),
        # unions without a tag
        (
            "[systems.a]\ncapacity = 'unlimted'",
            f"2:12: error: systems.a.capacity: {NO_CAPACITY}",
        ),
        (
            "[systems.a]\ncapacity = 2.0",
            "2:12: error: systems.a.capacity: expected an integer or 'unlimited', got a number (2); write 2",
        ),
        ("[systems.a]\ncapacity = 0", "2:12: error: systems.a.capacity: must be greater than 0, got 0"),
        ("[systems.a]\ntable = 3", "2:9: error: systems.a.table: expected a table or 'on-demand', got an integer (3)"),
        (
            "[systems.a]\ntable = { kind = 'constant', valu = 1.0, value_s = 1.0 }",
            "2:30: error: systems.a.table.valu: unknown key; did you mean value_s? known keys: kind, value_s",
        ),
        # a tag that is also a key in the document
        (
            "[systems.a.lawful.constant]\nkind = 'constant'\nvalue_s = 'x'",
            "3:11: error: systems.a.lawful.constant.value_s: expected a number, got a string ('x')",
        ),
        (
            "[systems.constant.leg]\nkind = 'constant'\nconstant = { value_s = 1.0 }\nvalue_s = 1.0",
            "3:1: error: systems.constant.leg.constant: unknown key; known keys: kind, value_s",
        ),
    ],
)
def test_each_error_is_said_in_plain_english_at_its_place(text: str, says: str) -> None:
    (problem,) = problems(text)

    assert str(problem) == f"x.toml:{says}"


class Leaf(Table):
    kind: Literal["leaf"]
    size: int


class Tree(Table):
    kind: Literal["tree"]
    parts: list[float | Annotated[Leaf | Tree, Field(discriminator="kind")]]


class Forest(Table):
    tree: float | Annotated[Leaf | Tree, Field(discriminator="kind")] = 1.0


def test_of_nested_unions_the_branch_that_was_meant_is_reported() -> None:
    text = """\
[tree]
kind = "tree"
parts = [
    1.0,
    "x",
    { kind = "leaf", size = "x" },
    { kind = "tre" },
    {},
    { kind = "tree", parts = [true, { kind = "leaf", size = 1, sise = 2 }] },
]
"""

    found = problems(text, root=Forest)

    assert [str(problem) for problem in found] == [
        "x.toml:5:5: error: tree.parts[1]: expected a number or a table, got a string ('x')",
        "x.toml:6:29: error: tree.parts[2].size: expected an integer, got a string ('x')",
        "x.toml:7:14: error: tree.parts[3].kind: unknown kind 'tre'; did you mean tree? known: leaf, tree",
        "x.toml:8:5: error: tree.parts[4].kind: required key is missing; add `kind = …`, one of leaf, tree",
        "x.toml:9:31: error: tree.parts[5].parts[0]: expected a number or a table, got true",
        "x.toml:9:64: error: tree.parts[5].parts[1].sise: unknown key; did you mean size? known keys: kind, size",
    ]


def test_all_problems_are_said_in_the_order_of_their_lines_those_of_set_last() -> None:
    text = """\
seed = "x"
initial = "warm"
[systems.b]
write_quorm = 1
copies = 0
[systems.a.leg]
kind = "constant"
"""

    found = problems(text, "systems.c.copies=-1", "on=3", "systems.a.leg.value_s=-1.0")

    assert [str(problem).split(": error: ")[0] for problem in found] == [
        "x.toml:1:8",
        "x.toml:2:11",
        "x.toml:4:1",
        "x.toml:5:10",
        "--set systems.c.copies=-1",
        "--set on=3",
        "--set systems.a.leg.value_s=-1.0",
    ]
    assert found[-1].source == "--set"
    assert found[-1].what == "must be at least 0, got -1"


def test_a_key_that_is_missing_in_a_table_from_set_is_located_there() -> None:
    (problem,) = problems("[systems.a]", "systems.b.leg={kind='exp'}")

    assert str(problem).startswith(
        "--set systems.b.leg={kind='exp'}: error: systems.b.leg.mean_s: required key is missing"
    )


def test_part_of_a_document_can_be_validated_on_its_own() -> None:
    document = read_document(b"[systems.a]\ncopys = 1\nleg = {kind = 'exp', mean_s = 0.0}", "x.toml")
    with pytest.raises(pydantic.ValidationError) as caught:
        Copies.model_validate(document.get(("systems", "a")))

    found = problems_from_validation(caught.value, document, Copies, at=("systems", "a"))

    assert [str(problem).split(";")[0] for problem in found] == [
        "x.toml:2:1: error: systems.a.copys: unknown key",
        "x.toml:3:31: error: systems.a.leg.mean_s: must be greater than 0, got 0",
    ]


def test_what_a_stranger_named_is_shown_escaped_and_short() -> None:
    text = '"\\u001b[2J" = 1\ninitial = "\\u202e' + "x" * 5000 + '"\n[systems.a]'

    found = problems(text)

    assert all(str(problem).isprintable() and len(str(problem)) < 1000 for problem in found)
    assert any(r"\u202e" in problem.what for problem in found)


def test_of_very_many_problems_only_those_that_are_shown_get_advice() -> None:
    text = "[systems.a]\n" + "".join(f"copie{number} = 1\n" for number in range(1000))

    found = problems(text)

    assert len(found) == 1000
    assert [bool(problem.remedy) for problem in found] == [True] * PROBLEMS_SHOWN_MAX + [False] * (
        1000 - PROBLEMS_SHOWN_MAX
    )


def walks_over_tags(text: str) -> str:
    """A mapper that takes every step that the document has for a step of the document."""
    document = read_document(text.encode(), "x.toml")
    with pytest.raises(pydantic.ValidationError) as caught:
        Scenario.model_validate(document.data)
    path: tuple[str | int, ...] = ()
    for step in caught.value.errors()[0]["loc"]:
        if document.origin((*path, step)) is not None:
            path = (*path, step)
    return str(document.problem(path, "").key)


@pytest.mark.parametrize(
    ("mapper", "is_right"),
    [(walks_over_tags, False), (lambda text: problems(text)[-1].key, True)],
)
def test_a_tag_is_not_mistaken_for_a_key_of_the_same_name(mapper: Callable[[str], str], *, is_right: bool) -> None:
    text = "[systems.a.leg]\nkind = 'constant'\nconstant = { value_s = 1.0 }\nvalue_s = 'x'"

    assert (mapper(text) == "systems.a.leg.value_s") is is_right
