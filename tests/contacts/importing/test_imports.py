"""CSV files as people bring them: what is taken in, what is not and why, and what the command says about it."""

import codecs
import csv
import re
import threading
import zoneinfo
from io import BytesIO, StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from contacts import addresses
from contacts.importing import imports, intake
from contacts.importing.csvfile import CsvSource, open_source
from contacts.importing.guesses import looks_like
from contacts.importing.imports import import_contacts
from contacts.models import Contact, ContactMark, Property, SubstitutionTag
from contacts.values import Kind, Refused, as_email, as_phone
from tests import ROOT
from workspaces.problems import Invalid

TELCO = ROOT.parent / "shared" / "data" / "telco-customer-churn.csv"

pytestmark = pytest.mark.django_db(transaction=True)


class Run:
    """The command on a file: what it printed, and what its last line counted."""

    def __init__(self, folder, workspace, content, *options, key="id"):
        self.file = folder / "people.csv"
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.status, out, err = 0, StringIO(), StringIO()
        words = [workspace.pk if workspace else "nowhere", str(self.file), "--key", key, *options]
        try:
            call_command("import_contacts", *words, stdout=out, stderr=err)
        except CommandError as error:
            self.status, self.refusal = error.returncode, str(error)
        self.out, self.err = out.getvalue(), err.getvalue()
        self.last = self.out.splitlines()[-1] if self.out else ""

    def __getattr__(self, name):
        """created, updated, unchanged, duplicates, rejected, rows"""
        return int(re.search(rf"([\d,]+) {name}\b", self.last)[1].replace(",", ""))


@pytest.fixture
def bring(tmp_path, shop):
    """Import a file into the shop."""

    def run(content, *options, key="id"):
        done = Run(tmp_path, shop, content, *options, key=key)
        if done.last:
            parts = done.created + done.updated + done.unchanged + done.duplicates + done.rejected
            assert done.rows == parts, done.last
        return done

    return run


def person(external_id):
    return Contact.objects.get(external_id=external_id)


def custom(external_id="1"):
    return person(external_id).custom


def kinds():
    return dict(Property.objects.values_list("name", "type"))


def last_mark():
    """The number of the newest mark that there ever was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM contacts_contactmark_id_seq")
        return cursor.fetchone()[0]


def nothing_was_written():
    return not (Contact.objects.exists() or Property.objects.exists() or SubstitutionTag.objects.exists())


# --- how files are written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "id,plan\n1,größer\n",
        "id,plan\n1,größer",
        "\n\nid,plan\n\n1,größer\n\n",
        "id,plan\r\n1,größer\r\n",
        "id,plan\r1,größer\r",
        "id;plan\n1;größer\n",
        "id\tplan\n1\tgrößer\n",
        "id|plan\n1|größer\n",
        '"id";"plan"\n"1";"größer"\n',
        " id , plan \n 1 , größer \n",
        "id,plan\n1,gro\u0308ßer\n",
        codecs.BOM_UTF8 + "id,plan\n1,größer\n".encode(),
        codecs.BOM_UTF8 + '"id","plan"\n1,größer\n'.encode(),
        codecs.BOM_UTF16_LE + "id,plan\n1,größer\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "id,plan\n1,größer\n".encode("utf-16-be"),
    ],
)
def test_ada_is_read_however_her_file_is_written(bring, content):
    assert bring(content).created == 1
    assert custom() == {"plan": "größer"}


def test_a_comma_inside_quotes_does_not_speak_for_commas_as_delimiter(bring):
    assert bring('"id";"likes a, b, c, d"\n1;tea\n').created == 1
    assert custom() == {"likes a, b, c, d": "tea"}


def test_a_delimiter_can_be_named(bring):
    assert bring("id:plan,old\n1:pro\n", "--delimiter", ":").created == 1
    assert custom() == {"plan,old": "pro"}
    assert bring("id\tplan\n1\tfree\n", "--delimiter", "tab").updated == 1
    assert bring("id,plan\n1,free\n", "--delimiter", "::").status == 2


def test_quotes_hold_delimiters_quotes_and_line_ends(bring):
    done = bring('id,note,plan\n1,"two\nlines, and ""quotes""",pro\n2,x\n')
    assert (person("1").profile, custom()) == ({"note": 'two\nlines, and "quotes"'}, {"plan": "pro"})
    assert "line 4: has 2 cells, not 3" in done.err


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_latin_1_is_refused_by_line_until_it_is_named(bring, encoding):
    content = "id,plan\n1,pro\n2,größer\n".encode(encoding)
    refused = bring(content)
    assert refused.status == 2
    assert "line 3: is not UTF-8: it holds the byte 0xF6" in refused.refusal
    assert "try the encoding latin-1" in refused.refusal
    assert nothing_was_written()
    assert bring(content, "--encoding", encoding).created == 2
    assert custom("2") == {"plan": "größer"}


