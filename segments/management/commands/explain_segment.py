"""manage.py explain_segment: why one person is in a segment or not, condition by condition."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any

from django.core.management.base import BaseCommand

from contacts.commands import called, find_contact
from segments.answers import explanations
from segments.commands import find_segment
from segments.references import RuleWithPins
from segments.rules.explanation import Denial, Explanation, Group, Leaf, Membership, Node, Pinned
from segments.rules.words import moment_in_words
from workspaces.commands import refuse_problems
from workspaces.problems import Invalid

MARKS = {True: "✓", False: "✗"}
HEADINGS = {"all": "all of these", "any": "at least one of these"}
DENIED = {"all": "not all of these", "any": "none of these"}


class Command(BaseCommand):
    help = "Explain why a person is in a segment or not. The last line is in or out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segment", help="its id, or its name where only one segment has it")
        parser.add_argument("contact", help="the person's id, e-mail address or external id")

    def handle(self, *args: Any, **options: Any) -> None:
        segment = find_segment(options["segment"])
        contact = find_contact(segment.workspace.contacts.all(), options["contact"])
        try:
            found = explanations.explain(segment.workspace, RuleWithPins(segment.tree, segment), contact.pk)
        except Invalid as error:
            refuse_problems(error, status=1)
        self.stdout.write(f"{called(contact)}\nSegment: {segment.name} ({segment.workspace})\n\n")
        for line in lines(found, segment.workspace.zone):
            self.stdout.write(line)
        self.stdout.write(f"\n{found.why}\n{'in' if found.is_in else 'out'}")


# --- the tree ------------------------------------------------------------------------------------------------------

Row = tuple[str, str]  # what a node says, indented, and what the person has


def lines(explanation: Explanation, zone: tzinfo) -> Iterator[str]:
    """The tree, what is stored in a column of its own, and the pin."""
    rows = list(_Tree(zone).rows(explanation, ""))
    width = max((len(words) for words, stored in rows if stored), default=0)
    for words, stored in rows:
        yield f"{words:<{width}}   {stored}" if stored else words


class _Tree:
    def __init__(self, zone: tzinfo) -> None:
        self.zone, self.explained = zone, set[str]()

    def rows(self, explanation: Explanation, indent: str) -> Iterator[Row]:
        if explanation.rule:
            yield from self.node(explanation.rule, indent)
        if explanation.pin:
            yield f"{indent}{_pinned(explanation.pin, self.zone)}", ""

    def node(self, node: Node, indent: str) -> Iterator[Row]:
        mark = f"{indent}{MARKS[node.met]}"
        match node:
            case Leaf():
                yield f"{mark} {node.words}", _has(node)
            case Denial(part=Leaf() as leaf):
                yield f"{mark} {node.words}", _has(leaf)
            case Group(parts=(part,)):
                yield from self.node(part, indent)
            case Group(parts=()) | Denial(part=Group(parts=())):
                yield f"{mark} {node.words}", ""
            case Group(joiner=joiner, parts=parts):
                yield from self.heading(f"{mark} {HEADINGS[joiner]}", parts, indent)
            case Denial(part=Group(joiner=joiner, parts=parts)):
                yield from self.heading(f"{mark} {DENIED[joiner]}", parts, indent)
            case Membership():
                yield from self.membership(f"{mark} {node.words}", node, indent)
            case Denial(part=Membership() as membership):
                yield from self.membership(f"{mark} {node.words}", membership, indent)
            case Denial(part=part):
                yield from self.heading(f"{mark} not", [part], indent)

    def heading(self, words: str, parts: Iterable[Node], indent: str) -> Iterator[Row]:
        yield words, ""
        for part in parts:
            yield from self.node(part, f"{indent}  ")

    def membership(self, words: str, node: Membership, indent: str) -> Iterator[Row]:
        """Each segment is shown once, where it comes first."""
        if node.member.segment in self.explained:
            yield f"{words} (see above)", ""
            return
        self.explained.add(node.member.segment)
        yield words, ""
        yield from self.rows(node.explanation, f"{indent}    ")


def _has(leaf: Leaf) -> str:
    if leaf.stored.value is None:
        return "has nothing"
    return f"has {leaf.stored.shown}" + ("" if leaf.stored.fits else ", which counts as missing")


def _pinned(pin: Pinned, zone: tzinfo) -> str:
    done = {"included": "put in by hand", "excluded": "kept out by hand"}[pin.kind]
    words = f"{done} by {pin.author}" if pin.author else done
    if pin.expires is not None:
        words += f", until {moment_in_words(pin.expires, zone)}" + ("" if pin.in_force else " (which is over)")
    return f"{words}: {' '.join(pin.reason.split())}" if pin.reason else words
