"""The order of the packages and of the folders in them: an import that climbs is found before it is merged."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("segmenter", "segments", "contacts", "workspaces")


def linted(root):
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_every_import_goes_down():
    status, said = linted(ROOT)
    assert status == 0, said


PLANTED = [
    # Where, what is imported there, and what is said.
    ("segments/saving/drafts.py", "segments.admin.pins", "segments.saving is not allowed to import segments.admin"),
    ("segments/answers/preview.py", "segments.api.paging", "segments.answers is not allowed to import segments.api"),
    ("segments/engine/audience.py", "segments.commands", "segments.engine is not allowed to import segments.commands"),
    (
        "segments/engine/audience.py",
        "segments.growth.charts",
        "segments.engine is not allowed to import segments.growth",
    ),
    ("segments/rules/check.py", "segments.models", "segments.rules is not allowed to import segments.models"),
    ("segments/admin/pins.py", "segments.api.pins", "segments.admin is not allowed to import segments.api"),
    (
        "contacts/importing/intake.py",
        "contacts.api.imports",
        "contacts.importing is not allowed to import contacts.api",
    ),
    (
        "contacts/columnar/refresh.py",
        "contacts.writing.keys",
        "contacts.columnar is not allowed to import contacts.writing",
    ),
    (
        "contacts/properties.py",
        "contacts.export_formats",
        "contacts.properties is not allowed to import contacts.export_formats",
    ),
    (
        "workspaces/models.py",
        "workspaces.person_authentication",
        "workspaces.models is not allowed to import workspaces.person_authentication",
    ),
    ("contacts/models.py", "segments.models", "contacts is not allowed to import segments"),
    ("segmenter/health.py", "segmenter.urls", "segmenter.health is not allowed to import segmenter.urls"),
    ("segments/engine/cursors.py", "segments.engine.keyset_pages", "No cycles are allowed in segments.engine"),
]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """What is said of the packages with all of these imports, and a module that nobody has given a place."""
    root = tmp_path_factory.mktemp("spoiled")
    left_out = shutil.ignore_patterns("__pycache__", "static", "templates")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", root)
    for where, imported, _ in PLANTED:
        with (root / where).open("a") as file:
            file.write(f"\nimport {imported}\n")
    (root / "segments" / "events.py").touch()
    return linted(root)


@pytest.mark.parametrize(("where", "imported", "says"), PLANTED)
def test_an_import_that_climbs_is_refused(spoiled, where, imported, says):
    status, said = spoiled
    assert (status, says in said) == (1, True), said


def test_a_new_module_is_given_its_place(spoiled):
    status, said = spoiled
    assert (status, "not listed as layers:\n\n- segments.events" in said) == (1, True), said
