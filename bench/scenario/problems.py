"""What pydantic found wrong with a scenario, said in plain English and with the place in the file.

Pydantic says where an error is by the steps that it took through the model: keys and indices, but also, at a union, the
branch that it tried. Here the model is walked along the same steps, which tells the ones that are in the document from
the others, and what could have stood there: the known keys, kinds and values that a message lists.

At a union without a tag pydantic reports what every branch had to say. Of those, the branch that the value was most
likely meant for is kept; if no branch fits at all, one problem names what they expect.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from difflib import SequenceMatcher
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bench.errors import Problem
from bench.limits import PROBLEMS_SHOWN_MAX
from bench.scenario.document import Document
from bench.scenario.locate import KeyPath, path_text
from bench.scenario.suggest import did_you_mean, hint, names_text
from bench.terminal import safe_text


def problems_from_validation(
    error: pydantic.ValidationError, document: Document, root: type[pydantic.BaseModel], at: KeyPath = ()
) -> list[Problem]:
    """Say everything that pydantic found wrong.

    Args:
        error: What validating the document's data, or one table of it, raised.
        document: The document, for the places.
        root: The model that it was validated with, for the known keys.
        at: The path of the table that was validated; by default all of the document.

    Returns:
        The problems in the order of their lines, then those of `--set` in its order. Advice is only given for as many
        as are printed at once, because looking for similar names takes time.
    """
    expected = _expected(root)
    findings = _settled([_follow(details, document, expected, at) for details in error.errors(include_url=False)])
    placed = [(document.problem(finding.path, "", at=finding.points_at), finding) for finding in findings]
    order = {origin.assignment: number for number, origin in enumerate(document.assignments.values())}
    placed.sort(key=lambda pair: (order.get(pair[0].assignment, -1), pair[0].line or 0, pair[0].column or 0))
    problems = []
    for number, (place, finding) in enumerate(placed):
        what, remedy = _words(finding, with_advice=number < PROBLEMS_SHOWN_MAX)
        if finding.loc[-1:] == ("[key]",):
            what = f"the key {what}"
        problems.append(dataclasses.replace(place, what=what, remedy=remedy))
    return problems


# --- where: along the model and the document -----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Expected:
    """What a model expects in one place.

    What lies below is looked up when it is asked for and then kept, because a file may have thousands of errors.

    Args:
        whole: The annotation as it was written.
        annotation: The type in it, without `Annotated`, `None` and aliases, which add no step; of a union, None.
        members: The branches of a union.
        discriminator: The key whose value chooses the branch; None for a union without one, empty for a function.
    """

    whole: Any
    annotation: Any
    members: tuple[_Expected, ...] = ()
    discriminator: str | None = None

    @cached_property
    def fields(self) -> Mapping[object, _Expected] | None:
        """The keys of a table as they are written in a file; None if this is no table with keys of its own."""
        fields = _annotations_of_fields(self.annotation) if isinstance(self.annotation, type) else None
        return None if fields is None else {key: _expected(annotation) for key, annotation in fields.items()}

    @cached_property
    def items(self) -> tuple[_Expected, ...]:
        """What a tuple expects, by index; of another list or a mapping, what each value has to be."""
        origin = get_origin(self.annotation)
        arguments = [argument for argument in get_args(self.annotation) if argument is not Ellipsis]
        if not isinstance(origin, type) or not issubclass(origin, Mapping | Sequence | set | frozenset):
            return ()
        return tuple(map(_expected, arguments if issubclass(origin, tuple) else arguments[-1:]))

    def below(self, step: int | str) -> _Expected | None:
        """What is expected one step further; None if the model does not say."""
        if self.fields is not None:
            return self.fields.get(step)
        if not self.items or isinstance(step, int) is self.is_mapping:
            return None
        return self.items[min(step, len(self.items) - 1)] if isinstance(step, int) else self.items[0]

    @cached_property
    def is_mapping(self) -> bool:
        """Whether this is a table whose keys the user chooses."""
        origin = get_origin(self.annotation)
        return isinstance(origin, type) and issubclass(origin, Mapping)

    @cached_property
    def by_tag(self) -> Mapping[str, _Expected]:
        """The branches of a union by their tags."""
        return {tag: member for member in self.members for tag in member.tags(self.discriminator)}

    @cached_property
    def by_label(self) -> dict[str, _Expected]:
        """The branches of a union without tags by pydantic's names for them."""
        return {member.label: member for member in self.members}

    def branch(self, label: str) -> _Expected:
        """The branch of a union without tags that pydantic calls so."""
        if label not in self.by_label:
            # Of a branch that refers to other definitions the name may be abridged: list[...] for list[Law].
            alike = SequenceMatcher(None, b=label)
            ratios = []
            for known in self.by_label:
                alike.set_seq1(known)
                ratios.append((alike.ratio(), known))
            self.by_label[label] = self.by_label[max(ratios)[1]]
        return self.by_label[label]

    @property
    def label(self) -> str:
        """Pydantic's name for this as a branch of a union."""
        if isinstance(self.whole, type) and issubclass(self.whole, pydantic.BaseModel):
            return self.whole.__name__
        return str(pydantic.TypeAdapter(self.whole).validator.title)

    def tags(self, discriminator: str | None) -> list[str]:
        """The tags that choose this as a branch of a union."""
        metadata = get_args(self.whole)[1:] if get_origin(self.whole) is Annotated else ()
        own = [one.tag for one in metadata if isinstance(one, pydantic.Tag)]
        if own or self.members:
            return own or list(self.by_tag)
        chooser = (self.fields or {}).get(discriminator)
        return [] if chooser is None else list(map(str, chooser.choices))

    @cached_property
    def choices(self) -> list[Any]:
        """The values of a `Literal` or an `Enum`."""
        if get_origin(self.annotation) is Literal:
            values: Iterable[Any] = get_args(self.annotation)
        elif isinstance(self.annotation, type) and issubclass(self.annotation, enum.Enum):
            values = self.annotation
        else:
            return []
        return [value.value if isinstance(value, enum.Enum) else value for value in values]


