"""The admin's pages of workspaces, members and keys. Django finds this package, and with it what they register."""

from workspaces.admin import keys, members, workspaces

__all__ = ["keys", "members", "workspaces"]
