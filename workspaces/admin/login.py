"""The admin's login page, behind the same count of failed logins as the API."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from workspaces import logins


class LoginForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return self.cleaned_data
        assert self.request is not None
        try:
            with logins.attempt(name, self.request):
                return super().clean()
        except logins.TooManyLogins as error:
            vars(self.request)["login_wait"] = error.seconds
            raise ValidationError(str(error)) from None


admin.site.login_form = LoginForm


def login(request: HttpRequest) -> HttpResponse:
    answer = admin.site.login(request)
    if seconds := vars(request).get("login_wait"):
        answer.status_code = 429
        answer["Retry-After"] = str(seconds)
    return answer
