"""Say a checked rule as an English sentence that is true, also of people with nothing set."""

from collections.abc import Callable
from datetime import UTC, datetime

from contacts.values import Kind
from segments.rules.check import AllOf, AnyOf, Checked, Member, NotOf, Test, tests
from workspaces.problems import listed

NameOf = Callable[[str], str]


def sentence(rule: Checked, segment_name: NameOf = lambda segment: f"segment {segment}") -> str:
    """One sentence, and a second one where it matters what becomes of people without a value."""
    match rule:
        case AllOf(()):
            return "Everyone."
        case AnyOf(()):
            return "Nobody."
        case AllOf((part,)) | AnyOf((part,)):
            return sentence(part, segment_name)
    denied = list(dict.fromkeys(_label(test) for test in _in_denied_groups(rule)))
    note = f" Inside the denied brackets, having no {listed(denied)} counts as not met." if denied else ""
    return f"People {_clause(rule, segment_name)}.{note}"


def _clause(rule: Checked, name: NameOf) -> str:
    match rule:
        case Test():
            return _said(rule)
        case NotOf(Test() as test):
            return _denied(test)
        case Member(segment):
            return f"who are in {_quoted(name(segment))}"
        case NotOf(Member(segment)):
            return f"who are not in {_quoted(name(segment))}"
        case NotOf(part):
            return f"not ({_clause(part, name)})"
        case AllOf(()):
            return "who are anybody"
        case AnyOf(()):
            return "who are nobody"
        case AllOf(rules):
            return " and ".join(_part(part, name) for part in rules)
        case AnyOf(rules):
            return " or ".join(_part(part, name) for part in rules)


def _part(rule: Checked, name: NameOf) -> str:
    """Brackets wherever "and" and "or" could be read two ways."""
    clause = _clause(rule, name)
    return f"({clause})" if isinstance(rule, AllOf | AnyOf) and len(rule.rules) > 1 else clause


def _said(test: Test) -> str:
    if test.operator.name == "is_known":
        return f"who have a value for {_label(test)}"
    return f"whose {_label(test)} {test.operator.says.format(_values(test))}"


def _denied(test: Test) -> str:
    if test.operator.name == "is_known":
        return f"who have no {_label(test)}"
    return f"whose {_label(test)} {test.operator.denies.format(_values(test, denied=True))} (or who have none)"


def _values(test: Test, denied: bool = False) -> str:
    shown = [_date(text) if test.property.kind is Kind.DATE else _quoted(text) for text in test.shown]
    together = test.operator.name in ("between", "includes_all")
    return listed(shown, "and" if together else "or")


def _label(test: Test) -> str:
    """In mid-sentence: "plan" for Plan, but NPS and TotalCharges as they are."""
    label = test.property.label
    return label[:1].lower() + label[1:] if label[1:].islower() else label


def _quoted(text: str) -> str:
    """Quotes only where the sentence could be misread."""
    odd = any(mark in text for mark in ',"()') or text != text.strip() or text != " ".join(text.split())
    return f'"{text}"' if odd or not text or {"and", "or", "not"} & set(text.lower().split()) else text


def _date(text: str) -> str:
    """1 Jun 2024 for a day, 1 Jun 2024, 10:00 UTC for an instant; a period stays as it is."""
    try:
        moment = datetime.fromisoformat(text.strip().upper().replace(" Z", "Z"))
    except ValueError:
        return text
    day = f"{moment.day} {moment:%b} {moment.year}"
    if len(text.strip()) == 10:
        return day
    clock = f"{moment:%H:%M}" if moment.second == 0 else f"{moment:%H:%M:%S}"
    if moment.tzinfo is None:
        return f"{day}, {clock}"
    zone = "UTC" if moment.utcoffset() == UTC.utcoffset(None) else f"UTC{moment:%z}"
    return f"{day}, {clock} {zone}"


def _in_denied_groups(rule: Checked) -> list[Test]:
    """The conditions whose missing values count in favour, because a whole group of them is denied."""
    match rule:
        case NotOf(Test() | Member()):
            return []
        case NotOf(part):
            return [test for test in tests(part) if test.operator.name != "is_known"]
        case AllOf(rules) | AnyOf(rules):
            return [test for part in rules for test in _in_denied_groups(part)]
    return []