def test_the_line_of_a_bad_byte_is_right_far_down_in_a_file(bring):
    content = b"id,plan\r\n" + b"".join(b"%d,gr\xc3\xbcn\r\n" % number for number in range(30_000)) + b"x,\xff\r\n"
    assert "line 30002: is not UTF-8" in bring(content).refusal


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"id,plan\n1,a\n2,b\0c\n", "line 3: holds a NUL character"),
        ("id,plan\n1,a\n".encode("utf-16-le"), "try the encoding utf-16"),
        (b'id,plan\n1,"open\n2,b\n3,c\n', "line 2: is no CSV from here on"),
        (b'id,plan\n1,"a"b\n', "line 2: is no CSV from here on"),
        (codecs.BOM_UTF16_LE + "id,plan\n1,a".encode("utf-16-le") + b"\0", "line 2: is not UTF-16"),
        (b"id,plan\n1,cut \xc3", "line 2: is not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_whole(bring, content, words):
    done = bring(content)
    assert (done.status, done.last) == (2, "")
    assert words in done.refusal
    assert nothing_was_written()


def test_a_file_with_a_header_alone_has_no_rows(bring):
    done = bring("id,plan\n")
    assert (done.status, done.rows) == (0, 0)
    assert nothing_was_written()


def test_what_cannot_be_opened_is_refused(tmp_path, shop):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CommandError, match="cannot be read") as caught:
            call_command("import_contacts", shop.pk, str(path), "--key", "id")
        assert caught.value.returncode == 2


def test_an_unknown_workspace_is_refused_with_those_there_are(tmp_path, shop):
    done = Run(tmp_path, None, "id\n1\n")
    assert done.status == 2
    assert f"{shop.pk}  Demo shop" in done.refusal


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13"])
def test_an_unknown_encoding_is_refused(bring, name):
    assert f"{name} is no encoding" in bring("id\n1\n", "--encoding", name).refusal


# --- which column is which property --------------------------------------------------------------------------------


def test_headers_that_are_called_like_a_built_in_go_there(bring):
    bring("id,First Name,last_name,E-mail,PHONE,team-size,zip\n1,Ada,King,ada@example.com,+34600111222,7,28001\n")
    ada = person("1")
    assert (ada.first_name, ada.last_name, ada.email, ada.phone) == ("Ada", "King", "ada@example.com", "+34600111222")
    assert (ada.profile, ada.custom) == ({"teamSize": 7}, {"zip": 28001})


def test_a_custom_property_that_exists_goes_before_a_built_in_that_is_merely_alike(bring, shop):
    Property.objects.create(workspace=shop, name="Team size", type="text")
    bring("id,Team size\n1,7\n")
    assert custom() == {"Team size": "7"}


