"""What goes wrong with the embedded server."""


class PostgresError(Exception):
    """The server cannot be used; the message says what is wrong, where, and what to do."""
