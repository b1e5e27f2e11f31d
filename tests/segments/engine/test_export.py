"""People as CSV and NDJSON: what is written, that an import takes it back as it was, and that it is of one moment."""

import csv
import json
import re
import time
from io import BytesIO, StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import properties
from contacts.columnar.refresh import refresh
from contacts.importing.imports import import_contacts
from contacts.models import Contact, Property, SubstitutionTag
from contacts.values import Kind, Refused, as_phone, stored
from segments.dialects.draft import Draft
from segments.engine import exports
from segments.models import Pin, rewrite_pins
from segments.references import RuleWithPins
from segments.rules.tree import All, Not
from segments.saving import drafts
from tests.conftest import DEMO, Api
from tests.contacts.columnar.test_protocol import Elsewhere
from tests.people import add, custom, declare
from workspaces.models import ApiKey
from workspaces.problems import Invalid

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE, PRO = All(), custom("plan", "is", "pro")
EVERYBODY = f"/api/workspaces/{DEMO}/contacts/export"


def written(workspace, form="csv", columns=None, rule=EVERYONE):
    return b"".join(exports.export(workspace, RuleWithPins(rule), columns, form)).decode()


def rows(text):
    return list(csv.reader(StringIO(text, newline=""), strict=True))


def table(workspace, columns=None, rule=EVERYONE):
    header, *people = rows(written(workspace, "csv", columns, rule))
    return [dict(zip(header, person, strict=True)) for person in people]


def segment(workspace, name="Pro", rule=PRO):
    return drafts.create(workspace, Draft(name, rule, rule_given=True))


@pytest.fixture
def people(shop):
    declare(shop, plan="text", spend="number", vip="boolean", since="date", likes="list", home="opaque")
    SubstitutionTag.objects.create(workspace=shop, tag="coupon")
    ana = add(
        shop, "Ana", {"city": "Rome"}, ["vip", "beta"], email="ana@post.example", external_id="A1", phone="+34600111222",
        plan="pro", spend=12.5, vip=True, since="2024-05-01", likes=["tea", "jazz"], home={"street": "Via Po"},
    )  # fmt: skip
    Contact.objects.filter(pk=ana.pk).update(substitution_tags={"coupon": "SAVE"})
    add(shop, "Bo", plan="free", likes=["a;b", "c"])
    return shop


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refreshed", [False, True])
def test_all_that_anybody_has_is_written_in_a_stable_order(people, refreshed):
    if refreshed:
        refresh(people)
    header, ana, bo = rows(written(people))
    assert header == [
        "_id", "externalId", "email", "phone", "firstName", "tags", "city", "isTemporary", "createdAt", "updatedAt",
        "home", "likes", "plan", "since", "spend", "vip", "substitutionTags.coupon",
    ]  # fmt: skip
    contact = Contact.objects.get(first_name="Ana")
    assert ana[0] == contact.wire_id
    moment = contact.created_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{contact.created_at.microsecond // 1000:03}Z"
    assert ana[7:9] == ["false", moment]
    assert [*ana[1:7], *ana[10:]] == [
        "A1", "ana@post.example", "+34600111222", "Ana", "vip;beta", "Rome",
        '{"street": "Via Po"}', "tea;jazz", "pro", "2024-05-01", "12.5", "true", "SAVE",
    ]  # fmt: skip
    assert [*bo[1:7], *bo[10:]] == ["", "", "", "Bo", "", "", "", '["a;b", "c"]', "free", "", "", "", ""]


def test_each_line_of_ndjson_is_a_contact_that_the_api_takes(people, api):
    ana, bo = map(json.loads, written(people, "ndjson").splitlines())
    contact = Contact.objects.get(first_name="Ana")
    assert ana.pop("createdAt") == ana.pop("updatedAt")
    assert ana == {
        "_id": contact.wire_id, "externalId": "A1", "email": "ana@post.example", "phone": "+34600111222",
        "firstName": "Ana", "tags": ["vip", "beta"], "city": "Rome", "isTemporary": False,
        "customProperties": {"home": {"street": "Via Po"}, "likes": ["tea", "jazz"], "plan": "pro",
                             "since": "2024-05-01", "spend": 12.5, "vip": True},
        "substitutionTags": {"coupon": "SAVE"},
    }  # fmt: skip
    assert (bo["firstName"], bo["customProperties"]) == ("Bo", {"likes": ["a;b", "c"], "plan": "free"})
    assert api.post(f"/api/workspaces/{DEMO}/contacts", ana).status_code == 200
    assert Contact.objects.get(first_name="Ana").updated_at == contact.updated_at


def test_columns_are_chosen_by_id_built_in_reference_and_bare_name(people):
    chosen = table(people, 'plan, id,substitutionTags.coupon,fullName,"customProperties.spend"', PRO)
    ana = Contact.objects.get(first_name="Ana")
    assert chosen == [
        {"plan": "pro", "_id": ana.wire_id, "substitutionTags.coupon": "SAVE", "fullName": "Ana", "spend": "12.5"}
    ]
    assert list(chosen[0]) == ["plan", "_id", "substitutionTags.coupon", "fullName", "spend"]
    assert written(people, "ndjson", "plan", PRO) == '{"customProperties":{"plan":"pro"}}\n'


def test_nobody_is_a_header_alone(shop):
    assert written(shop) == "_id\n"
    assert written(shop, "ndjson") == ""


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("plan", "plan"),
        ("id", "id"),
        ("Größe (cm), rund", "Größe (cm), rund"),
        ("E-Mail", "customProperties.E-Mail"),  # a bare one would be taken for the built-in
        ("first name", "customProperties.first name"),
        ("attributes.x", "customProperties.attributes.x"),
        ("=cmd()", "customProperties.=cmd()"),
        ("_id", "customProperties._id"),
        ("100%", "100%"),
        ("it's", "it's"),
    ],
)
def test_a_header_names_its_property_to_an_import_and_nothing_to_a_spreadsheet(shop, rival, name, header):
    declare(shop, **{name: "text"})
    add(shop, "Ana", external_id="1", **{name: "x"})
    text = written(shop)
    assert rows(text)[0][-1] == header
    import_contacts(rival, BytesIO(text.encode()), "externalId")
    assert Contact.objects.get(workspace=rival).custom == {name: "x"}