@dataclasses.dataclass(frozen=True)
class _Finding:
    """One error of pydantic's, placed.

    Args:
        type: Pydantic's name for it.
        loc: Pydantic's steps to it.
        value: What stands there; for a missing key, the table without it.
        context: Pydantic's figures, such as a bound.
        message: Pydantic's own words.
        path: The path in the document; the last part may be a key that is missing.
        expected: What the model expects there.
        holder: What the model expects of the table around it.
        branches: Positions in `loc` that name branches of unions without a tag, from outside in.
        alternatives: If this stands for all branches of a union, what each of them found.
    """

    type: str
    loc: tuple[int | str, ...]
    value: Any
    context: Mapping[str, Any]
    message: str
    path: KeyPath
    expected: _Expected
    holder: _Expected
    branches: tuple[int, ...]
    alternatives: tuple[_Finding, ...] = ()

    @property
    def points_at(self) -> Literal["key", "value"]:
        """A wrong key is shown at its name, a wrong value where it starts."""
        return "key" if self.type in _UNKNOWN_KEY or self.type in _MISSING else "value"

    @property
    def is_misfit(self) -> bool:
        """Whether the value is not of the expected kind at all."""
        return self.type in _KINDS or self.type in _CHOICE


_ANY = _Expected(Any, Any)
_UNKNOWN_KEY = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument", "union_tag_not_found"})
_CHOICE = frozenset({"literal_error", "enum"})


def _follow(details: ErrorDetails, document: Document, root: _Expected, at: KeyPath) -> _Finding:
    """Walk the model along pydantic's steps."""
    loc = details["loc"]
    path = at
    node: Any = document.get(at)
    expected = holder = root
    branches = []
    for position, step in enumerate(loc):
        if expected.discriminator is not None:
            expected = expected.by_tag.get(str(step), _ANY)
            continue
        if expected.members:
            branches.append(position)
            expected = expected.branch(str(step))
            continue
        inner = expected.below(step)
        if step == "[key]" or (inner is None and not _is_key(node, step) and not _may_be_missing(details, position)):
            # A mapping's key itself is wrong, or a step of which nothing is known and which the document does not have.
            continue
        path = (*path, step)
        node = _child(node, step)
        holder, expected = expected, inner or _ANY
    value = details["input"]
    if details["type"].startswith("union_tag_") and expected.discriminator:
        # Pydantic speaks of the table, but it is the key in it that is wrong.
        path = (*path, expected.discriminator)
        value = _child(node, expected.discriminator)
    return _Finding(
        type=details["type"],
        loc=loc,
        value=value,
        context=details.get("ctx", {}),
        message=details["msg"],
        path=path,
        expected=expected,
        holder=holder,
        branches=tuple(branches),
    )


