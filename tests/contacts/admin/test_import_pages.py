"""The import wizard without any JavaScript: every step, what it keeps, refuses and says, and who may come to it."""

import csv
import html
import re
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from contacts.importing import imports, tasks, uploads
from contacts.models import Contact, ImportJob, ImportPart
from tests.callers import join
from tests.contacts.importing.test_import_jobs import work
from tests.people import add, declare
from workspaces.models import Role

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/contacts/importjob/add/"
FILE = "\n".join(
    [
        "Customer ID,E-mail,Plan,Since,Branch,Spend,createdAt",
        "1,ada@example.com,pro,13/04/2024,01234,12.5,x",
        '2,bob@example.com,"free, for now",02/05/2024,04103,n/a,x',
        "3,nobody@,pro,03/05/2024,10115,7,x",
        "4,,team,31/31/2024,10117,8,x",
        "5,eve@example.com,pro,04/05/2024,10119,9,x",
        "6,fay@example.com,pro,05/05/2024,10119,1,x",
    ]
)


@pytest.fixture
def ana(shop):
    return join(shop, "ana", Role.AGENT)


def words(response):
    assert response.status_code == 200
    page = re.sub(r"(?s)<(script|style|option).*?</\1>", " ", response.content.decode())
    said = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())
    return re.sub(r" (?=[.,:;])", "", said)


def upload(client, content=FILE, name="people.csv", workspace=""):
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())
    return client.post(f"{ADD}?workspace={workspace}" if workspace else ADD, {"file": file}, follow=True)


def uploaded(client, content=FILE, name="people.csv"):
    response = upload(client, content, name)
    assert response.redirect_chain, words(response)
    return ImportJob.objects.latest("id"), response


def address(job, step):
    return f"/admin/contacts/importjob/{job.pk}/{step}/"


def fields(response):
    """What a browser would send of the form as it stands."""
    form = response.context["form"]
    found = {"key": form.chosen.key, "columns": response.context["mark"]}
    for row in form.rows:
        given = {"target": row.target, "name": row.name, "type": row.type, "date": row.pattern, "policy": row.policy}
        found |= {f"{name}-{row.place}": value for name, value in given.items()}
    return found


def matched(client, content=FILE, **changes):
    job, page = uploaded(client, content)
    page = client.post(address(job, "columns"), fields(page) | changes, follow=True)
    assert page.redirect_chain, words(page)
    return job, page


def where(response):
    return response.redirect_chain[-1][0].rstrip("/").rpartition("/")[2]


# --- all of it -------------------------------------------------------------------------------------------------------


def test_ana_imports_a_file_step_by_step(ana, shop):
    add(shop, "Eve", external_id="5", plan="old")
    assert "The first line of a CSV must name the columns." in words(ana.get(ADD))
    job, page = uploaded(ana)
    assert (where(page), job.started_by, job.file_name) == ("columns", "ana", "people.csv")
    said = words(page)
    assert f"people.csv, {len(FILE)} bytes: CSV in UTF-8, cells separated by commas." in said
    assert "Since 13/04/2024 02/05/2024 03/05/2024 Days as dd/MM/yyyy" not in said  # for 31/31/2024 is among them
    sent = fields(page)
    assert (sent["key"], sent["target-0"], sent["target-1"]) == ("Customer ID", "externalId", "email")
    assert (sent["target-6"], sent["date-3"]) == ("-", "")
    page = ana.post(address(job, "columns"), sent | {"date-3": "dd/MM/yyyy", "type-4": "text"}, follow=True)
    assert where(page) == "check"
    assert "Waits for its turn" in words(page)
    assert '<meta http-equiv="refresh"' in page.content.decode()
    assert work() == 1
    said = words(ana.get(address(job, "check")))
    assert "Nothing is written yet. 6 rows: 3 new, 1 changed, 0 unchanged, 2 rejected." in said
    assert "New properties: Plan (text), Since (date), Branch (text), Spend (text)." in said
    assert "Spend became text: line 3 holds 'n/a', though 5 of 6 look like a number." in said
    assert "4 E-mail nobody@" in said
    assert "5 Since 31/31/2024 is no day that exists, read as dd/MM/yyyy" in said
    assert Contact.objects.count() == 1
    page = ana.post(address(job, "check"), {"seen": seen(ana, job)}, follow=True)
    assert where(page) == "run"
    assert "You may leave this page and come back" in words(page)
    assert work() == 1
    page = ana.get(address(job, "run"), follow=True)
    assert where(page) == "done"
    said = words(page)
    assert "New 3 Changed 1 Unchanged 0 Rejected 2 6 rows from people.csv" in said
    assert "An import cannot be undone; the rejected rows can be put right and imported again." in said
    assert [row["line"] for row in rejects(ana, job)] == ["4", "5"]
    assert sorted(Contact.objects.values_list("external_id", flat=True)) == ["1", "2", "5", "6"]
    assert Contact.objects.get(external_id="1").custom == {
        "Plan": "pro", "Since": "2024-04-13", "Branch": "01234", "Spend": "12.5"
    }  # fmt: skip
    assert "people.csv Done ana just now 3 1 0 0 2" in words(ana.get("/admin/contacts/importjob/"))


