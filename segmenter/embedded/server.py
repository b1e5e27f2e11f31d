"""Start, find and stop the PostgreSQL server that serves where DATABASE_URL names no other."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.pq import Ping

from segmenter.embedded.accounts import Account, choose_account
from segmenter.embedded.cluster import (
    SETTINGS,
    conninfo,
    end_of_log,
    find_cluster,
    lives,
    major_of,
    pid_of,
    ping,
    recorded,
)
from segmenter.embedded.errors import PostgresError
from segmenter.embedded.files import locked
from segmenter.embedded.programs import find_programs, version_of

PATIENCE = 300.0  # seconds; a server killed amid a large import replays its log before it answers


@dataclass(frozen=True)
class Status:
    """Where the data are (None before the first start) and which process serves them (None while none does)."""

    cluster: Path | None
    pid: int | None


def ensure_running(data_dir: Path) -> str:
    """Return the conninfo of a server that accepts connections, after starting it where needed.

    Its data are in `data_dir`/pg<major>, and it goes on running when this process ends. The call takes milliseconds
    while the server runs, about a second the first time, minutes after a crash in the midst of large writes. Any
    number of processes may call at once. Raises PostgresError when no server can be had.
    """
    with _explained(data_dir):
        cluster = find_cluster(data_dir)
        if cluster is None or ping(cluster) != Ping.OK:
            data_dir.mkdir(parents=True, exist_ok=True)
            with locked(data_dir):
                cluster = _start(data_dir)
        return conninfo(cluster)


def stop(data_dir: Path) -> bool:
    """Stop the server, ending its connections, and return whether one ran. Raises PostgresError."""
    with _explained(data_dir):
        cluster = find_cluster(data_dir)
        if cluster is None:
            return False
        with locked(data_dir):
            if (pid := pid_of(cluster)) is None:
                return False
            os.kill(pid, signal.SIGINT)
            end = time.monotonic() + PATIENCE
            while pid_of(cluster):
                if time.monotonic() > end:
                    raise PostgresError(f"The server {pid} does not stop; {end_of_log(cluster)}")
                time.sleep(0.02)
            return True


def status(data_dir: Path) -> Status:
    """Say where the data are and which process serves them. Raises PostgresError when they are another user's."""
    with _explained(data_dir):
        cluster = find_cluster(data_dir)
        return Status(cluster, pid_of(cluster) if cluster else None)


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PostgresError(
            f"The PostgreSQL server in {data_dir} cannot be used: {error}. Give this user access, choose another data"
            " directory, or set DATABASE_URL to a server of your own."
        ) from error


def _start(data_dir: Path) -> Path:
    """Return the cluster with a server that accepts connections; the caller holds the lock."""
    cluster = find_cluster(data_dir)
    if cluster and (pid := pid_of(cluster)) and _answers(cluster, pid):
        return cluster
    programs = find_programs(major_of(cluster) if cluster else None)
    account, programs, home = choose_account(data_dir, cluster, programs)
    if cluster is None:
        cluster = _create(home, programs, account)
        if home != data_dir.resolve():
            (data_dir / cluster.name).symlink_to(cluster)
    _give(cluster, account)
    end = time.monotonic() + PATIENCE
    while not _answers(cluster, _launch(cluster, programs, account)):
        # Of a killed server, a long query lives on until it ends, and its memory is still in use.
        if "is still in use" not in end_of_log(cluster) or time.monotonic() > end:
            raise PostgresError(f"PostgreSQL did not start; {end_of_log(cluster)}")
        time.sleep(0.5)
    return cluster


def _create(home: Path, programs: Path, account: Account) -> Path:
    """Make a cluster with our database in it, either wholly or not at all."""
    major = version_of(programs) or 0
    builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    locale = builtin if major >= 17 else ("--locale=C.UTF-8",)
    for leftover in home.glob(".postgres-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # After Ctrl-C, children of a killed initdb may still write there; the next start removes what they leave.
    with tempfile.TemporaryDirectory(prefix=".postgres-", dir=home, ignore_cleanup_errors=True) as new:
        os.chown(new, account.uid, account.gid)
        fresh = Path(new) / "data"
        options = ("--username=segmenter", "--auth=trust", "--encoding=UTF8", *locale)
        account.run(programs / "initdb", "-D", fresh, *options)
        single = ("--single", "-D", fresh, "-c", "exit_on_error=on", "postgres")
        account.run(programs / "postgres", *single, text="CREATE DATABASE segmenter\n")
        return fresh.rename(home / f"pg{major}")


def _give(cluster: Path, account: Account) -> None:
    """Make the account the owner of a cluster that root ran as another before."""
    if cluster.stat().st_uid != account.uid:
        for path in (*cluster.rglob("*"), cluster):  # itself last, so that an interruption leaves a trace
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _launch(cluster: Path, programs: Path, account: Account) -> int:
    """Start a server in a session of its own and return its process at once."""
    for name in ("postmaster.pid", f".s.PGSQL.{SETTINGS['port']}.lock"):
        # PostgreSQL takes a zombie, or a stranger with that number, for a live server and refuses to start.
        if (pid := recorded(cluster / name)) and not lives(pid, cluster):
            (cluster / name).unlink()
    log = cluster / "server.log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.replace(cluster / "server.log.1")
    # The shell ends at once, which makes the server no child of ours; it holds no pipe or terminal of ours either.
    script = '"$@" </dev/null >>server.log 2>&1 & echo $!'
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    return int(account.run("sh", "-c", script, "sh", programs / "postgres", "-D", cluster, *settings, cwd=cluster))


def _answers(cluster: Path, pid: int) -> bool:
    """Wait until the server accepts connections, and return whether it does; it does not once its process ended."""
    end, pause = time.monotonic() + PATIENCE, 0.02
    while (answer := ping(cluster)) != Ping.OK:
        if answer == Ping.NO_RESPONSE and not lives(pid, cluster):
            return False
        if time.monotonic() > end:
            raise PostgresError(
                f"The server {pid} accepts no connections after {PATIENCE:.0f} s; {end_of_log(cluster)}"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, 1.0)
    return True