def test_columns_can_be_mapped_and_left_out(bring):
    options = ["a=city", "b=customProperties.beta", "c=substitutionTags.coupon", "d=delta", "e=-", "x=y=zeta"]
    bring("id,a,b,c,d,e,x=y\n1,Rome,2,SAVE,4,5,6\n", *(word for option in options for word in ("--map", option)))
    ada = person("1")
    assert (ada.profile, ada.substitution_tags) == ({"city": "Rome"}, {"coupon": "SAVE"})
    assert ada.custom == {"beta": 2, "delta": 4, "zeta": 6}
    assert SubstitutionTag.objects.get().tag == "coupon"


def test_a_column_called_minus_is_not_left_out(bring):
    bring("id,-\n1,x\n")
    assert custom() == {"-": "x"}


def test_a_full_name_is_cut_at_the_first_space(bring):
    bring("id,Full name\n1,Ada King Lovelace\n2,Cher\n")
    assert [(one.first_name, one.last_name) for one in Contact.objects.all()] == [
        ("Ada", "King Lovelace"),
        ("Cher", ""),
    ]


def test_a_full_name_is_left_out_where_its_parts_have_columns(bring):
    assert "Left out: Full name" in bring("id,Full name,First name\n1,Ada King,Augusta\n").out
    assert (person("1").first_name, person("1").last_name) == ("Augusta", "")


def test_tags_are_split_at_commas_and_semicolons(bring, shop):
    Property.objects.create(workspace=shop, name="colours", type="list")
    bring('id,tags,colours\n1,"vip; beta,vip,, ",red;blue\n')
    assert person("1").tags == ["vip", "beta"]
    assert custom() == {"colours": ["red", "blue"]}


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        ("id,plan", ["--key", "customer"], "there is no column customer; there are id, plan"),
        ("id,plan", ["--map", "paln=x"], "there is no column paln"),
        ("id,plan", ["--map", "plan"], "write COLUMN=PROPERTY"),
        ("id,plan", ["--map", "plan=a", "--map", "plan=b"], "plan is mapped twice"),
        ("id,plan,plan", [], "2 columns are called plan"),
        ("id,,plan", [], "column 2 has no name"),
        ("id,Email,e-mail", [], "column e-mail: goes to email, as Email does"),
        ("id,External id", [], "column External id: goes to externalId, as id does"),
        ("id,a,b", ["--map", "a=x", "--map", "b=x"], "column b: goes to customProperties.x, as a does"),
        ("id,createdAt", [], "column createdAt: createdAt cannot be set by anybody"),
        ("id,plan", ["--map", "plan=customProperties.email"], "column plan: is the name of a built-in property"),
        ("id,plan", ["--map", "plan=customProperties."], "column plan: goes to a property without a name"),
        ("id,plan", ["--map", "plan=substitutionTags."], "column plan: goes to a substitution tag without a name"),
        ("id,plan", ["--map", "id=plan2"], "column id: is the key, which can only go to externalId, email or phone"),
        ("id,plan", ["--map", "id=-"], "column id: is the key"),
        ("id," + "x" * 201, [], "is longer than 200 characters"),
        ('id,"a\nb"', [], "holds a control character"),
        ("id," + ",".join(f"p{number}" for number in range(501)), [], "this would add 501; a workspace can have 500"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused_before_anything_is_written(bring, header, options, words):
    done = bring(f"{header}\n1,a,b\n", *options)
    assert done.status == 2
    assert words in done.refusal
    assert nothing_was_written()


def test_everything_that_is_wrong_with_a_header_is_said_at_once(bring):
    done = bring("id,Email,E-mail,createdAt,\n1,a,b,c,d\n", "--map", "x=y", key="nobody")
    assert [line.partition(":")[0] for line in done.refusal.splitlines()] == [
        "header",
        "key",
        "map",
        "column createdAt",
        "column E-mail",
    ]


# --- what the cells look like --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ("1 -2 3.50 0 .5 0.25", Kind.NUMBER),
        ("123456789012345", Kind.NUMBER),
        ("0.30000000000000004 40.416775400000001 2.0", Kind.TEXT),
        ("0.30000000000000004 40.4167754 2.0", Kind.NUMBER),
        ("1234567890123456", Kind.TEXT),
        ("1 1234567890123456", Kind.TEXT),
        ("007", Kind.TEXT),
        ("28001 08001", Kind.TEXT),
        ("1e5", Kind.TEXT),
        ("+34600111222", Kind.TEXT),
        ("1,5", Kind.TEXT),
        ("1.", Kind.TEXT),
        ("NaN", Kind.TEXT),
        ("inf", Kind.TEXT),
        ("٣", Kind.TEXT),
        ("true false", Kind.BOOLEAN),
        ("TRUE False", Kind.BOOLEAN),
        ("true 1", Kind.TEXT),
        ("yes no", Kind.TEXT),
        ("2024-02-29", Kind.DATE),
        ("2024-02-29 2024-06-01T10:00:00Z 2024-06-01T10:00", Kind.DATE),
        ("2023-02-29", Kind.TEXT),
        ("0000-00-00", Kind.TEXT),
        ("20240601", Kind.NUMBER),
        ("01/02/2024", Kind.TEXT),
        ("2024-06-01 5", Kind.TEXT),
        ("", Kind.TEXT),
        ("n/a 1 2 3", Kind.TEXT),
    ],
)
def test_a_new_column_has_the_one_kind_that_all_its_cells_look_like(bring, cells, kind):
    rows = "".join(f"{line};{cell};\n" for line, cell in enumerate(["", *cells.split(" "), "  "]))
    assert bring(f"id;x;nothing\n{rows}").rejected == 0
    assert kinds() == {"x": kind, "nothing": "text"}


