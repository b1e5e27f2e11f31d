"""What is asked before a segment is saved: where it would hold everybody, nobody or mostly others, or undo somebody."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from pyroaring import BitMap64

from contacts.models import Contact
from segments import usage
from segments.answers.preview import in_words
from segments.engine import audience, evaluation
from segments.engine.audience import Audience
from segments.models import Segment
from segments.references import RuleWithPins
from segments.rules.difference import Marked, marked
from segments.rules.tree import Rule
from segments.saving import versions
from workspaces.problems import Invalid

SAMPLE = 10  # people


@dataclass(frozen=True)
class SampledPerson:
    name: str
    page: str


@dataclass(frozen=True)
class Some:
    """A few of the people whom a save adds or removes."""

    title: str
    people: tuple[SampledPerson, ...]


@dataclass(frozen=True)
class Side:
    """One of two rules between which somebody has to choose, with the words in which it differs marked."""

    whose: str
    says: Marked
    people: str  # how many


@dataclass(frozen=True)
class Question:
    """`kind` is what a yes names, so that nobody agrees to something else than they read."""

    kind: str
    title: str
    lines: tuple[str, ...]
    yes: str
    no: str = "Keep editing"
    seen: str = ""  # the state of the segment that a yes overwrites
    theirs: str = ""  # what giving way is called
    sides: tuple[Side, ...] = ()
    some: tuple[Some, ...] = ()

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def about_people(segment: Segment, rule: Rule | None, saved: Segment | None) -> Question | None:
    """`segment` is to get this rule; `saved`: as it is now, None for a new one. Raises Invalid, SnapshotBusy."""
    wanted = [RuleWithPins(rule, saved)]
    try:
        after, *before = audience.several(
            segment.workspace, [*wanted, *([RuleWithPins(saved.tree, saved)] if saved else [])]
        )
    except Invalid:  # as it was saved nobody can read it; the new rule has passed its checks
        (after,), before = audience.several(segment.workspace, wanted), []
    if after.people == 0 or (rule is None and saved is None):
        return None
    if after.count == after.people:
        return _everyone(segment, after.people)
    if after.count == 0:
        return _nobody(segment, rule)
    for now in before:
        added, removed = (after - now).count, (now - after).count
        if 2 * (added + removed) > now.count:
            return _much(segment, now, after)
    return None


def counted(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def _everyone(segment: Segment, people: int) -> Question:
    whom = "the only person" if people == 1 else f"all {people:,} people"
    return Question(
        "everyone",
        "Save a segment of everyone?",
        (
            f"This rule matches {whom} in {segment.workspace}.",
            "Whatever is sent to this segment goes to all of them.",
        ),
        "Save for everyone",
    )


def _nobody(segment: Segment, rule: Rule | None) -> Question:
    says = in_words(segment.workspace, rule)
    return Question(
        "nobody",
        "Save a segment that is empty now?",
        ("No one matches today. Whoever comes to match joins at once:", says),
        "Save it empty",
    )


def _much(segment: Segment, now: Audience, after: Audience) -> Question:
    come, gone = after - now, now - after
    added, removed = come.count, gone.count
    return Question(
        "change",
        "Change who is in this segment?",
        (
            f"{counted(now.count)} today. Saving adds {added:,} and removes {removed:,}, leaving {after.count:,}.",
            *_staying(segment, now),
            *_used(segment),
        ),
        f"Save: {counted(added + removed)} change",
        some=tuple(
            Some(_some(number, done), tuple(map(_person, of.sample(SAMPLE))))
            for of, number, done in ((come, added, "added"), (gone, removed, "removed"))
            if number
        ),
    )


def _staying(segment: Segment, now: Audience) -> list[str]:
    included, _ = evaluation.pinned([segment], now.now)[segment.pk]
    staying = len(BitMap64(included) & now.ids()) if len(included) else 0
    if not staying:
        return []
    return [f"{spelled(staying).capitalize()} pinned {'person stays' if staying == 1 else 'people stay'}."]


def _used(segment: Segment) -> list[str]:
    users = len(usage.users(segment))
    return [f"Used in {users} {'segment' if users == 1 else 'segments'}."] if users else []


def _some(number: int, done: str) -> str:
    """How a few of them are headed."""
    if number > SAMPLE:
        return f"{spelled(SAMPLE).capitalize()} of the {number:,} people {done}"
    return f"The {'person' if number == 1 else f'{spelled(number)} people'} {done}"


def _person(contact: Contact) -> SampledPerson:
    return SampledPerson(str(contact), reverse("admin:contacts_contact_change", args=[contact.pk]))


def about_another(mine: Segment, saved: Segment, whose: str = "Yours") -> Question:
    """`saved` is what somebody made of it in the meantime; `mine` as it would overwrite theirs."""
    last = versions.latest([saved]).get(saved.pk)
    who, number = versions.author_of(last), last.number if last else 0
    changes = versions.changes(saved, mine, versions.names(saved.workspace, [saved, mine]))
    return Question(
        "over",
        f"{who} saved version {number} {ago(saved.updated_at, timezone.now())}",
        (
            *([f"It was saved {versions.saved_by(last)}."] if last and last.author is None else []),
            *([f"What saving yours changes in it: {'; '.join(versions.shortened(changes))}."] if changes else []),
        ),
        f"Save mine as version {number + 1}",
        no="Keep editing mine",
        seen=versions.state(saved, last),
        theirs=f"Take {who}'s" if last and last.author else "Take theirs",
        sides=_sides(saved, mine, (f"{who}'s rule", whose)),
    )


def _sides(saved: Segment, mine: Segment, whose: tuple[str, str]) -> tuple[Side, ...]:
    people = versions.counts(saved, {False: saved, True: mine})
    found = [counted(count) if isinstance(count, int) else count for count in (people[False], people[True])]
    return tuple(map(Side, whose, marked(_says(saved), _says(mine)), found))


def _says(segment: Segment) -> str:
    try:
        return in_words(segment.workspace, segment.tree)
    except Invalid as error:
        return f"Nobody can say who is in: {error}"


def ago(moment: datetime, now: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if number := minutes // length:
            return f"{spelled(number)} {unit}{'' if number == 1 else 's'} ago"
    return "a moment ago"


_NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def spelled(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"