def _is_key(node: Any, step: int | str) -> bool:
    """Whether the document has this step."""
    return (isinstance(node, Mapping) and step in node) or (isinstance(node, list) and isinstance(step, int))


def _may_be_missing(details: ErrorDetails, position: int) -> bool:
    """Whether this is the last step to a key that the document need not have."""
    return position == len(details["loc"]) - 1 and details["type"] in _MISSING | _UNKNOWN_KEY


def _child(node: Any, step: int | str) -> Any:
    """What lies below, if anything does."""
    if isinstance(node, Mapping):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def _expected(whole: Any) -> _Expected:
    """Take off everything that adds no step of its own."""
    annotation = whole
    discriminator: str | None = None
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *metadata = get_args(annotation)
            names = [name for name in map(_discriminator, metadata) if name is not None]
            discriminator = names[0] if names else discriminator
        elif origin in {Union, types.UnionType}:
            members = [member for member in get_args(annotation) if member is not types.NoneType]
            if len(members) > 1 or discriminator is not None:
                return _Expected(whole, None, tuple(map(_expected, members)), discriminator)
            annotation = members[0]
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif isinstance(annotation, type) and issubclass(annotation, pydantic.RootModel):
            annotation = _with_metadata(annotation.model_fields["root"])
        else:
            return _Expected(whole, annotation)


def _discriminator(metadata: Any) -> str | None:
    """The key that chooses a union's branch, if this metadata says so; empty if a function chooses."""
    found = metadata.discriminator if isinstance(metadata, FieldInfo) else metadata
    if isinstance(found, pydantic.Discriminator):
        found = found.discriminator
    elif not isinstance(metadata, FieldInfo):
        return None
    if found is None or isinstance(found, str):
        return found
    return ""


def _with_metadata(field: FieldInfo) -> Any:
    """A field's type together with all else that the field says, as one annotation."""
    return Annotated[field.annotation, field]


def _annotations_of_fields(annotation: type) -> Mapping[Any, Any] | None:
    """The keys of a table as they are written in a file, with what each is to be; None if this is no such table."""
    if issubclass(annotation, pydantic.BaseModel):
        by_name = annotation.model_config.get("populate_by_name") or annotation.model_config.get("validate_by_name")
        fields: dict[str, Any] = {}
        for name, field in annotation.model_fields.items():
            fields |= dict.fromkeys(_names(name, field), _with_metadata(field))
            if by_name:
                fields.setdefault(name, _with_metadata(field))
        return fields
    if dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {field.name: hints[field.name] for field in dataclasses.fields(annotation) if field.init}
    return None


def _names(name: str, field: FieldInfo) -> list[str]:
    """What a field may be called in a file."""
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    if alias is None:
        return [name]
    choices = alias.choices if isinstance(alias, pydantic.AliasChoices) else [alias]
    return [choice if isinstance(choice, str) else str(choice.path[0]) for choice in choices]


# --- which: of what the branches of a union say ----------------------------------------------------------------------


def _settled(findings: Sequence[_Finding], level: int = 0) -> list[_Finding]:
    """Leave one branch's findings of every union without a tag; `level` counts such unions from outside in."""
    settled: list[_Finding] = []
    unions: dict[tuple[int | str, ...], dict[object, list[_Finding]]] = {}
    for finding in findings:
        if len(finding.branches) <= level:
            settled.append(finding)
        else:
            position = finding.branches[level]
            branches = unions.setdefault(finding.loc[:position], {})
            branches.setdefault(finding.loc[position], []).append(finding)
    for steps, branches in unions.items():
        meant = [
            found
            for found in branches.values()
            if not all(finding.is_misfit and len(finding.loc) == len(steps) + 1 for finding in found)
        ]
        if meant:
            likeliest = min([_settled(found, level + 1) for found in meant], key=len)
            settled.extend(likeliest)
        else:
            alternatives = tuple(finding for found in branches.values() for finding in found)
            settled.append(dataclasses.replace(alternatives[0], alternatives=alternatives))
    return settled