def test_values_are_kept_in_the_form_of_their_kind(bring):
    bring("id,number,half,flag,day,moment,text\n1, 7 ,0.50,TRUE,2024-06-01,2024-06-01T10:00+02:00, two  words \n")
    assert custom() == {
        "number": 7,
        "half": 0.5,
        "flag": True,
        "day": "2024-06-01",
        "moment": "2024-06-01T08:00:00.000Z",
        "text": "two  words",
    }


def test_the_line_that_made_a_column_text_is_named(bring):
    done = bring("id,spend\n1,10\n2,\n3,12\n4,n/a\n5,13\n6,?\n", "-v", "2")
    assert "spend became text: line 5 holds 'n/a', though 3 of 5 look like a number" in done.out
    assert "spend became" not in bring("id,spend\n1,10\n4,n/a\n").out


def test_a_property_that_exists_keeps_its_type_and_refuses_what_does_not_fit(bring, shop):
    Property.objects.create(workspace=shop, name="spend", type="number")
    Property.objects.create(workspace=shop, name="zip", type="text")
    done = bring("id,spend,zip\n1,1e2,28001\n2,n/a,\n3,5,\n")
    assert (done.created, done.rejected) == (2, 1)
    assert custom() == {"spend": 100, "zip": "28001"}
    assert "line 3, spend, 'n/a': is not a number" in done.err


# --- who is who ----------------------------------------------------------------------------------------------------


def test_the_same_file_a_second_time_changes_nothing_and_marks_nobody(bring):
    content = (
        "id,Full name,email,tags,spend,since,coupon,city\n"
        "1,Ada King,ada@example.com,vip;beta,10,2024-06-01,A,Rome\n2,Bob,,,2.50,,,\n"
    )
    options = ("--map", "coupon=substitutionTags.coupon")
    assert bring(content, *options).created == 2
    before = list(Contact.objects.values())
    marks = last_mark()
    again = bring(content, *options)
    assert (again.unchanged, again.created, again.updated) == (2, 0, 0)
    assert list(Contact.objects.values()) == before
    assert last_mark() == marks


