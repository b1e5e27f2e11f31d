"""Measure the engine against SQL and against bare Polars over the same contacts; `manage.py benchmark` runs it."""
