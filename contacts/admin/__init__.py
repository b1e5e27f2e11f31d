"""The admin's pages of imports, and the forms of what segments register. Django finds this package."""

from contacts.admin import imports

__all__ = ["imports"]
