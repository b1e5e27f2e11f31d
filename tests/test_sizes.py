"""How large a file and a class may grow before it has to be told apart by subject."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 400  # of a file
MOST_LINES_OF_A_CLASS = 150
WRITTEN = {".py"}
EXEMPT = {"tests", "migrations", "vendor"}  # folders of which a file is counted nowhere

listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
FILES = [
    path
    for path in map(Path, listed.stdout.splitlines())
    if path.suffix in WRITTEN and EXEMPT.isdisjoint(path.parts) and (ROOT / path).exists()
]


def lines(path):
    return len((ROOT / path).read_text().splitlines())


def classes(path):
    """The length of each by its name. One of a script ends at the first brace that stands at the margin."""
    text = (ROOT / path).read_text()
    if path.suffix == ".py":
        found = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ClassDef)]
        return {each.name: each.end_lineno - each.lineno + 1 for each in found}
    found = re.finditer(r"^(?:export )?(?:default )?class (\w+).*?^}", text, re.MULTILINE | re.DOTALL)
    return {each[1]: each[0].count("\n") + 1 for each in found}


@pytest.mark.parametrize("suffix", sorted(WRITTEN))
def test_no_file_is_longer_than_four_hundred_lines(suffix):
    files = [path for path in FILES if path.suffix == suffix]
    assert files
    assert {str(path): lines(path) for path in files if lines(path) > MOST_LINES} == {}


@pytest.mark.parametrize("suffix", [".py"])
def test_no_class_is_longer_than_a_hundred_and_fifty_lines(suffix):
    files = [path for path in FILES if path.suffix == suffix]
    found = {f"{path}: {name}": length for path in files for name, length in classes(path).items()}
    assert found
    assert {name: length for name, length in found.items() if length > MOST_LINES_OF_A_CLASS} == {}