def test_a_blank_cell_says_nothing_and_properties_that_the_file_lacks_stay(bring):
    bring("id,first name,city,plan,spend,tags\n1,Ada,Rome,pro,10,vip\n")
    assert bring("id,first name,city,plan,country,spend,tags\n1, ,,free,Italy,,\n").updated == 1
    ada = person("1")
    assert (ada.first_name, ada.tags, ada.profile) == ("Ada", ["vip"], {"city": "Rome", "country": "Italy"})
    assert ada.custom == {"plan": "free", "spend": 10}


def test_an_update_is_dated(bring):
    bring("id,plan\n1,free\n2,free\n")
    before = {one.external_id: one.updated_at for one in Contact.objects.all()}
    bring("id,plan\n1,pro\n2,free\n")
    assert person("1").updated_at > before["1"]
    assert person("2").updated_at == before["2"]


def test_a_list_that_gets_shorter_is_a_change(bring, shop):
    Property.objects.create(workspace=shop, name="colours", type="list")
    bring("id,colours,tags\n1,red;blue,a;b\n")
    assert bring("id,colours,tags\n1,red,a\n").updated == 1
    assert (custom(), person("1").tags) == ({"colours": ["red"]}, ["a"])


def test_somebody_in_the_trash_comes_back_with_her_external_id(bring, shop):
    Contact.objects.create(workspace=shop, external_id="1", lifecycle="trashed")
    assert bring("id\n1\n").updated == 1
    assert person("1").lifecycle == "active"


def test_external_ids_tell_people_apart_by_case_and_by_workspace(bring, rival):
    theirs = Contact.objects.create(workspace=rival, external_id="a1", first_name="Eve")
    assert bring("id,first name\na1,Ada\nA1,Alan\n").created == 2
    theirs.refresh_from_db()
    assert theirs.first_name == "Eve"


@pytest.mark.parametrize("header", ["email", "E-mail"])
def test_an_e_mail_key_finds_the_first_live_person_with_the_address_whatever_its_case(bring, shop, rival, header):
    Contact.objects.create(workspace=rival, email="ada@example.com")
    Contact.objects.create(workspace=shop, email="ada@example.com", lifecycle="trashed")
    first = Contact.objects.create(workspace=shop, email="Ada@Example.com")
    second = Contact.objects.create(workspace=shop, email="ada@example.com")
    done = bring(f"{header},plan\nADA@example.com,pro\nbob@example.com,free\n", key=header)
    assert (done.updated, done.created) == (1, 1)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.email, first.custom, second.custom) == ("ADA@example.com", {"plan": "pro"}, {})
    assert Contact.objects.get(email="bob@example.com").external_id == ""
    assert bring(f"{header},plan\nADA@example.com,pro\nbob@example.com,free\n", key=header).unchanged == 2


def test_a_phone_key_finds_the_number_however_it_is_written(bring):
    bring("phone,plan\n+34 600 111 222,pro\n+44 (0)20 7946 0958,pro\n", key="phone")
    done = bring("phone,plan\n+34-600-111-222,pro\n+442079460958,free\n", key="phone")
    assert (done.unchanged, done.updated) == (1, 1)
    assert sorted(Contact.objects.values_list("phone", flat=True)) == ["+34600111222", "+442079460958"]


def test_a_key_of_another_name_can_be_mapped_to_the_e_mail_address(bring):
    bring("login\nada@example.com\n", "--map", "login=email", key="login")
    assert Contact.objects.get().email == "ada@example.com"
    assert bring("E-mail\nada@example.com\n", "--map", "E-mail=externalId", key="E-mail").created == 1
    assert person("ada@example.com").email == ""


