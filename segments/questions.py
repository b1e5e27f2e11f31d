"""What is asked before a segment is saved: where it would hold everybody, nobody or mostly others, or undo somebody."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from segments import audience, usage
from segments.live import in_words
from segments.models import Segment
from segments.references import Wanted
from segments.rules.tree import Rule
from workspaces.problems import Invalid


@dataclass(frozen=True)
class Question:
    """`kind` is what a yes names, so that nobody agrees to something else than they read."""

    kind: str
    title: str
    lines: tuple[str, ...]
    yes: str
    seen: str = ""  # the state of the segment that a yes overwrites
    theirs: str = ""  # what giving way is called

    def as_json(self) -> dict[str, object]:
        return {**vars(self), "lines": list(self.lines)}


def about_people(segment: Segment, rule: Rule | None, saved: Segment | None) -> Question | None:
    """`segment` is to get this rule; `saved`: as it is now, None for a new one. Raises Invalid, SnapshotBusy."""
    wanted = [Wanted(rule, saved)]
    try:
        after, *before = audience.several(segment.workspace, [*wanted, *([Wanted(saved.tree, saved)] if saved else [])])
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
            return _much(segment, now.count, added, removed, after.count)
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


def _much(segment: Segment, now: int, added: int, removed: int, after: int) -> Question:
    users = len(usage.users(segment))
    used = [f"Used in {users} {'segment' if users == 1 else 'segments'}."] if users else []
    return Question(
        "change",
        "Change who is in this segment?",
        (f"{counted(now)} today. Saving adds {added:,} and removes {removed:,}, leaving {after:,}.", *used),
        f"Save: {counted(added + removed)} change",
    )


def about_another(segment: Segment, saved: Segment, rule: Rule | None) -> Question:
    """`saved` is what somebody made of it in the meantime; `rule` the one that would overwrite theirs."""
    who = _last_saved_by(saved)
    return Question(
        "over",
        f"{who} saved this segment {ago(saved.updated_at, timezone.now())}",
        (
            f"{saved.name} now: {_people_and_words(saved, saved.tree)}",
            f"{segment.name}, yours: {_people_and_words(saved, rule)}",
        ),
        "Save mine instead",
        saved.updated_at.isoformat(),
        f"Take what {'they' if who == _SOMEBODY else who} saved",
    )


def _people_and_words(segment: Segment, rule: Rule | None) -> str:
    try:
        (found,) = audience.several(segment.workspace, [Wanted(rule, segment)])
        return f"{in_words(segment.workspace, rule)} {counted(found.count).capitalize()}."
    except Invalid as error:
        return f"Nobody can say who is in: {error}"


_SOMEBODY = "Somebody"


def _last_saved_by(segment: Segment) -> str:
    """From the admin's own log; what came over the API is nobody's in particular."""
    kind = ContentType.objects.get_for_model(Segment)
    entry = LogEntry.objects.filter(content_type=kind, object_id=segment.pk, action_time__gte=segment.updated_at)
    last = entry.select_related("user").order_by("-action_time").first()
    return (last.user.get_short_name() or last.user.get_username()) if last else _SOMEBODY


def ago(moment: datetime, now: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if number := minutes // length:
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "a moment ago"
