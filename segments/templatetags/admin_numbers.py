"""Numbers as the admin writes them: whole and grouped; what nobody can say as a dash."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