def test_nobody_is_given_an_external_id_that_is_somebody_elses(bring, shop):
    Contact.objects.create(workspace=shop, email="eve@example.com", external_id="1")
    Contact.objects.create(workspace=shop, email="dan@example.com", external_id="4")
    done = bring(
        "email,External id\nada@example.com,1\nbob@example.com,2\ncy@example.com,2\neve@example.com,1\n"
        "fay@example.com,4\ndan@example.com,4\n",
        key="email",
    )
    assert (done.created, done.unchanged, done.rejected) == (1, 2, 3)
    assert "line 2, External id, '1': is somebody else's external id" in done.err
    assert "line 4, External id, '2': is the external id of somebody further up" in done.err
    assert "line 6, External id, '4': is somebody else's external id" in done.err


def test_two_imports_at_once_make_each_person_once(tmp_path, shop):
    content = "email,plan\n" + "".join(f"ada{number}@example.com,pro\n" for number in range(3000))
    by_id = "id,plan\n" + "".join(f"{number},pro\n" for number in range(3000))
    outcomes, barrier = [], threading.Barrier(4)

    def run(text, key):
        barrier.wait()
        try:
            outcomes.append(import_contacts(shop, BytesIO(text.encode()), key))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=job) for job in [(content, "email"), (by_id, "id")] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Contact.objects.count() == 6000
    assert Contact.objects.values("email").exclude(email="").distinct().count() == 3000
    assert sum(outcome.created for outcome in outcomes) == 6000
    assert sum(outcome.rows for outcome in outcomes) == 12000


def test_a_batch_that_others_got_in_the_way_of_is_repeated(shop, monkeypatch):
    Contact.objects.create(workspace=shop, external_id="1")
    real, calls = intake.write, []

    def unlucky(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise psycopg.errors.DeadlockDetected
        return real(*arguments)

    monkeypatch.setattr(intake, "write", unlucky)
    outcome = import_contacts(shop, BytesIO(b"id,plan\n1,pro\n2,pro\n"), "id")
    assert (outcome.updated, outcome.created, len(calls)) == (1, 1, 2)


# --- rows that are not taken ---------------------------------------------------------------------------------------


def test_a_bad_row_is_left_out_whole_and_the_others_are_taken(bring, tmp_path):
    rejects = tmp_path / "rejects.csv"
    done = bring(
        "id,email,plan\n1,ada@example.com,pro\n,bob@example.com,pro\n3,carol@,pro\n4,dan@example.com\n"
        f"5,eve@example.com,{'x' * 10_001}\n{'6' * 1001},,\n7,,a,b\n  ,,\n9,,free\n",
        "--rejects",
        str(rejects),
    )
    assert (done.status, done.created, done.rejected) == (0, 2, 7)
    assert list(Contact.objects.values_list("external_id", flat=True)) == ["1", "9"]
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == [
        "line 3, id, ''",
        "line 4, email, 'carol@'",
        "line 5",
        f"line 6, plan, '{'x' * 39}…'",
        f"line 7, id, '{'6' * 39}…'",
        "line 8",
        "line 9, id, ''",
    ]
    with rejects.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["line"] for row in rows] == ["3", "4", "5", "6", "7", "8", "9"]
    assert rows[1]["column"] == "email"
    assert rows[1]["value"] == "carol@"
    assert "is not an e-mail address" in rows[1]["reason"]
    assert rows[3]["value"] == "x" * 10_001


def test_every_bad_cell_of_a_row_is_named_and_the_row_counted_once(bring, shop):
    Property.objects.create(workspace=shop, name="spend", type="number")
    done = bring("id,email,spend\n1,carol@,much\n2,,1\n")
    assert (done.created, done.rejected, len(done.err.splitlines())) == (1, 1, 2)


def test_twenty_rejects_are_shown_and_the_rest_counted(bring):
    done = bring("id,email\n" + "".join(f"{number},nobody@\n" for number in range(1234)) + "x,\n")
    assert len(done.err.splitlines()) == 21
    assert done.err.splitlines()[-1] == "and 1,214 more; --rejects FILE writes them all"


