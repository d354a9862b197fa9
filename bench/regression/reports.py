"""A verification for machines: one JSON document, JUnit XML, annotations of a build server, a summary in Markdown.

Whatever a scenario or a file was named is written as text of the format: nothing in it can end an element, a cell or a
line, begin a command, or be taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree as ET

from bench.regression.gates import GATES, Moved, Verification
from bench.terminal import safe_text

SCHEMA = 1
Verdict = Literal["pass", "fail", "unknown"]
TEXT_CHARACTERS_MAX = 1000
NO_BASELINE = "it has no baseline yet; --update writes one"


@dataclass(frozen=True)
class Entry:
    """A scenario that was verified.

    Args:
        name: What a user calls it: its file, without folder and ending.
        scenario: Its name.
        baseline: Where its baseline is, or would be.
        verification: What came of it; None where there is no baseline.
    """

    name: str
    scenario: str
    baseline: str
    verification: Verification | None

    @property
    def verdict(self) -> Verdict:
        """Fail where a gate moved, unknown where there was nothing to compare with."""
        if self.verification is None:
            return "unknown"
        return "pass" if self.verification.first_moved is None else "fail"

    @property
    def reason(self) -> str:
        """In a sentence, why it does not pass; untrusted, so not yet safe to print."""
        if self.verification is None:
            return NO_BASELINE
        first = self.verification.first_moved
        return "" if first is None else f"{first} moved first: {self.verification.gates[first].detail}"


def overall(entries: Sequence[Entry]) -> Verdict:
    """Fail beats unknown beats pass; nothing at all is unknown."""
    found = {entry.verdict for entry in entries}
    order: tuple[Verdict, ...] = ("fail", "unknown", "pass")
    return next((each for each in order if each in found), "unknown")


def explanations(verification: Verification) -> Iterator[str]:
    """What may be behind it, in sentences; untrusted, so not yet safe to print."""
    about = (
        ("the scenario itself changed", verification.scenario_changes),
        ("a default changed", verification.default_changes),
        # Other versions are no news where nothing moved.
        ("it was made with other versions", verification.version_changes if verification.first_moved else ()),
    )
    for what, found in about:
        if found:
            shown = "; ".join(str(change) for change in found[:3])
            yield f"{what}: {shown}" + (f"; and {len(found) - 3:,} more" if len(found) > 3 else "")
    yield from verification.notes


# JSON ---------------------------------------------------------------------------------------------------------------


def as_json(entries: Sequence[Entry]) -> dict[str, Any]:
    """The document of `verify`."""
    return {"schema": SCHEMA, "verdict": overall(entries), "scenarios": [_entry_json(entry) for entry in entries]}


def _entry_json(entry: Entry) -> dict[str, Any]:
    found = entry.verification
    head = {"scenario": entry.scenario, "file": entry.name, "baseline": entry.baseline, "verdict": entry.verdict}
    if found is None:
        return head | {"first_moved": None, "gates": {}, "changes": [NO_BASELINE], "replications": 0, "figures": []}
    return head | {
        "first_moved": found.first_moved,
        "replications": found.replications,
        "changes": list(explanations(found)),
        "gates": {name: {"verdict": gate.verdict, "detail": gate.detail} for name, gate in found.gates.items()},
        "figures": [_moved_json(name, figure) for name, gate in found.gates.items() for figure in gate.figures],
    }


def _moved_json(gate: str, moved: Moved) -> dict[str, Any]:
    change = moved.change
    return {
        "gate": gate,
        "figure": moved.figure,
        "unit": moved.unit,
        "replication": moved.replication,
        "baseline": moved.baseline,
        "now": moved.now,
        "change": None if abs(change) == float("inf") else change,
    }


# JUnit --------------------------------------------------------------------------------------------------------------


def as_junit(entries: Sequence[Entry]) -> bytes:
    """JUnit XML: a test case for each scenario and gate."""
    suite = ET.Element("testsuite", name="tierbench verify")
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for entry in entries:
        gates = {"baseline": None} if entry.verification is None else dict(entry.verification.gates)
        for name, gate in gates.items():
            case = ET.SubElement(suite, "testcase", classname=_xml(entry.name), name=name)
            counts["tests"] += 1
            if gate is None:
                counts["errors"] += 1
                ET.SubElement(case, "error", message=_xml(NO_BASELINE))
            elif gate.verdict == "off":
                counts["skipped"] += 1
                ET.SubElement(case, "skipped", message=_xml(gate.detail))
            elif gate.verdict == "moved":
                counts["failures"] += 1
                failure = ET.SubElement(case, "failure", message=_xml(gate.detail))
                assert entry.verification is not None
                failure.text = "\n".join(map(_xml, (*explanations(entry.verification), *map(str, gate.figures))))
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _xml(text: str) -> str:
    """Text without the characters that XML has no way to say; all others are the library's business."""
    return safe_text(text, TEXT_CHARACTERS_MAX)


# Annotations --------------------------------------------------------------------------------------------------------


def workflow_commands(entries: Sequence[Entry]) -> Iterator[str]:
    """Workflow commands for GitHub: one for each scenario that does not pass."""
    for entry in entries:
        if entry.verdict != "pass":
            level = "error" if entry.verdict == "fail" else "warning"
            title = _property(f"tierbench verify: {safe_text(entry.name)}")
            yield f"::{level} title={title}::{_data(safe_text(entry.reason, TEXT_CHARACTERS_MAX))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# Markdown -----------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[\w ./()=+-]*", re.ASCII)
_MARKUP = re.compile(r"(?i)(?<=www)\.|(?<![a-z0-9])_|_(?![a-z0-9])|:(?! )|[^\w :,;./()%=+→-]", re.ASCII)
"""What Markdown, or a reader of it that makes links, could take for more than a character."""
_SIGNS = {"ok": "✅ ok", "moved": "❌ moved", "off": "off"}


def as_markdown(entries: Sequence[Entry]) -> str:
    """A table with a line for each scenario, and what moved below."""
    lines = [
        f"### tierbench verify: {overall(entries)}",
        "",
        f"| scenario | {' | '.join(GATES)} |",
        f"| --- |{' --- |' * len(GATES)}",
    ]
    for entry in entries:
        gates = {} if entry.verification is None else entry.verification.gates
        cells = [_SIGNS[gates[name].verdict] if name in gates else "no baseline" for name in GATES]
        lines.append(f"| {_code(entry.name)} | {' | '.join(cells)} |")
    for entry in entries:
        if entry.verdict != "pass":
            lines += ["", f"**{_code(entry.name)}**", ""]
            lines += [f"- {_prose(sentence)}" for sentence in _sentences(entry)]
    return "\n".join(lines) + "\n"


def _sentences(entry: Entry) -> Iterator[str]:
    if entry.verification is None:
        yield entry.reason
        return
    yield from explanations(entry.verification)
    for name, gate in entry.verification.gates.items():
        yield f"{name}, {gate.verdict}: {gate.detail}"


def _code(text: str) -> str:
    """A name in the type of code. Within a code span there are no escapes, so only what needs none stands in one."""
    shown = safe_text(text, TEXT_CHARACTERS_MAX)
    return f"`{shown}`" if shown.strip() and _PLAIN.fullmatch(shown) else f"<code>{_entities(shown)}</code>"


def _prose(text: str) -> str:
    return _entities(safe_text(text, TEXT_CHARACTERS_MAX))


def _entities(text: str) -> str:
    """What could be markup by number, which Markdown shows as a character and never obeys."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)
