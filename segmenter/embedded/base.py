"""Django's PostgreSQL backend, connected to the embedded server, which is started when it is needed."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg.conninfo import conninfo_to_dict

from segmenter.embedded import server


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        """Where the embedded server listens, with the database name that Django asks for (tests have their own)."""
        where = conninfo_to_dict(server.ensure_running(settings.DATA_DIR))
        where.pop("dbname", None)
        return {**super().get_connection_params(), **where}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        try:
            connection: Connection[Any] = super().get_new_connection(conn_params)
        except OperationalError:
            # The server may have been killed between the two lines above: it is started again, once.
            connection = super().get_new_connection(self.get_connection_params())
        return connection