def test_the_status_is_1_when_every_row_is_rejected(bring):
    done = bring("id,email\n1,nobody@\n2,nobody@\n")
    assert (done.status, done.rejected) == (1, 2)
    assert not Contact.objects.exists()


def test_rejects_are_not_written_over_the_file_itself(bring, tmp_path):
    done = bring("id\n1\n", "--rejects", str(tmp_path / "people.csv"))
    assert done.status == 2
    assert (tmp_path / "people.csv").read_text() == "id\n1\n"
    assert bring("id\n1\n", "--rejects", str(tmp_path / "none" / "r.csv")).status == 2


def test_of_rows_with_the_same_key_the_last_counts(bring):
    done = bring("id,plan,city\n1,free,Rome\n2,free,\n1,pro,\n1,team,\n")
    assert (done.created, done.duplicates) == (2, 2)
    assert (person("1").custom, person("1").profile) == ({"plan": "team"}, {})
    assert done.err.splitlines() == ["line 2, id, '1': is replaced by line 5", "line 4, id, '1': is replaced by line 5"]
    assert bring("id,plan,city\n1,free,Rome\n2,free,\n1,pro,\n1,team,\n").unchanged == 2


def test_a_bad_row_does_not_replace_a_good_one(bring):
    done = bring("id,email,plan\n1,ada@example.com,pro\n1,ada@,free\n1,x\n")
    assert (done.created, done.duplicates, done.rejected) == (1, 0, 2)
    assert custom() == {"plan": "pro"}


def test_duplicates_are_found_across_batches_and_a_second_import_changes_nothing(bring, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 10)
    rows = [f"ada{number % 30}@example.com,{number},plan{number}" for number in range(100)]
    content = "email,n,plan\n" + "\n".join(rows)
    done = bring(content, key="email")
    assert (done.created, done.duplicates) == (30, 70)
    assert sorted(one.custom["n"] for one in Contact.objects.all()) == list(range(70, 100))
    assert bring(content, key="email").unchanged == 30
    assert "and 50 more" in done.err


def test_addresses_that_differ_in_case_alone_are_one_person(bring):
    done = bring("email,plan\nAda@example.com,free\nada@EXAMPLE.com,pro\n", key="email")
    assert (done.created, done.duplicates) == (1, 1)
    assert Contact.objects.get().email == "ada@example.com"


def test_addresses_that_only_the_database_takes_for_the_same_are_one_person_too(bring):
    done = bring("email,plan\nİda@example.com,free\nida@example.com,pro\n", key="email")
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('İ') = 'i'")
        [same] = cursor.fetchone()
    assert (done.created, done.duplicates) == ((1, 1) if same else (2, 0))


# --- trying it out -------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_writes_nothing(bring, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 2)
    bring("id,plan\n1,free\n2,free\n")
    before = list(Contact.objects.values())
    done = bring("id,plan,spend,coupon\n1,pro,1,\n2,free,,\n3,,,A\n4,,,B\n3,,,C\n5,x\n", "--dry-run")
    assert (done.updated, done.unchanged, done.created, done.duplicates, done.rejected) == (1, 1, 2, 1, 1)
    assert "Nothing was written" in done.out
    assert list(Contact.objects.values()) == before
    assert kinds() == {"plan": "text"}
    assert ContactMark.objects.count() == 0


def test_an_import_leaves_the_snapshot_up_to_date(bring):
    bring("id,plan\n1,free\n2,free\n")
    assert ContactMark.objects.count() == 0


def test_the_command_says_where_the_columns_go(bring, shop):
    Property.objects.create(workspace=shop, name="zip", type="text")
    done = bring("id,First name,spend,zip,x\n1,Ada,10,28001,y\n", "--map", "x=-")
    assert done.out.splitlines()[:4] == [
        "Key: id, as externalId",
        "Known: First name → firstName, zip",
        "New: spend (number)",
        "Left out: x",
    ]
    assert re.fullmatch(r"1 rows: 1 created, 0 updated, 0 unchanged, 0 duplicates, 0 rejected in \d+\.\d s", done.last)


