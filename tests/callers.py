"""Those who call the API and the admin: programs with a key, people with a login, members of staff in a browser."""

import base64
import json

from django.contrib.auth.models import User
from django.test import Client

from workspaces.models import Member, Role

PASSWORD = "sesame street 12"
UNKNOWN = "6684f0911504d49e7c00312e"  # an id of nothing


class Sender:
    """Whoever speaks JSON and sends a key in a header, or none."""

    header: str

    def __init__(self, key=""):
        self.key, self.client = key, Client(raise_request_exception=False)

    def __call__(self, method, path, body=None, **headers):
        content = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        sent = {self.header: self.key} if self.key else {}
        return self.client.generic(
            method, path, content or "", content_type="application/json", headers={**sent, **headers}
        )

    def post(self, path, body):
        return self("POST", path, body)


class Api(Sender):
    """A program that holds a key."""

    header = "x-api-key"

    def get(self, path, **query):
        return self.client.get(path, query, headers={self.header: self.key})

    def patch(self, path, body):
        return self("PATCH", path, body)


class Caller(Sender):
    """Somebody with a login of their own, as Tiledesk's clients have."""

    header = "authorization"

    def get(self, path):
        return self("GET", path)

    def put(self, path, body):
        return self("PUT", path, body)


def basic(email, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()


def person(email, workspace=None, role=Role.AGENT):
    user = User(username=email, email=email, first_name="Ana", last_name="Agent")
    user.set_password(PASSWORD)
    user.save()
    if workspace is not None:
        Member.objects.create(user=user, workspace=workspace, role=role)
    return user


def join(workspace, name, role):
    """The browser of a member of staff, who may belong to other workspaces already."""
    user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True})
    Member.objects.create(workspace=workspace, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client
