"""Segments, and contacts in their light, over HTTP."""
