"""Bring contacts up to date or add them, from documents and rows."""
