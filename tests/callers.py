"""People who call the API with a login of their own, as Tiledesk's clients do."""

import base64
import json

from django.contrib.auth.models import User
from django.test import Client

from workspaces.models import Member, Role

PASSWORD = "sesame street 12"


class Caller:
    """Somebody who sends an Authorization header, or none."""

    def __init__(self, authorization=""):
        self.authorization, self.client = authorization, Client(raise_request_exception=False)

    def __call__(self, method, path, body=None, **headers):
        content = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        sent = {"authorization": self.authorization} if self.authorization else {}
        return self.client.generic(
            method, path, content or "", content_type="application/json", headers={**sent, **headers}
        )

    def get(self, path):
        return self("GET", path)

    def post(self, path, body):
        return self("POST", path, body)

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
