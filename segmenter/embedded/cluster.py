"""Where the data of the embedded server are, and which process serves them."""

import hashlib
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from segmenter.embedded.errors import PostgresError
from segmenter.embedded.files import name_of

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "log_checkpoints": "off",
}


def find_cluster(data_dir: Path) -> Path | None:
    """Return the directory of the newest major version with data, without symbolic links."""
    if not data_dir.exists():
        return None
    clusters = [path for path in data_dir.iterdir() if re.fullmatch(r"pg\d+", path.name)]
    if not clusters:
        return None
    cluster = max(clusters, key=major_of).resolve()
    owner = cluster.stat().st_uid
    if os.geteuid() in (0, owner):
        return cluster
    allowed = " or ".join(sorted({"root", name_of(owner)}))
    raise PostgresError(
        f"The data in {cluster} belong to {name_of(owner)}, and you are {name_of(os.geteuid())}. Run this as {allowed},"
        " choose another data directory, or set DATABASE_URL to a server of your own."
    )


def major_of(cluster: Path) -> int:
    return int(cluster.name.removeprefix("pg"))


def conninfo(cluster: Path, **more: str) -> str:
    host, port = str(_socket_directory(cluster)), SETTINGS["port"]
    return make_conninfo(host=host, port=port, user="segmenter", dbname="segmenter", **more)


def _socket_directory(cluster: Path) -> Path:
    """Return a path of the cluster that fits in the address of a socket: itself, or a link in /tmp."""
    # The kernel takes 107 bytes at most with the socket's own name, and to libpq a comma separates two hosts.
    if len(os.fsencode(cluster)) <= 90 and "," not in str(cluster):
        return cluster
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    link = Path(f"/tmp/segmenter-{os.geteuid()}-{digest}")
    with suppress(FileExistsError):
        link.symlink_to(cluster)
    if link.lstat().st_uid != os.geteuid() or link.readlink() != cluster:
        raise PostgresError(f"{link} is not our link to {cluster}. Remove it and try again.")
    return link


def ping(cluster: Path) -> Ping:
    return Ping(PGconn.ping(conninfo(cluster, connect_timeout="5").encode()))


def pid_of(cluster: Path) -> int | None:
    pid = recorded(cluster / "postmaster.pid")
    return pid if pid and (ping(cluster) != Ping.NO_RESPONSE or lives(pid, cluster)) else None


def recorded(file: Path) -> int | None:
    try:
        return int(file.read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def lives(pid: int, cluster: Path) -> bool:
    """Whether the process is a live server of the cluster.

    That the process exists is not enough: it may be a zombie that nobody reaps, or a stranger that got its number
    after the machine or the container started anew.
    """
    try:
        if not Path("/proc/self/cmdline").exists():  # macOS, which reaps
            os.kill(pid, 0)
            return True
        for _ in range(20):
            if words := Path(f"/proc/{pid}/cmdline").read_bytes():
                return os.fsencode(cluster) in words.split(b"\0")
            time.sleep(0.01)  # while a process turns into another program it has no words for a moment
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False


def end_of_log(cluster: Path) -> str:
    """Quote the end of the server's log."""
    log = cluster / "server.log"
    end = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else ["(nothing)"]
    return "\n  ".join([f"{log} ends:", *end])
