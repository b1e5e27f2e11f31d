"""JSON as somebody types it."""

import json
import math
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError

from contacts.values import Refused, as_opaque


class JsonField(forms.Field):
    """JSON, an object or a list, that stands as it was typed until it is right. Nothing typed: an empty one."""

    widget = AdminTextareaWidget

    def __init__(self, shape: type, **kwargs: Any) -> None:
        self.shape = shape
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)

    def to_python(self, value: str | None) -> Any:
        if not (value or "").strip():
            return self.shape()
        try:
            found = as_opaque(
                json.loads(value or "", object_pairs_hook=_object, parse_constant=_no, parse_float=_finite)
            )
        except Refused as error:
            raise ValidationError(f"This {error}.") from None
        except ValueError as error:
            raise ValidationError(f"This is not JSON: {error}.") from None
        except RecursionError:
            raise ValidationError("This is nested too deeply.") from None
        if not isinstance(found, self.shape):
            raise ValidationError(
                'Give a list, like ["a", "b"].' if self.shape is list else 'Give an object, like {"a": 1}.'
            )
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return not same(initial, self.to_python(data))
        except ValidationError:
            return True


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are written alike: for Python 1 equals true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Refused(f"names {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _no(constant: str) -> Any:
    raise Refused(f"holds {constant}, which JSON does not have")


def _finite(numeral: str) -> float:
    if not math.isfinite(float(numeral)):
        raise Refused(f"holds a number that is too large, {numeral}")
    return float(numeral)
