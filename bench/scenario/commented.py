"""The keys of a table as lines of a scenario file, commented out, each with its default and what it means.

All comes from the fields themselves. A line can be made active alone: a key of a table within has dots, as in
`client.timeout_s = 1.0`. A table that cannot do without some of its keys stands in braces with these; its other keys
are indented below, and go within the braces. Where the rules of the table do not allow a line alone, it says so, in
their words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bench.scenario.locate import KeyPath
from bench.scenario.origins import toml_value
from models.kernel.laws import Law
from models.kernel.registry import Parameters

COLUMN, WIDTH = 40, 100
"""Where comments begin behind keys, and where they end."""
INDENT = "    "
NOT_ALONE = "not alone: "
"""How the comment begins of a line that needs others changed with it."""
SEE_KEYS = "see its keys"


@dataclass(frozen=True)
class Table:
    """A table whose keys are wanted.

    Args:
        root: The table at the head of the section, whose rules everything below has to keep.
        data: What is active in the section, and around the keys.
        kind: The table itself.
        values: Its values by default; None where it is absent by default.
        path: Where it is in the section.
        within: How many pairs of braces it is in.
        written: What stands before its keys, as in `client.`.
    """

    root: type[Parameters]
    data: Mapping[str, Any]
    kind: type[Parameters]
    values: Parameters | None = None
    path: KeyPath = ()
    within: int = 0
    written: str = ""

    @classmethod
    def of(cls, root: type[Parameters], data: Mapping[str, Any]) -> Table:
        """A section of which `data` is active."""
        return cls(root, data, root)


def active_lines(table: Table) -> Iterator[str]:
    """The keys that are active, with their meaning."""
    for name, field in table.kind.model_fields.items():
        key = field.alias or name
        if key in table.data:
            yield from _line(f"{key} = {toml_value(table.data[key])}", _also(field, table.data[key]))


def commented_lines(table: Table) -> Iterator[str]:
    """All other keys, commented out: those that are values first, then those that can be tables."""
    braces: list[Iterator[str]] = []
    groups: list[Iterator[str]] = []
    for name, field in table.kind.model_fields.items():
        key = field.alias or name
        if key in _at(table.data, table.path):
            continue
        value = field.get_default() if table.values is None else getattr(table.values, name)
        kinds = [each for each in branches(field.annotation) if isinstance(each, type) and issubclass(each, Parameters)]
        if not isinstance(value, Parameters) and not (value is None and kinds):
            nothing = value is None or (value in ({}, []) and field.examples)
            shown = example(field) if nothing else _plain(value)
            yield from _commented(table, key, shown, _words(field, value))
        for kind in kinds:
            inner = replace(table, kind=kind, values=None, path=(*table.path, key), written=f"{table.written}{key}.")
            if any(each.is_required() for each in kind.model_fields.values()):
                braces.append(_in_braces(table, inner, key, field, value))
            else:
                values = value if isinstance(value, kind) else kind()
                groups.append(_group(table, replace(inner, values=values), key, field, value))
    for lines in (*braces, *groups):
        if not table.within:
            yield ""
        yield from lines


def prose(text: str, within: int = 0, hanging: int = 0) -> Iterator[str]:
    """A sentence as comment lines; of an entry of a list, all but the first hang."""
    start = "# " + INDENT * within
    rest = start + " " * hanging
    yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=rest, break_on_hyphens=False)


def entry(name: str, text: str) -> Iterator[str]:
    """An entry of a list in a comment."""
    yield from prose(f"{name}: {text}", 1, 2)


def branches(annotation: Any) -> Iterator[Any]:
    """The members of a union, of unions in it too; a type that is none is its own only member."""
    if get_origin(annotation) is Annotated:
        yield from branches(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for each in get_args(annotation):
            yield from branches(each)
    else:
        yield annotation


def example(field: FieldInfo) -> Any:
    """A value for a key that has none by default: the one that its field names, or the first that it allows."""
    if field.examples:
        return field.examples[0]
    return _literals(field)[0]


def refusal(root: type[Parameters], data: Mapping[str, Any]) -> str:
    """Why a table does not take such values; empty if it does."""
    try:
        root.model_validate(data)
    except ValidationError as error:
        # What a rule says tells more than that other members of a union do not fit either.
        told = sorted(error.errors(), key=lambda each: each["type"] != "value_error")
        return told[0]["msg"].removeprefix("Value error, ")
    return ""


def _group(table: Table, inner: Table, key: str, field: FieldInfo, value: Any) -> Iterator[str]:
    """A table within, with a line of its own for each of its keys."""
    yield from prose(f"{inner.written[:-1]}: {field.description}", table.within)
    for each in _literals(field):
        if value is not None:
            yield from _commented(table, key, each, "instead of all below")
    yield from commented_lines(inner)


def _in_braces(table: Table, inner: Table, key: str, field: FieldInfo, value: Any) -> Iterator[str]:
    """A table that cannot do without some keys: these in braces, and the others below."""
    required = {each.alias or name: each for name, each in inner.kind.model_fields.items() if each.is_required()}
    given = {name: example(each) for name, each in required.items()}
    words = [f"{name}: {each.description}" for name, each in required.items() if len(_literals(each)) != 1]
    title = (field.description or "") if value is None else _uncapitalised(inner.kind.__doc__ or "").rstrip(".")
    yield from _commented(table, key, given, "; ".join((title, *words)))
    data = _with(table.data, inner.path, given)
    yield from commented_lines(replace(inner, data=data, within=table.within + 1, written=""))


def _commented(table: Table, key: str, value: Any, words: str) -> Iterator[str]:
    """One key, commented out."""
    why = refusal(table.root, _with(table.data, (*table.path, key), value))
    code = f"# {INDENT * table.within}{table.written}{key} = {toml_value(value)}"
    yield from _line(code, f"{NOT_ALONE}{why}; {words}" if why else words)


def _line(code: str, words: str) -> Iterator[str]:
    """Code and its comment: beside it, or below where there is no room."""
    comments = textwrap.wrap(words, WIDTH - COLUMN - 2, break_on_hyphens=False)
    if comments and len(code) < COLUMN:
        code = f"{code:{COLUMN}}# {comments.pop(0)}"
    yield code
    for each in comments:
        yield f"{'':{COLUMN}}# {each}"


def _words(field: FieldInfo, value: Any) -> str:
    """What a key means, and where its default comes from."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    notes = ["default: none"] if value is None else []
    if "assumed" in extra and extra["assumed"] != SEE_KEYS:
        notes.append(f"assumed: {extra['assumed']}")
    if "source" in extra and extra["source"] != SEE_KEYS:
        notes.append(str(extra["source"]))
    return _also(field, example(field) if value is None else value) + (f" [{'; '.join(notes)}]" if notes else "")


