"""Contacts and imports over HTTP."""