# --- what: in words --------------------------------------------------------------------------------------------------

_KINDS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "an integer"),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "a number"),
    **dict.fromkeys(("string_type", "string_sub_type", "path_type"), "a string"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a table"),
    **dict.fromkeys(("dataclass_type", "dataclass_exact_type"), "a table"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date"),
    **dict.fromkeys(("datetime_type", "datetime_parsing"), "a date and time"),
    **dict.fromkeys(("time_type", "time_parsing"), "a time"),
}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _words(finding: _Finding, *, with_advice: bool) -> tuple[str, str]:
    """What is wrong, and what to do."""
    if finding.alternatives:
        return _words_of_alternatives(finding, with_advice=with_advice)
    if finding.type in _UNKNOWN_KEY:
        known = finding.holder.fields
        is_listed = with_advice and known is not None
        return "unknown key", hint(str(finding.path[-1]), map(str, known or ()), "known keys") if is_listed else ""
    if finding.type in _MISSING and isinstance(finding.path[-1], int):
        return "too few elements", f"this list has {len(finding.holder.items)}"
    if finding.type in _MISSING:
        return "required key is missing", _addition(finding)
    if finding.type in _CHOICE or finding.type == "union_tag_invalid":
        return _words_of_choice(finding, with_advice=with_advice)
    if finding.type in _KINDS and _KINDS[finding.type] != _got(finding.value):
        return f"expected {_KINDS[finding.type]}, got {_got(finding.value)}", _conversion(finding)
    if finding.type == "finite_number" or (isinstance(finding.value, float) and math.isnan(finding.value)):
        return f"must be finite, got {_shown(finding.value)}", ""
    if finding.type in _BOUNDS:
        words, name = _BOUNDS[finding.type]
        return f"must be {words} {_shown(finding.context[name])}, got {_shown(finding.value)}", ""
    return _words_of_the_rest(finding), ""


def _words_of_the_rest(finding: _Finding) -> str:
    """What is wrong, where nothing can be said about what to do."""
    context = finding.context
    if finding.type in {"value_error", "assertion_error"}:
        return str(context.get("error", finding.message))
    if finding.type in {"too_short", "string_too_short"}:
        least = context["min_length"]
        return f"must have at least {_counted(least, finding.value)}, has {len(finding.value)}"
    if finding.type in {"too_long", "string_too_long"}:
        return f"must have at most {_counted(context['max_length'], finding.value)}, has {len(finding.value)}"
    if finding.type == "string_pattern_mismatch":
        return f"must match {context['pattern']}, got {_shown(finding.value)}"
    return finding.message[:1].lower() + finding.message[1:]


def _words_of_choice(finding: _Finding, *, with_advice: bool) -> tuple[str, str]:
    """A value that is none of those that may stand there."""
    if finding.type == "union_tag_invalid":
        choices: list[Any] = list(finding.expected.by_tag)
    else:
        choices = finding.expected.choices
    if len(choices) == 1:
        return f"must be {_shown(choices[0])}, got {_shown(finding.value)}", ""
    names = [str(choice) for choice in choices]
    if not isinstance(finding.value, str):
        return f"expected one of {names_text(names)}, got {_shown(finding.value)}", ""
    noun = next((part for part in reversed(finding.path) if isinstance(part, str)), "value")
    what = f"unknown {safe_text(noun, 60)} {_shown(finding.value)}"
    return what, hint(finding.value, names) if with_advice else ""


def _words_of_alternatives(finding: _Finding, *, with_advice: bool) -> tuple[str, str]:
    """A value that fits no branch of a union."""
    choices = [choice for one in finding.alternatives if one.type in _CHOICE for choice in one.expected.choices]
    kinds = [_KINDS[one.type] for one in finding.alternatives if one.type in _KINDS]
    remedy = _conversion(finding)
    if isinstance(finding.value, str) and with_advice and not remedy:
        nearest = did_you_mean(finding.value, map(str, choices))
        remedy = "" if nearest is None else f"did you mean {nearest}?"
    return f"expected {_either([*kinds, *map(_shown, choices)])}, got {_got(finding.value)}", remedy


def _addition(finding: _Finding) -> str:
    """What to add where a key is missing."""
    key = path_text(finding.path[-1:])
    if finding.type == "union_tag_not_found":
        tags = names_text(finding.expected.by_tag)
        return f"add `{key} = …`, one of {tags}" if finding.expected.discriminator else finding.message
    choices = finding.expected.choices
    if len(choices) == 1:
        written = f'"{choices[0]}"' if isinstance(choices[0], str) else _shown(choices[0])
        return f"add `{key} = {written}`"
    kind = _kind(finding.expected)
    return f"add `{key} = …`, {kind}" if kind else f"add `{key} = …`"


def _conversion(finding: _Finding) -> str:
    """How a value of the wrong kind might be mended."""
    kinds = {_KINDS.get(one.type) for one in finding.alternatives or (finding,)}
    value = finding.value
    if isinstance(value, str) and kinds & {"an integer", "a number"} and _is_number(value):
        return "remove the quotes"
    if isinstance(value, str) and "true or false" in kinds and value.casefold() in {"true", "false"}:
        return "remove the quotes"
    if isinstance(value, float) and "an integer" in kinds and value.is_integer() and abs(value) < 2**53:
        return f"write {int(value)}"
    if "a string" in kinds and not isinstance(value, dict | list | str):
        return "put it in quotes"
    discriminator = finding.expected.discriminator
    if "a table" in kinds and discriminator:
        tags = names_text(finding.expected.by_tag)
        return f"write {{ {discriminator} = …, … }}, {discriminator} being one of {tags}"
    return ""


def _is_number(text: str) -> bool:
    """Whether a text would be a number without its quotes."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _kind(expected: _Expected) -> str:
    """What kind of value is expected, in words; empty if that cannot be said."""
    if expected.discriminator is not None:
        return "a table"
    if expected.members:
        kinds = [_kind(member) for member in expected.members]
        return _either(kinds) if all(kinds) else ""
    if expected.choices:
        choices = names_text(map(str, expected.choices))
        return f"one of {choices}" if len(expected.choices) > 1 else choices
    if expected.fields is not None:
        return "a table"
    kind = get_origin(expected.annotation) or expected.annotation
    if not isinstance(kind, type):
        return ""
    # In this order, because true is an integer to Python.
    kinds_of_types: list[tuple[Any, str]] = [
        (bool, "true or false"),
        (int, "an integer"),
        (float, "a number"),
        (str, "a string"),
        (Mapping, "a table"),
        (Sequence, "a list"),
    ]
    return next((words for type_, words in kinds_of_types if issubclass(kind, type_)), "")


def _got(value: Any) -> str:
    """A value, and what kind it is."""
    if value is None or isinstance(value, bool):
        return _shown(value)
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    kinds: list[tuple[Any, str]] = [
        (str, "a string"),
        (int, "an integer"),
        (float, "a number"),
        (date, "a date"),
        (time, "a time"),
    ]
    kind = next((words for type_, words in kinds if isinstance(value, type_)), "a value")
    return f"{kind} ({_shown(value)})"


def _shown(value: Any) -> str:
    """A value as text, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{safe_text(value, 60)}'"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else safe_text(str(value), 60)


def _either(names: Iterable[str]) -> str:
    """`a, b or c`, each once."""
    *others, last = dict.fromkeys(names)
    return f"{', '.join(others)} or {last}" if others else last


def _counted(count: int, value: Any) -> str:
    """A length with its noun."""
    noun = "character" if isinstance(value, str) else "key" if isinstance(value, Mapping) else "element"
    return f"{count} {noun}" + ("" if count == 1 else "s")