def test_more_columns_than_a_function_has_arguments(shop):
    names = [f"p{number:03}" for number in range(480)]
    declare(shop, **dict.fromkeys(names, "text"))
    add(shop, "Ana", **{name: f"'{name}" for name in names})
    assert table(shop)[0]["p479"] == "'p479"
    assert json.loads(written(shop, "ndjson"))["customProperties"] == {name: f"'{name}" for name in names}


def test_too_many_columns_are_refused_by_number(people, monkeypatch):
    monkeypatch.setattr("contacts.export_formats.MOST_COLUMNS", 3)
    with pytest.raises(Invalid, match="there are 17 columns, and an export can have 3; choose some"):
        written(people)
    assert len(rows(written(people, columns="id,plan,vip"))[0]) == 3


# --- formulas and the way back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("-", "'-"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx'"),
        ("\rx", "'\rx'"),
        (" =1", "' =1'"),
        ("a ", "'a '"),
        ("a\u00a0", "'a\u00a0'"),
        ("'=1", "''=1"),
        ("'t Hooft", "'t Hooft"),
        ("rock 'n'", "rock 'n'"),
        ("'quoted'", "'quoted'"),
        ("'", "'"),
        ("a=b", "a=b"),
        ("007", "007"),
        ("\U0001f600=", "\U0001f600="),
    ],
)
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(shop, text, cell):
    declare(shop, remark="text", number="number", day="date")
    add(shop, text, external_id=text, remark=text, number=-5, day="2024-01-01", phone="+34600111222")
    person = table(shop, "firstName,externalId,remark,number,day,phone")[0]
    assert list(person.values()) == [cell, cell, cell, "-5", "2024-01-01", "+34600111222"]