# --- shortcuts that must not show ----------------------------------------------------------------------------------


def outcome_of(function, text):
    try:
        return function(text)
    except Refused as error:
        return f"refused: {error}"


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com", "ada.k_1+x@EXAMPLE.com", "Ada@example.com", "POSTMASTER@example.com", "ada@", "@example.com",
        "ada", "a..b@example.com", ".ada@example.com", "ada@exa mple.com", "ada@example", "ada@localhost", "ada@x.test",
        "ada@münchen.de", "ada@xn--mnchen-3ya.de", "zoë@example.com", f"{'a' * 65}@example.com", "ada@[127.0.0.1]",
        f"ada@{'x' * 64}.com", f"ada@{'x.' * 120}com", "Ada <ada@example.com>", "ada@example.com>", "a@b@example.com",
        '"a b"@example.com', "ada@-x.com", "ada@x-.com", "ada@example.c0m", "ada@example.com.",
    ],
)  # fmt: skip
def test_the_quick_way_to_read_an_address_gives_what_the_slow_one_gives(text):
    assert outcome_of(addresses.email, text) == outcome_of(as_email, text)


@pytest.mark.parametrize(
    "text",
    [
        "+34600111222", "+34 600 111 222", "+4402079460958", "+442079460958", "+490301234567", "+390612345678",
        "+5491123456789", "+541123456789", "+5215512345678", "+525512345678", "+16502530000", "+116502530000",
        "+1234567", "+9999999999", "+999", "+78001234567", "+551512345678", "600111222", "00 34 600111222", "+0123456789",
        "+800123456789", "+2110921026483", "+3580482317", "+9809381098035", "tel:+34600111222", "+34600111222 ext. 5",
    ],
)  # fmt: skip
def test_the_quick_way_to_read_a_number_gives_what_the_slow_one_gives(text):
    assert addresses.phone(text) == as_phone(text)


def test_the_last_day_of_the_calendar_is_a_text_because_it_never_ends():
    assert looks_like("9999-12-30", zoneinfo.ZoneInfo("UTC")) is Kind.DATE
    assert looks_like("9999-12-31", zoneinfo.ZoneInfo("UTC")) is Kind.TEXT


def test_a_source_can_be_read_again_and_again():
    file = BytesIO(b"id,plan\n1,free\n")
    source = open_source(file)
    assert isinstance(source, CsvSource)
    assert [list(source.records()) for _ in range(2)] == [[(1, ["id", "plan"]), (2, ["1", "free"])]] * 2
    assert not file.closed


def test_a_pipe_is_refused(shop):
    class Pipe(BytesIO):
        def seekable(self):
            return False

    with pytest.raises(Invalid, match="cannot be a pipe"):
        import_contacts(shop, Pipe(b"id\n1\n"), "id")


# --- a real file ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not TELCO.exists(), reason="the file is not there")
def test_the_customers_of_a_telephone_company_are_taken_in_exactly(shop, capsys):
    call_command("import_contacts", "Demo shop", str(TELCO), "--key", "customerID")
    assert "7,043 rows: 7,043 created, 0 updated, 0 unchanged, 0 duplicates, 0 rejected" in capsys.readouterr().out
    types = kinds()
    assert len(types) == 19
    assert [types[name] for name in ("TotalCharges", "tenure", "SeniorCitizen", "Churn")] == ["number"] * 3 + ["text"]
    assert Contact.objects.exclude(custom__has_key="TotalCharges").count() == 11
    anna = person("7590-VHVEG")
    assert (anna.profile, anna.custom["MonthlyCharges"], anna.custom["Churn"]) == ({"gender": "Female"}, 29.85, "No")
    call_command("import_contacts", "Demo shop", str(TELCO), "--key", "customerID")
    assert "7,043 unchanged" in capsys.readouterr().out
