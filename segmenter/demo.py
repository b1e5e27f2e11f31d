"""Make up a demo workspace: believable people, and segments that tell something about them."""

import json
import random
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from contacts import properties
from contacts.columnar.refresh import refresh
from contacts.models import Contact
from contacts.values import Kind, iso, milliseconds
from segments.dialects.draft import Draft
from segments.rules.tree import All, Condition, InSegment, Not, Rule, replaced
from segments.rules.tree import Any as AnyOf
from segments.saving import drafts
from workspaces.models import ApiKey, Member, Role, Scope, Workspace

WORKSPACE_ID = "6660175570fbd8a9c22bedfb"
PEOPLE = 20_000
LOGIN = "admin"

_PROPERTIES = {
    "plan": ("Plan", Kind.TEXT),
    "monthlyFee": ("Monthly fee", Kind.NUMBER),
    "orders": ("Orders", Kind.NUMBER),
    "lastOrderAt": ("Last order", Kind.DATE),
    "trialEndsOn": ("Trial end", Kind.DATE),
    "newsletter": ("Newsletter", Kind.BOOLEAN),
    "interests": ("Interests", Kind.LIST),
}

# Country: how common it is there, telephone prefix, first names (women, men), last names, towns.
_COUNTRIES: dict[str, tuple[int, str, str, str, str, str]] = {
    "ES": (
        30,
        "+346",
        "Ana Lucía Carmen Marta Elena Nuria",
        "Pablo Diego Álvaro Javier Hugo",
        "Ruiz Ortega Núñez Molina Serrano Iglesias Vidal",
        "Madrid Valencia Sevilla Bilbao",
    ),
    "DE": (
        22,
        "+4915",
        "Lena Anna Sophie Mia Katrin Jana",
        "Jonas Felix Lukas Jürgen Björn",
        "Müller Schäfer Weiß Krüger Hoffmann Groß Lang",
        "Berlin Köln München Hamburg",
    ),
    "GB": (
        18,
        "+447",
        "Olivia Amelia Grace Emily Hannah",
        "Oliver Jack Harry George Callum",
        "Smith Taylor Walker Hughes Bennett Clarke",
        "London Leeds Bristol York",
    ),
    "FR": (
        12,
        "+336",
        "Chloé Léa Camille Inès Zoé",
        "Louis Hugo Théo Mathis Noé",
        "Martin Lefèvre Moreau Girard Besson Roche",
        "Paris Lyon Nantes Lille",
    ),
    "PT": (
        8,
        "+3519",
        "Inês Beatriz Matilde Leonor",
        "João Tomás Rui Gonçalo",
        "Silva Santos Ferreira Araújo Lopes",
        "Lisboa Porto Braga Faro",
    ),
    "SE": (
        6,
        "+467",
        "Elsa Alva Astrid Freja",
        "Axel Åke Nils Göran",
        "Andersson Lindqvist Åberg Nyström",
        "Stockholm Malmö Lund Umeå",
    ),
    "PL": (
        4,
        "+485",
        "Zofia Julia Hanna Łucja",
        "Jan Szymon Paweł Łukasz",
        "Nowak Kowalska Wójcik Żak",
        "Warszawa Kraków Łódź Gdańsk",
    ),
}
_INTERESTS = ["running", "cycling", "cooking", "travel", "music", "gardening", "photography"]
_PLANS = {"free": (55, None), "starter": (22, 19), "pro": (16, 79), "team": (7, 249)}


def _pick(rng: random.Random, weights: dict[str, tuple[int, Any]] | dict[str, Any]) -> str:
    return rng.choices(list(weights), [weight for weight, *_ in weights.values()])[0]