@pytest.mark.parametrize(
    ("phone", "cell"),
    [("+34 600 11 12", "+34 600 11 12"), ("-", "-"), ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+cmd", "'+cmd")],
)
def test_a_phone_number_keeps_its_plus_and_what_is_none_is_made_safe(shop, phone, cell):
    add(shop, "Ana", phone=phone)
    assert table(shop, "phone") == [{"phone": cell}]


@pytest.mark.parametrize(
    ("items", "cell"),
    [
        (["red", "blue"], "red;blue"),
        (["one"], "one"),
        (["two words", "O'Neill"], "two words;O'Neill"),
        (["a,b"], '["a,b"]'),
        (["a;b", "c"], '["a;b", "c"]'),
        ([" a"], '[" a"]'),
        (["a\u2003", "b"], '["a\u2003", "b"]'),
        (["=1"], '["=1"]'),
        (["[1]"], '["[1]"]'),
        (['say "hi"', "\\"], '["say \\"hi\\"", "\\\\"]'),
        (["a\nb"], '["a\\nb"]'),
    ],
)
def test_a_list_is_json_where_an_item_could_be_taken_for_something_else(shop, items, cell):
    declare(shop, likes="list")
    add(shop, "Ana", tags=items, likes=items)
    assert table(shop, "tags,likes") == [{"tags": cell, "likes": cell}]


NASTY = ["=", "+", "-", "@", "\t", "\r", "\n", "'", '"', " ", ",", ";", "[", "]", "{", "\\", "|", "0", "7", ".", "a", "é",
         "e\u0301", "\u00a0", "\u3000", "\x1f", "\x1e", "\u2028", "\ufeff", "\U0001f600", "null", "true", "-name-", "%s", "{{x}}"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join)
KINDS = {
    "text": TEXTS,
    "number": st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "boolean": st.booleans(),
    "date": st.sampled_from(["2024-06-01", "0001-01-02", "9999-12-30", "2024-06-01T10:00:00Z", "2024-06-01 10:00"]),
    "list": st.lists(TEXTS, min_size=1, max_size=4),
    "opaque": st.recursive(
        st.one_of(TEXTS, st.integers(-(10**15), 10**15), st.booleans()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
        max_leaves=4,
    ),
}
PERSON = st.fixed_dictionaries(
    {},
    optional={
        **KINDS,
        "firstName": TEXTS,
        "company": TEXTS,
        "tags": KINDS["list"],
        "coupon": TEXTS,
        "phone": st.one_of(TEXTS, st.sampled_from(["+34 600 111 222", "007", "-1", "=1"])),
        "email": st.sampled_from(["ana@post.example", "+b@post.example", "=c@post.example", "-d@post.example"]),
    },
)


def normal(kind, value, zone):
    try:
        return stored(Kind(kind), value, zone)
    except Refused:
        return None


def person_of(workspace, number, key, said):
    zone = workspace.zone
    custom = {kind: normal(kind, said[kind], zone) for kind in KINDS if kind in said}
    company, coupon, first = (normal("text", said.get(name), zone) for name in ("company", "coupon", "firstName"))
    return Contact(
        workspace=workspace, external_id=normal("text", f"{key}{number}", zone), first_name=first or "",
        email=said.get("email", ""), phone=as_phone(said["phone"]) if said.get("phone") else "",
        tags=normal("list", said.get("tags"), zone) or [], profile={"company": company} if company else {},
        substitution_tags={"coupon": coupon} if coupon else {},
        custom={kind: value for kind, value in custom.items() if value is not None},
    )  # fmt: skip


FIELDS = ("external_id", "first_name", "email", "phone", "tags", "profile", "substitution_tags", "custom")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(PERSON, min_size=1, max_size=6), key=TEXTS)
def test_export_then_import_is_the_identity(shop, rival, said, key):
    Contact.objects.all().delete()
    for workspace in (shop, rival):
        properties.declare(workspace, {kind: Kind(kind) for kind in KINDS})
        properties.declare_tags(workspace, ["coupon"])
    Contact.objects.bulk_create(person_of(shop, number, key, each) for number, each in enumerate(said))
    text = written(shop).encode()
    again = import_contacts(shop, BytesIO(text), "externalId")
    assert (again.unchanged, again.rows) == (len(said), len(said))
    there = import_contacts(rival, BytesIO(text), "externalId")
    assert (there.created, there.rows) == (len(said), len(said))
    kept, taken = (list(each.contacts.order_by("external_id").values(*FIELDS)) for each in (shop, rival))
    assert taken == kept
    lines = map(json.loads, written(shop, "ndjson").split("\n")[:-1])
    assert {line["externalId"]: line.get("customProperties", {}) for line in lines} == {
        each["external_id"]: each["custom"] for each in kept
    }


def test_files_of_others_are_read_as_before(shop):
    declare(shop, likes="list", remark="text")
    file = b"id,remark,likes\n1,'t Hooft ,\"[a, b]\"\n2,'tis, x ; y\n3,5 ',\n"
    import_contacts(shop, BytesIO(file), "id")
    assert [each.custom for each in shop.contacts.order_by("id")] == [
        {"remark": "'t Hooft", "likes": ["[a", "b]"]}, {"remark": "'tis", "likes": ["x", "y"]}, {"remark": "5 '"},
    ]  # fmt: skip


def test_an_export_s_own_columns_are_left_out_of_an_import_and_a_stranger_s_are_asked_about(people, rival):
    text = written(people, columns="id,email,createdAt,lastActivityDate").encode()
    import_contacts(rival, BytesIO(text.replace(b",,,", b",bo@post.example,,")), "email")
    assert not Property.objects.filter(workspace=rival).exists()
    with pytest.raises(Invalid, match="createdAt cannot be set by anybody"):
        import_contacts(rival, BytesIO(b"email,createdAt\na@post.example,2024-01-01\n"), "email")


# --- one moment ------------------------------------------------------------------------------------------------------


def test_who_is_in_and_what_they_have_are_of_one_moment(people, monkeypatch):
    """While an export waits for its reader everybody changes: it goes on to tell what was."""
    monkeypatch.setattr("contacts.export_formats.FEWEST_ROWS", 1)
    stream = exports.export(people, RuleWithPins(Not(PRO)), "firstName,plan")
    with Elsewhere() as writer:
        writer.do(lambda: add(people, "Cleo", plan="free"))
        writer.do(lambda: Contact.objects.filter(first_name="Bo").update(custom={"plan": "pro"}, first_name="Zoe"))
        writer.do(refresh, people)
        writer.do(lambda: Contact.objects.filter(first_name="Ana").delete())
    assert rows(b"".join(stream).decode()) == [["firstName", "plan"], ["Bo", "free"]]
    assert table(people, "firstName", Not(PRO)) == [{"firstName": "Cleo"}]


def sessions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def assert_soon(holds):
    """PostgreSQL ends a session a moment after its client has gone."""
    for _ in range(100):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_reader_who_goes_away_frees_the_connection(api, people, read, monkeypatch):
    monkeypatch.setattr("contacts.export_formats.FEWEST_ROWS", 1)
    before = sessions()
    answer = api.get(EVERYBODY)
    assert sessions() == before + exports.CONNECTIONS
    for _ in zip(range(read), answer.streaming_content, strict=False):
        pass
    answer.close()
    assert_soon(lambda: sessions() == before)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_what_breaks_off_is_no_file_that_anybody_reads(people, form, monkeypatch):
    Contact.objects.bulk_create(Contact(workspace=people, first_name=f"N{number}") for number in range(20))
    monkeypatch.setattr("contacts.export_formats.FEWEST_ROWS", 1)
    monkeypatch.setattr("contacts.export_formats.ROWS_A_QUERY", 1)
    blocks = iter(exports.export(people, RuleWithPins(EVERYONE), "firstName", form))
    text = (next(blocks) + next(blocks)).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%COPY (%%' AND pid <> pg_backend_pid()",
            [],
        )
    with pytest.raises(psycopg.OperationalError):
        for block in blocks:
            text += block.decode()
    assert "BROKE OFF" in text
    with pytest.raises((csv.Error, json.JSONDecodeError)):
        rows(text) if form == "csv" else list(map(json.loads, text.splitlines()))


def test_a_failure_before_the_first_byte_leaves_no_connection_behind(people, monkeypatch):
    before = sessions()
    monkeypatch.setattr("segments.engine.audience.Audience.ids", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(people)
    assert_soon(lambda: sessions() == before)


def test_an_export_within_a_transaction_is_refused(people):
    with pytest.raises(RuntimeError), transaction.atomic():
        written(people)


# --- over HTTP -------------------------------------------------------------------------------------------------------


def body(answer):
    return b"".join(answer.streaming_content).decode()


def test_a_segment_is_exported_with_its_pins_under_its_name(api, people):
    pro = segment(people, 'Pro / "größer"')
    Pin.objects.create(segment=pro, contact=Contact.objects.get(first_name="Bo"), kind="included")
    rewrite_pins(pro)
    answer = api.get(f"/api/segments/{pro.pk}/export", columns="firstName")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''Pro%20_%20_gr%C3%B6%C3%9Fer_.csv"
    assert body(answer) == "firstName\nAna\nBo\n"


def test_everybody_and_whom_a_draft_finds_are_exported(api, people):
    answer = api.get(EVERYBODY, format="ndjson", columns="plan")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == 'attachment; filename="Demo shop.ndjson"'
    assert body(answer).count("\n") == 2
    rule = {"rule": {"property": "customProperties.plan", "operator": "is", "value": "pro"}}
    assert body(api.post(f"{EVERYBODY}?columns=firstName", rule)) == "firstName\nAna\n"


def test_a_key_that_may_only_read_may_export(people):
    reader = Api(ApiKey.objects.issue(people, "reader", "read")[1])
    assert body(reader.get(EVERYBODY, columns="firstName")) == "firstName\nAna\nBo\n"
    rule = {"rule": {"all": []}}
    assert body(reader.post(f"{EVERYBODY}?columns=firstName", rule)) == "firstName\nAna\nBo\n"


@pytest.mark.parametrize(
    ("query", "path", "words"),
    [
        ({"format": "xls"}, "format", "is 'xls'; use csv or ndjson"),
        ({"format": ""}, "format", "is ''"),
        ({"columns": "paln"}, "columns", "there is no property 'paln'; did you mean customProperties.plan?"),
        ({"columns": ""}, "columns", "name at least one"),
        ({"columns": "plan,id,plan"}, "columns", "'plan' is named twice"),
        ({"columns": "a\nb"}, "columns", "is no list of names"),
        ({"columns": 'a"b'}, "columns", "there is no property"),
        ({"columns": '"a'}, "columns", "is no list of names"),
        ({"columns": "\0"}, "columns", ""),
    ],
)
def test_a_bad_question_is_answered_in_the_envelope_before_the_first_byte(api, people, query, path, words):
    for address in (EVERYBODY, f"/api/segments/{segment(people).pk}/export"):
        answer = api.get(address, **query)
        assert answer.status_code == 400, answer.content
        assert answer.json()["status"] == "error"
        [problem] = answer.json()["problems"]
        assert problem["path"] == path
        assert words in problem["message"]


def test_every_problem_is_named_at_once(api, people):
    problems = api.get(EVERYBODY, format="xls", columns="x1,x2").json()["problems"]
    assert [problem["path"] for problem in problems] == ["format", "columns", "columns"]


@pytest.mark.parametrize("sent", [b"", b"{", {"rule": 1}, {}, {"criteria": {}, "rule": {}}, [], {"rule": {"property": "x", "operator": "is", "value": "y"}}])  # fmt: skip
def test_a_bad_draft_is_refused(api, people, sent):
    answer = api.post(EVERYBODY, sent) if not isinstance(sent, bytes) else api("POST", EVERYBODY, sent)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")


def test_another_workspace_s_people_are_unknown(api, rival_api, people):
    pro = segment(people)
    for address in (EVERYBODY, f"/api/segments/{pro.pk}/export"):
        assert rival_api.get(address).status_code == 404
        assert Api("").get(address).status_code == 401
    assert rival_api.post(EVERYBODY, {"rule": {"all": []}}).status_code == 404
    assert api.get("/api/segments/xyz/export").status_code == 404


# --- the commands ----------------------------------------------------------------------------------------------------


def command(*words):
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_writes_a_file_and_says_how_many(people, tmp_path):
    segment(people)
    file = tmp_path / "pro.csv"
    out, err = command("export_segment", "Pro", "--columns", "firstName", "--output", str(file))
    assert file.read_text() == "firstName\nAna\n"
    assert re.fullmatch(r"1 people, 14 bytes in \d+\.\d s\n", out)
    assert err == ""
    assert [each.name for each in tmp_path.iterdir()] == ["pro.csv"]


def test_data_goes_to_standard_output_and_numbers_beside_it(people, capfdbinary):
    out, err = command("export_contacts", "Demo shop", "--format", "ndjson", "--columns", "firstName")
    assert capfdbinary.readouterr().out == b'{"firstName":"Ana"}\n{"firstName":"Bo"}\n'
    assert (out, err.startswith("2 people, 39 bytes")) == ("", True)


def test_a_rule_in_a_file_says_who(people, tmp_path):
    (tmp_path / "rule.json").write_text(
        '{"version": 1, "rule": {"property": "firstName", "operator": "is", "value": "bo"}}'
    )
    file = tmp_path / "out.csv"
    command(
        "export_contacts",
        people.pk,
        "--rule",
        str(tmp_path / "rule.json"),
        "--columns",
        "firstName",
        "--output",
        str(file),
    )
    assert file.read_text() == "firstName\nBo\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export_segment", "nothing"], "There is no segment nothing"),
        (["export_contacts", "Demo shop", "--columns", "x"], "there is no property 'x'"),
        (["export_contacts", "Demo shop", "--output", "/nowhere/x.csv"], "/nowhere/x.csv cannot be written"),
        (["export_contacts", "Demo shop", "--rule", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["export_contacts", "Demo shop", "--rule", "/dev/null"], "/dev/null is no JSON"),
    ],
)
def test_the_command_refuses_what_it_cannot_take(people, words, message):
    before = sessions()
    with pytest.raises(CommandError) as caught:
        command(*words)
    assert caught.value.returncode == 2
    assert message in str(caught.value)
    assert_soon(lambda: sessions() == before)