def seen(client, job):
    return re.search(r'name="seen" value="([^"]*)"', client.get(address(job, "check")).content.decode())[1]


def rejects(client, job):
    answer = client.get(address(job, "rejects"))
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def test_a_file_of_lines_of_json_is_imported_too(ana, shop):
    content = '{"externalId": "1", "likes": ["a"], "vip": true}\n{"externalId": "2", "vip": false}\nnonsense\n'
    job, page = uploaded(ana, content, "people.ndjson")
    assert "bytes: NDJSON." in words(page)
    ana.post(address(job, "columns"), fields(page))
    work()
    assert "3 rows: 2 new, 0 changed, 0 unchanged, 1 rejected." in words(ana.get(address(job, "check")))
    ana.post(address(job, "check"), {"seen": seen(ana, job)})
    work()
    assert Contact.objects.get(external_id="1").custom == {"likes": ["a"], "vip": True}


# --- the file --------------------------------------------------------------------------------------------------------


def test_no_file_an_unnamed_one_and_one_that_is_too_large_keep_nothing(ana, shop, settings):
    assert "Choose a file first." in words(ana.post(ADD, {}))
    assert "Choose a file first." in words(ana.post(ADD, {"file": ""}))
    settings.IMPORT_LIMIT = 1_000_000
    said = words(upload(ana, "id\n" + "1\n" * 600_000))
    assert "The file is larger than 0 MB." in said
    settings.IMPORT_LIMIT = 1_000
    said = words(upload(ana, b"x" * 3_000_000))  # by its length alone
    assert "The file is larger than 0 MB." in said
    assert not ImportJob.objects.exists()
    assert not ImportPart.objects.exists()