def _person(rng: random.Random, now: datetime, number: int, workspace: Workspace) -> Contact:
    country = _pick(rng, _COUNTRIES)
    _, prefix, women, men, surnames, towns = _COUNTRIES[country]
    is_woman = rng.random() < 0.52
    first, last = rng.choice((women if is_woman else men).split()), rng.choice(surnames.split())
    plan = _pick(rng, _PLANS)
    fee = _PLANS[plan][1]
    orders = min(int(rng.expovariate(1 / (14 if fee else 3))), 90)
    joined = now - timedelta(days=1500 * rng.random() ** 1.5)
    custom: dict[str, Any] = {"plan": plan, "orders": orders, "newsletter": rng.random() < 0.6}
    if fee:
        custom["monthlyFee"] = fee * rng.randint(1, 4) if plan == "team" else fee
    if orders:
        custom["lastOrderAt"] = iso(milliseconds(max(joined, now - timedelta(days=rng.expovariate(1 / 70)))))
    if plan == "free" and rng.random() < 0.1:
        custom["trialEndsOn"] = str((now + timedelta(days=rng.randint(0, 30))).date())
    if liked := rng.sample(_INTERESTS, rng.choice([0, 1, 1, 2, 3])):
        custom["interests"] = liked
    profile = {"country": country, "city": rng.choice(towns.split())}
    if rng.random() < 0.8:
        profile["gender"] = "Female" if is_woman else "Male"
    return Contact(
        workspace=workspace,
        external_id=f"C-{number:05d}",
        email=f"{_ascii(first)}.{_ascii(last)}{number}@{rng.choice(['post', 'mail', 'inbox'])}.example",
        phone=prefix + f"{rng.randrange(10**8):08d}" if rng.random() < 0.7 else "",
        first_name=first,
        last_name=last,
        tags=["customer"] * bool(fee) + ["beta"] * (rng.random() < 0.05),
        profile=profile,
        custom=custom,
        created_at=joined,
        updated_at=joined,
    )


def _ascii(name: str) -> str:
    plain = str.maketrans("áéíóúñüöäßçèêëōłżåãôŁŻÁÅ", "aeiounuoasceeeolzaaolzaa")
    return name.translate(plain).lower()


def _custom(name: str, operator: str, value: Any = None) -> Condition:
    return Condition(f"customProperties.{name}", operator, value)


def _segments() -> list[tuple[str, Rule]]:
    """Names and rules; one that names another segment does so by that one's name."""
    paying = _custom("plan", "is", ("pro", "team"))
    iberia = Condition("country", "is", ("ES", "PT"))
    return [
        ("Paying, ordered lately", All((paying, _custom("lastOrderAt", "in_the_last", 30)))),
        ("Paying, gone quiet", All((paying, Not(_custom("lastOrderAt", "in_the_last", 180))))),
        ("Trial ends this week", _custom("trialEndsOn", "in_the_next", {"amount": 1, "unit": "weeks"})),
        ("Big spenders", AnyOf((_custom("monthlyFee", "at_least", 500), _custom("orders", "greater_than", 50)))),
        ("Sporty in Iberia", All((iberia, _custom("interests", "includes", ("running", "cycling"))))),
        (
            "Reachable by letter only",
            All((Not(Condition("phone", "is_known")), Not(_custom("newsletter", "is", True)))),
        ),
        ("Win back in Iberia", All((InSegment("Paying, gone quiet"), iberia))),
    ]


def make_workspace() -> Workspace:
    """The demo workspace, made if it is not there; whatever exists is left as it is."""
    if held := Workspace.objects.filter(pk=WORKSPACE_ID).first():
        return held
    with transaction.atomic():
        workspace = Workspace.objects.create(pk=WORKSPACE_ID, name="Demo shop", timezone="Europe/Madrid")
        properties.declare(workspace, {name: kind for name, (_, kind) in _PROPERTIES.items()})
        for name, (label, _) in _PROPERTIES.items():
            workspace.properties.filter(name=name).update(label=label)
        rng, now = random.Random(20_000), datetime.now(UTC)  # noqa: S311 (the same people every time)
        people = (_person(rng, now, number, workspace) for number in range(1, PEOPLE + 1))
        Contact.objects.bulk_create(people, batch_size=2_000)
        ids: dict[str, str] = {}
        for name, rule in _segments():
            ids[name] = drafts.create(workspace, Draft(name, _by_id(rule, ids), rule_given=True)).pk
    refresh(workspace)
    return workspace


def _by_id(rule: Rule, ids: dict[str, str]) -> Rule:
    return replaced(rule, lambda leaf: InSegment(ids[leaf.segment]) if isinstance(leaf, InSegment) else leaf)


def credentials(workspace: Workspace) -> dict[str, str]:
    """An admin's login and password and an API key, made once and kept in a file that only its owner reads."""
    kept_in: Path = settings.DATA_DIR / "demo.json"
    kept = json.loads(kept_in.read_text()) if kept_in.exists() else {}
    user, is_new = get_user_model().objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new:
        kept["password"] = secrets.token_urlsafe(9)
        user.set_password(kept["password"])
        user.save()
    Member.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role.OWNER})
    if not ApiKey.objects.usable().filter(workspace=workspace, digest=ApiKey.digest_of(kept.get("key", ""))).exists():
        _, kept["key"] = ApiKey.objects.issue(workspace, "quickstart", Scope.WRITE)
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    kept_in.touch(mode=0o600)
    kept_in.write_text(json.dumps(kept))
    return {"login": LOGIN, "password": kept.get("password", "(as you set it)"), "key": kept["key"]}
