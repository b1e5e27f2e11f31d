"""Which account of the operating system runs the embedded server."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segmenter.embedded import files
from segmenter.embedded.errors import PostgresError
from segmenter.embedded.files import name_of, opened
from segmenter.embedded.programs import copied

SERVER_USERS = ("postgres", "nobody")  # who runs it for root, since PostgreSQL refuses to run as root


@dataclass(frozen=True)
class Account:
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


def _accounts(owned: Path) -> Iterator[Account]:
    """Yield the accounts that may run a server on the directory, best first."""
    if os.geteuid() != 0:
        yield Account(os.geteuid(), os.getegid())
        return
    user = _server_user(owned.stat().st_uid)
    account = Account(user.pw_uid, user.pw_gid, switch=True)
    yield account
    unshare = shutil.which("unshare")
    if unshare and (user.pw_name in SERVER_USERS or not account.enters(owned.parent)):
        # In a user namespace the server takes itself for that user and root's files for its own, so below a private
        # /root nothing need be opened to others. It makes the data root's, hence never data that a person can use.
        maps = (f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
        yield Account(0, 0, prefix=(unshare, "--user", *maps))


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


def choose_account(data_dir: Path, cluster: Path | None, programs: Path) -> tuple[Account, Path, Path]:
    """Return who runs the server, by which programs, and the parent of the cluster."""
    home = cluster.parent if cluster else data_dir.resolve()
    accounts = list(_accounts(cluster or home))
    for account in accounts:
        if account.enters(home) and account.executes(programs):
            return account, programs, home
    user = accounts[0]
    if user.switch:
        copy = copied(programs)
        if user.executes(copy) and user.enters(home):
            return user, copy, home
        if user.executes(copy) and cluster is None:
            return user, copy, opened(Path(tempfile.mkdtemp(prefix="data-", dir=files.SHARED)))
    raise PostgresError(
        f"{name_of(user.uid)}, who would run the server, cannot execute {programs}/postgres or cannot enter {home}."
        " Move them to where that user may go, choose another data directory, or set DATABASE_URL to a server of your"
        " own."
    )