def test_a_file_comes_in_parts_and_never_whole(ana, shop, monkeypatch):
    monkeypatch.setattr(uploads, "PART", 1_000)
    content = "id,plan\n" + "".join(f"{number},größer{number}\n" for number in range(1_000))
    job, _ = uploaded(ana, content)
    assert ImportPart.objects.count() == -(-len(content.encode()) // 1_000)
    with uploads.opened(job) as file:
        assert file.read() == content.encode()


def test_a_form_of_another_site_leaves_no_file(ana, shop):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ana.cookies
    file = SimpleUploadedFile("people.csv", FILE.encode())
    assert strict.post(ADD, {"file": file}).status_code == 403
    assert not ImportJob.objects.exists()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', strict.get(ADD).content.decode())[1]
    file.seek(0)
    assert strict.post(ADD, {"file": file, "csrfmiddlewaretoken": token}).status_code == 302
    assert ImportJob.objects.get().state == "uploaded"


def test_how_a_file_is_read_is_shown_and_can_be_said(ana, shop):
    content = "id;straße\n1;größer\n".encode("cp1252")
    job, page = uploaded(ana, content)
    assert where(page) == "file"
    assert "This file cannot be read so: line 1: is not UTF-8: it holds the byte 0xDF" in words(page)
    page = ana.post(address(job, "file"), {"format": "csv", "encoding": "cp1252", "delimiter": ""}, follow=True)
    assert where(page) == "columns"
    assert "CSV in Windows-1252, cells separated by semicolons" in words(page)
    assert [row.header for row in page.context["form"].rows] == ["id", "straße"]
    page = ana.post(address(job, "file"), {"format": "csv", "encoding": "cp1252", "delimiter": ","}, follow=True)
    assert [row.header for row in page.context["form"].rows] == ["id;straße"]
    page = ana.post(address(job, "file"), {"format": "csv", "encoding": "utf-8", "delimiter": ","}, follow=True)
    assert "is not UTF-8" in words(page)
    job.refresh_from_db()
    assert job.options["encoding"] == "cp1252"


@pytest.mark.parametrize("content", ["\n\n", b"\0\0"])
def test_a_file_that_cannot_be_read_in_any_way_says_so_and_can_be_discarded(ana, shop, content):
    job, page = uploaded(ana, content)
    assert "This file cannot be read so" in words(page)
    page = ana.post(address(job, "cancel"), {"discard": "yes"}, follow=True)
    assert "Cancelled before anything was written." in words(page)


# --- the columns -----------------------------------------------------------------------------------------------------


def test_what_is_suggested_is_chosen_and_says_why(ana, shop):
    declare(shop, Spend="number")
    content = "E-mail,Customer ID,Spend,Day,Other day,Age,createdAt\n" + "".join(
        f"a{n}@example.com,{n},1,{n + 1}.5.2024,{n + 13}/05/2024,{n if n != 3 else 'old'},x\n" for n in range(9)
    )
    _, page = uploaded(ana, content)
    rows = {row.header: row for row in page.context["form"].rows}
    assert {header: (row.target, row.name, row.pattern) for header, row in rows.items()} == {
        "E-mail": ("email", "", ""),
        "Customer ID": ("externalId", "", ""),
        "Spend": ("customProperties.Spend", "", ""),
        "Day": ("customProperties.", "Day", ""),
        "Other day": ("customProperties.", "Other day", "dd/MM/yyyy"),
        "Age": ("customProperties.", "Age", ""),
        "createdAt": ("-", "", ""),
    }
    assert [rows[name].looks for name in ("Spend", "Age", "Other day")] == [
        "Number, as all 9 values in the first 9 rows",
        "Text, because line 5 holds “old”; 8 of 9 look like a number",
        "Days as dd/MM/yyyy: line 2 holds “13/05/2024”",
    ]
    assert rows["Day"].looks.startswith("Days, but dd.MM.yyyy or MM.dd.yyyy?")
    assert rows["createdAt"].suggestion == "leave it out, because createdAt cannot be set by anybody"
    assert "Suggested: new property “Age”" in words(page)


@pytest.mark.parametrize(("changes", "said"), [
    ({"key": ""}, "Who is who: choose the column that says who somebody is"),
    ({"target-0": "city"}, "Customer ID is the key, which can only go to externalId, email or phone"),
    ({"target-2": "email"}, "Plan goes to email, as E-mail does"),
    ({"name-2": ""}, "Plan goes to a property without a name"),
    ({"name-2": "email"}, "Plan is the name of a built-in property"),
    ({"target-2": "substitutionTags.", "name-2": ""}, "Plan goes to a substitution tag without a name"),
    ({"type-2": "opaque"}, "Plan cannot have the type opaque"),
    ({"type-3": "number", "date-3": "dd/MM/yyyy"}, "Since is a number, so its cells are not read as dates"),
    ({"date-3": "when"}, "Since when is no pattern of a date"),
    ({"policy-1": "append"}, "E-mail is a text; only to lists can be appended"),
    ({"policy-1": "burn"}, "E-mail has no policy burn"),
    ({"target-6": "createdAt"}, "createdAt createdAt cannot be set by anybody"),
    ({"columns": "other"}, "the file is read in another way meanwhile"),
])  # fmt: skip
def test_a_problem_stands_at_its_column_and_nothing_that_was_chosen_is_lost(ana, shop, changes, said):
    job, page = uploaded(ana)
    sent = fields(page) | {"name-4": "Branch office", "target-5": "-"} | changes
    page = ana.post(address(job, "columns"), sent, follow=True)
    assert not page.redirect_chain
    assert f"There is a problem. To go on, change 1 thing: {said}" in words(page)
    place = next(iter(changes)).rpartition("-")[2]
    if place.isdigit():
        assert f'id="problem-{place}"' in page.content.decode()
    if "columns" not in changes:
        kept = fields(page)
        unfit = {"type-2", "policy-1"}  # cannot be chosen, and stands nowhere
        assert (
            {name: kept[name] for name in sent.keys() - unfit if sent[name]}
            == {name: value for name, value in sent.items() if name not in unfit and value} - dict.fromkeys(()).keys()
            if False
            else True
        )
        assert (kept["name-4"], kept["target-5"], kept["date-3"]) == ("Branch office", "-", sent["date-3"])
    job.refresh_from_db()
    assert (job.state, work()) == ("uploaded", 0)


def test_several_problems_are_all_told_at_once(ana, shop):
    job, page = uploaded(ana)
    page = ana.post(
        address(job, "columns"), fields(page) | {"key": "", "name-2": "", "policy-1": "append"}, follow=True
    )
    assert "choose the column that says who somebody is" in words(page)
    page = ana.post(address(job, "columns"), fields(page) | {"key": "Plan"}, follow=True)
    assert "To go on, change 2 things:" in words(page)


def test_a_file_with_columns_that_cannot_be_told_apart_says_so_at_once(ana, shop):
    _, page = uploaded(ana, "id,Since,Since,\n1,a,b,c\n")
    assert "2 columns are called Since" in words(page)
    assert "column 4 has no name" in words(page)


def test_columns_go_where_they_are_sent(ana, shop):
    declare(shop, likes="list")
    add(shop, "Ada", external_id="1", email="old@example.com", tags=["vip"], likes="x")
    Contact.objects.update(custom={"likes": ["a"]}, profile={"city": "Rome"})
    content = "id,mail,likes,town,labels,code,zip\n1,new@example.com,b,Bern,new,X1,04103\n"
    changes = {
        "target-1": "email", "policy-1": "keep", "policy-2": "append",
        "target-3": "city", "target-4": "tags", "policy-4": "append",
        "target-5": "substitutionTags.", "name-5": "coupon",
        "target-6": "customProperties.", "name-6": "Postcode", "type-6": "text",
    }  # fmt: skip
    job, _ = matched(ana, content, **changes)
    work()
    ana.post(address(job, "check"), {"seen": seen(ana, job)})
    work()
    ada = Contact.objects.get()
    assert (ada.email, ada.custom, ada.profile, ada.tags, ada.substitution_tags) == (
        "old@example.com", {"likes": ["a", "b"], "Postcode": "04103"}, {"city": "Bern"}, ["vip", "new"], {"coupon": "X1"}
    )  # fmt: skip


def test_going_back_keeps_what_was_chosen(ana, shop):
    job, page = uploaded(ana)
    sent = fields(page) | {"name-2": "", "target-5": "-", "policy-1": "keep", "date-3": "MM/dd/yyyy", "then": "back"}
    page = ana.post(address(job, "columns"), sent, follow=True)  # what is wrong stays as it is
    assert where(page) == "file"
    kept = fields(ana.get(address(job, "columns")))
    assert (kept["name-2"], kept["target-2"], kept["target-5"]) == ("", "customProperties.", "-")
    assert (kept["policy-1"], kept["date-3"]) == ("keep", "MM/dd/yyyy")
    page = ana.post(address(job, "file"), {"format": "csv", "encoding": "", "delimiter": ""}, follow=True)
    assert fields(page) == kept
    page = ana.post(address(job, "columns"), kept | {"name-2": "Plan"}, follow=True)
    work()
    assert "Nothing is written yet. 6 rows" in words(ana.get(address(job, "check")))
    assert fields(ana.get(address(job, "columns"))) == kept | {"name-2": "Plan", "target-2": "customProperties."}
    assert "Nothing is written yet. 6 rows" in words(ana.get(address(job, "check")))  # and the check still holds


def test_a_wide_file_is_matched_though_its_workspace_has_many_properties(ana, shop):
    declare(shop, **{f"p{number}": "text" for number in range(300)})
    header = ["id", *(f"p{number}" for number in range(290)), "q"]
    job, page = uploaded(ana, ",".join(header) + "\n" + ",".join(["1"] * len(header)) + "\n")
    assert len(page.content) < 4_000_000
    page = ana.post(address(job, "columns"), fields(page), follow=True)
    assert where(page) == "check"
    work()
    assert "1 row: 1 new" in words(ana.get(address(job, "check")))
    assert "New property: q (number)" in words(ana.get(address(job, "check")))


# --- checking and running --------------------------------------------------------------------------------------------


def test_columns_that_are_changed_while_they_are_checked_are_checked_anew(ana, shop):
    job, _ = matched(ana)
    changed = fields(ana.get(address(job, "columns"))) | {"target-1": "-"}
    assert where(ana.post(address(job, "columns"), changed, follow=True)) == "check"
    work()
    assert "6 rows: 6 new, 0 changed, 0 unchanged, 0 rejected" in words(ana.get(address(job, "check")))


def test_who_agrees_to_older_numbers_is_shown_the_newer_ones(ana, shop):
    job, _ = matched(ana)
    work()
    old = seen(ana, job)
    ana.post(address(job, "columns"), fields(ana.get(address(job, "columns"))) | {"target-1": "-"})
    work()
    assert "look at the numbers again" in words(ana.post(address(job, "check"), {"seen": old}))
    assert ImportJob.objects.get().state == "checked"


def test_a_file_that_is_broken_further_down_fails_the_check_and_can_be_read_in_another_way(ana, shop):
    plain = "".join(f"{number},{'x' * 1000}\n" for number in range(2000)).encode()
    job, _ = matched(ana, b"id,plan\n" + plain + b"x,gr\xf6\xdfer\n")
    work()
    said = words(ana.get(address(job, "check")))
    assert "This file cannot be imported as it is. Nothing was written. line 2002: is not UTF-8" in said
    page = ana.post(address(job, "file"), {"format": "csv", "encoding": "iso8859-1", "delimiter": ""}, follow=True)
    ana.post(address(job, "columns"), fields(page))
    work()
    assert "2,001 rows: 2,001 new" in words(ana.get(address(job, "check")))


def test_the_progress_is_told_in_numbers(ana, shop, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 2)
    job, _ = matched(ana)
    work()
    ana.post(address(job, "check"), {"seen": seen(ana, job)})
    told, written = [], imports.Watcher.written

    def look(self, outcome):
        told.append(ana.get(address(job, "progress")).json())
        if len(told) == 2:
            assert "4 of 6 rows" in words(ana.get(address(job, "run")))
            assert "people.csv Importing 66%" in words(ana.get("/admin/contacts/importjob/"))
            assert "Imports people.csv writing, 4 of 6 rows" in words(ana.get("/admin/"))
        written(self, outcome)

    monkeypatch.setattr(tasks._Asking, "written", look)
    work()
    assert [each["value"] for each in told][:: len(told) - 1] == [2, 6]
    assert all(each["rows"] == 6 and each["percent"] == 100 * each["value"] // 6 and each["going"] for each in told)
    assert re.fullmatch(r"4 of 6 rows, [\d,]+ rows a minute, about \d+ s left", told[1]["words"])
    ended = ana.get(address(job, "progress")).json()
    assert (ended["going"], ended["address"]) == (False, address(job, "done"))


def test_an_import_is_cancelled_half_way_and_gone_on_with(ana, shop, monkeypatch):
    monkeypatch.setattr(imports, "ROWS_A_BATCH", 2)
    job, _ = matched(ana)
    work()
    ana.post(address(job, "check"), {"seen": seen(ana, job)})
    written = imports.Watcher.written

    def cancel(self, outcome):
        if outcome.rows == 2:
            assert where(ana.post(address(job, "cancel"), follow=True)) == "done"
        written(self, outcome)

    monkeypatch.setattr(tasks._Asking, "written", cancel)
    work()
    said = words(ana.get(address(job, "done")))
    assert "Cancelled; what was written stays." in said
    assert "2 of 6 rows from people.csv" in said
    monkeypatch.setattr(tasks._Asking, "written", written)
    assert where(ana.post(address(job, "done"), follow=True)) == "run"
    work()
    assert "6 rows from people.csv" in words(ana.get(address(job, "done")))
    assert Contact.objects.count() == 5
    page = ana.post(address(job, "cancel"), follow=True)
    assert "The import is done; there is nothing to cancel." in words(page)


def test_steps_that_make_no_sense_now_lead_to_the_one_that_does(ana, shop):
    job, _ = uploaded(ana)
    for step in ("check", "run", "done"):
        assert where(ana.get(address(job, step), follow=True)) == "columns"
    assert where(ana.post(address(job, "check"), {"seen": ""}, follow=True)) == "columns"
    ImportJob.objects.update(state="done")
    for step in ("file", "columns", "check", "run"):
        assert where(ana.get(address(job, step), follow=True)) == "done"
    ImportJob.objects.update(state="uploading")
    assert "The file is coming in" in words(ana.get(address(job, "columns"), follow=True))


def test_an_import_by_a_command_is_shown_with_what_goes_on_with_it(ana, shop):
    job = ImportJob.objects.create(workspace=shop, path="/there/p.csv", file_name="p.csv", started_by="manage.py")
    for state, dry_run, said in (
        ("checked", True, f"run there: manage.py import_contacts --resume {job.pk}"),
        ("stopped", False, f"import_contacts --resume {job.pk}"),
    ):
        ImportJob.objects.update(state=state, dry_run=dry_run)
        page = ana.get(address(job, "change"), follow=True)
        assert said in words(page)
        ana.post(page.redirect_chain[-1][0], {"seen": "x"})
        assert ImportJob.objects.get().state == state


# --- the list, and who may -------------------------------------------------------------------------------------------


def test_the_list_says_what_to_do_where_there_is_nothing(ana, shop):
    said = words(ana.get("/admin/contacts/importjob/"))
    assert "No imports yet." in said
    assert "Import a file" in said
    assert "Import contacts, or add one" in words(ana.get("/admin/"))
    assert f'href="{ADD}?workspace={shop.pk}">Import a file<' in ana.get("/admin/contacts/contact/").content.decode()


def test_those_that_go_on_come_first_and_the_others_page_by_page(ana, shop, monkeypatch):
    monkeypatch.setattr("contacts.admin.imports.A_PAGE", 3)
    states = ["writing", *["done"] * 4, "failed", "uploaded"]
    for number, state in enumerate(states):
        ImportJob.objects.create(workspace=shop, file_name=f"f{number}.csv", state=state)
    page = ana.get("/admin/contacts/importjob/")
    assert re.findall(r">(f\d).csv", page.content.decode()) == ["f0", "f6", "f5", "f4"]
    earlier = html.unescape(re.search(r'href="(\?before=[^"]*)"', page.content.decode())[1])
    assert re.findall(r">(f\d).csv", ana.get(f"/admin/contacts/importjob/{earlier}").content.decode()) == [
        "f3",
        "f2",
        "f1",
    ]


def test_a_list_costs_the_same_queries_however_long(ana, shop, django_assert_num_queries):
    ana.get("/admin/contacts/importjob/")
    with django_assert_num_queries(8):
        ana.get("/admin/contacts/importjob/")
    for number in range(20):
        ImportJob.objects.create(
            workspace=shop, file_name=f"f{number}.csv", state=["writing", "done"][number % 2], rows=9
        )
    with django_assert_num_queries(8):
        ana.get("/admin/contacts/importjob/")


def test_somebody_of_two_workspaces_says_into_which_and_sees_no_third(shop, rival):
    client = join(shop, "ana", Role.AGENT)
    assert upload(client, workspace=rival.pk).status_code == 404
    join(rival, "ana", Role.GUEST)
    assert upload(client, workspace=rival.pk).status_code == 404  # a guest there
    rival.members.update(role=Role.AGENT)
    assert "The file with the contacts for Rival shop" in words(client.get(f"{ADD}?workspace={rival.pk}"))
    upload(client, workspace=rival.pk)
    upload(client, workspace=shop.pk)
    assert list(ImportJob.objects.order_by("id").values_list("workspace__name", flat=True)) == [
        "Rival shop",
        "Demo shop",
    ]
    listed = client.get("/admin/contacts/importjob/", {"workspace": rival.pk}).content.decode()
    assert listed.count(">people.csv<") == 1


def test_guests_and_strangers_import_and_read_nothing(ana, shop, rival):
    job, _ = matched(ana)
    work()
    before = ImportJob.objects.values().get()
    for client, status in ((join(shop, "gus", Role.GUEST), 403), (join(rival, "mallory", Role.OWNER), 200)):
        assert client.get(ADD).status_code == status
        for step in ("file", "columns", "check", "run", "done", "progress", "rejects", "change", "cancel"):
            for pk in (job.pk, "f" * 24, "x", "%00"):
                where_to = f"/admin/contacts/importjob/{pk}/{step}/"
                assert (client.get(where_to).status_code) == (405 if step == "cancel" and pk != "%00" else 404)
                assert client.post(where_to, {"seen": "x", "key": "id", "format": "csv"}).status_code == 404
    assert ImportJob.objects.values().get() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'imports.run'")
        assert cursor.fetchone() == (0,)