def _also(field: FieldInfo, value: Any) -> str:
    """What a key means, and the other words, or kinds of table, that it takes."""
    words = [field.description or ""]
    others = [toml_value(each) for each in _literals(field) if each != value]
    kinds = [
        each.model_fields["kind"].default
        for each in branches(field.annotation)
        if isinstance(each, type) and issubclass(each, BaseModel) and not issubclass(each, Law | Parameters)
    ]
    if others and not isinstance(value, bool):
        words.append(f"also {', '.join(others)}")
    if kinds:
        words.append(f"kinds: {', '.join(kinds)}")
    return "; ".join(words)


def _literals(field: FieldInfo) -> list[Any]:
    """The words that a key takes."""
    return [word for each in branches(field.annotation) if get_origin(each) is Literal for word in get_args(each)]


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def _plain(value: Any) -> Any:
    """A value as a file would give it."""
    if not isinstance(value, BaseModel):
        return value
    plain = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"kind": plain["kind"], **plain} if "kind" in plain else plain


def _at(data: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
    for key in path:
        data = data.get(str(key), {})
    return data


def _with(data: Mapping[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    """The data with a value at a path."""
    key, *rest = path
    inner = data.get(str(key))
    below = inner if isinstance(inner, Mapping) else {}
    return {**data, str(key): _with(below, tuple(rest), value) if rest else value}
