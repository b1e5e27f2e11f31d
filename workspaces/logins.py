"""Keep passwords from being guessed: failed logins by login name and address, counted before anything is hashed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from workspaces import tallies
from workspaces.tallies import limiter

SECONDS = 5 * 60


class TooManyLogins(Exception):
    """So many have failed that no other is looked at for some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = int(seconds) + 1
        super().__init__(f"Too many attempts. Try again in {self.seconds} seconds.")


@contextmanager
def attempt(login: str, request: HttpRequest | Request) -> Iterator[None]:
    """Count a login as a failed one until the end of the block is reached. Raises TooManyLogins.

    By name and address, so that nobody is kept out by a stranger elsewhere, and by address, because each costs a
    hash. It makes no difference whether there is such a name.
    """
    address = address_of(request)
    limits = (
        (_name("login", login.strip().lower(), address), settings.LOGIN_FAILURES),
        (_name("address", address), settings.LOGIN_FAILURES_BY_ADDRESS),
    )
    for name, limit in limits:
        _take(name, limit)
    tallies.tidy()
    yield
    own, all_names = (name for name, _ in limits)
    limiter.forget(own)
    limiter.give_back(all_names)


def count_sign_up(request: HttpRequest | Request) -> None:
    """Raises TooManyLogins."""
    _take(_name("sign-up", address_of(request)), settings.LOGIN_FAILURES)


def _take(name: str, limit: int) -> None:
    if limit and (wait := limiter.take(name, limit, SECONDS)):
        raise TooManyLogins(wait)


def _name(*words: str) -> str:
    """What somebody typed as a login may be a password, and of any length."""
    return f"{words[0]}:{hashlib.blake2b(repr(words).encode(), digest_size=16).hexdigest()}"


def address_of(request: HttpRequest | Request) -> str:
    """Where a request comes from: an IPv4 address, or the 64 bits of an IPv6 address that one customer has."""
    text = request.META.get("REMOTE_ADDR") or ""
    if settings.PROXIES:
        # Each proxy adds who it heard from at the end; what stands before those of ours, a client may have made up.
        told = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-settings.PROXIES :]
        text = told[0].strip() or text
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or f"{int(address) >> 64:x}::/64")
    return str(address)
