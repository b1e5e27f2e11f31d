"""The admin's pages of contacts and imports. Django finds this package, and with it what they register."""

from contacts.admin import contacts, imports

__all__ = ["contacts", "imports"]
