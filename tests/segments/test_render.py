"""Messages filled with what is known of people: what stands where, who lacks what, and that values stay values."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from contacts.columnar.refresh import refresh
from contacts.models import Contact, SubstitutionTag
from contacts.schema import Schema, custom_type, tag_type
from contacts.values import Kind
from segments import messages
from segments.dialects.draft import Draft
from segments.rendering import Coverage, parse, percent, problems
from segments.rules.tree import All
from segments.saving import drafts
from tests.conftest import Api
from tests.people import add, custom, declare
from workspaces.models import ApiKey


@pytest.fixture
def shop(transactional_db, shop):
    """A stream has a connection of its own, which sees only what is committed."""
    return shop


def schema_of(*tags, **customs):
    types = [tag_type(tag, 1) for tag in tags]
    types += [custom_type(name, name, Kind(kind), 1) for name, kind in customs.items()]
    return Schema({type_.reference: type_ for type_ in types})


def filled(text, values, fallbacks=(), as_html=False, **customs):
    """With values of tags; one that is None is known to the workspace and missing for the person."""
    references = {f"substitutionTags.{tag}": value for tag, value in values.items()}
    kept = {f"substitutionTags.{tag}": text for tag, text in dict(fallbacks).items()}
    return parse(text, schema_of(*values, **customs)).render(references, kept, as_html=as_html)


# --- one text, one person --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("Hi {{name}}!", {"name": "Ana"}, "Hi Ana!"),
        ("Hi {{ name }}!", {"name": "Ana"}, "Hi Ana!"),
        ("Hi -name-, %name%", {"name": "Ana"}, "Hi Ana, Ana"),
        ("{{name}}{{name}}-name-", {"name": "Ana"}, "AnaAnaAna"),
        ("{{name|friend}}", {"name": "Ana"}, "Ana"),
        ("{{name|friend}}", {"name": None}, "friend"),
        ("{{name | dear friend }}", {"name": None}, "dear friend"),
        ('{{name|" dear friend"}}', {"name": None}, " dear friend"),
        ("{{name|}}.", {"name": None}, "."),
        ("{{name}}, -name-, %name%", {"name": None}, ", , "),
        ("{{nobody}}, {{nobody|x}}, -nobody-, %nobody%", {}, ", x, -nobody-, %nobody%"),
        ("{{Name}}", {"name": "Ana"}, ""),  # case counts
        ("{{cafe\u0301}}", {"caf\u00e9": "ok"}, "ok"),
        # A tag that is stored with its delimiters stands for itself.
        ("Hi -name-!", {"-name-": "Ana"}, "Hi Ana!"),
        ("Hi %name%!", {"%name%": "Ana"}, "Hi Ana!"),
        ("Hi {{name}}!", {"{{name}}": "Ana"}, "Hi Ana!"),
        ("-name- {{-name-}}", {"-name-": "own", "name": "bare"}, "own own"),
        # The longest counts, and names may hold what stands around them.
        ("-first-name-", {"first-name": "Ana", "first": "x"}, "Ana"),
        ("-a- -a b-", {"a": "1", "a b": "2"}, "1 2"),
        ("-a-b-", {"a": "1", "b": "2"}, "1b-"),  # a delimiter ends one tag or begins another, not both
        ("50% of -x- -- %%", {"x": "1"}, "50% of 1 -- %%"),
        ("{{a+b}} -a.*- -b-", {"a+b": "1", "a.*": "2"}, "1 2 -b-"),
        # Words with hyphens and addresses are left alone.
        ("Rio-de-Janeiro /spring-sale-2024 (-de-)", {"de": "X", "sale": "Y"}, "Rio-de-Janeiro /spring-sale-2024 (X)"),
        ("x-de-y", {"-de-": "!"}, "x!y"),
        # What is no slot stays as it is.
        ("{{name", {"name": "Ana"}, "{{name"),
        ("{name} {{{name}}} {{a{b}}", {"name": "Ana"}, "{name} {Ana} {{a{b}}"),
        ("", {"name": "Ana"}, ""),
        ("a\r\nb\n", {}, "a\r\nb\n"),
    ],
)
def test_what_stands_in_a_message(text, values, result):
    assert filled(text, values) == result


@pytest.mark.parametrize(
    "value", ["{{other}}", "-other-", "%other%", "{{name}}", "{{other|x}}", "{% now %}", "\\1", "$&"]
)
def test_a_value_is_never_read_as_a_template(value):
    assert filled("<{{name}}|-name-|%name%>{{other}}", {"name": value, "other": "!"}) == f"<{value}|{value}|{value}>!"
    assert filled("{{name}}", {"name": None, "other": "!"}, {"name": value}) == value


PIECES = st.sampled_from(["{{", "}}", "|", "-", "%", "name", "other", " ", "é", '"', "{", "}", "-name-", "\n"])
WORDS = st.lists(PIECES, max_size=12).map("".join)


@given(text=WORDS, value=WORDS)
def test_values_come_out_as_they_went_in_whatever_the_text(text, value):
    template = parse(text, schema_of("name", "other"))
    marked = template.render({"substitutionTags.name": "\x00", "substitutionTags.other": "\x01"}, {})
    direct = template.render({"substitutionTags.name": value, "substitutionTags.other": "\x01"}, {})
    assert direct == marked.replace("\x00", value)


def test_the_fallback_of_the_message_goes_before_that_of_the_tag():
    fallbacks = {"name": "customer"}
    assert (
        filled("{{name}} -name- {{name|friend}} {{name|}}.", {"name": None}, fallbacks) == "customer customer friend ."
    )
    assert filled("{{name}}", {"name": "Ana"}, fallbacks) == "Ana"


def test_values_and_fallbacks_of_tags_are_escaped_in_html_and_the_message_is_not():
    values, fallbacks = {"name": '<b>"O\'Neill" & co', "x": None}, {"x": "<i>"}
    text = "<p>{{name}} -name- {{x}} {{x|<b>none</b>}}</p>"
    escaped = "&lt;b&gt;&quot;O&#x27;Neill&quot; &amp; co"
    assert filled(text, values, fallbacks, as_html=True) == f"<p>{escaped} {escaped} &lt;i&gt; <b>none</b></p>"
    assert filled("{{name}}", values) == values["name"]


def test_problems_have_a_line_a_column_and_the_nearest_names():
    schema = schema_of("first_name", plan="text")
    template = parse("Hi {{frist_name}},\n\nyour {{ plann |x}} {{first_name}}\n{{firstNam}} and {{open", schema)
    assert list(map(str, problems(template, schema, "template"))) == [
        "template: line 1, column 4: there is no tag 'frist_name'; did you mean first_name or firstName?",
        "template: line 3, column 6: there is no tag 'plann'; did you mean plan?",
        "template: line 4, column 1: there is no tag 'firstNam'; did you mean firstName or first_name?",
        "template: line 4, column 18: {{ stands here without a name and }} behind it",
    ]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 10, "0%"), (1, 1000, "under 1%"), (18, 100, "18%"), (999, 1000, "over 99%"), (5, 5, "100%")],
)
def test_a_share_is_never_rounded_to_none_or_all(part, whole, said):
    assert percent(part, whole) == said


@pytest.mark.parametrize(
    ("coverage", "words"),
    [
        (
            ("first_name", "x", 15543, 3412, "there", "tag"),
            "first_name is missing for 18%: the fallback is used for 3,412 people",
        ),
        (("coupon", "x", 1, 1, None, None), "coupon is missing for 50%: it is left empty for 1 person"),
        (("coupon", "x", 7, 0, None, None), "coupon: everybody has it"),
        (
            ("cupon", "", 0, 7, "x", "message", ("coupon",)),
            "cupon is no tag here; did you mean coupon?: the fallback is used for 7 people",
        ),
    ],
)
def test_coverage_in_words(coverage, words):
    assert Coverage(*coverage).words == words


# --- a segment -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True])
def people(request, shop):
    """Five on the pro plan, one not; in the snapshot or not yet."""
    declare(shop, plan="text", spend="number", vip="boolean", since="date", likes="list")
    SubstitutionTag.objects.create(workspace=shop, tag="first_name", fallback="friend")
    SubstitutionTag.objects.create(workspace=shop, tag="coupon")
    for name, tags in {"Ana": {"first_name": "Ana"}, "Bo": {"coupon": "<10>"}, "Cem": {"first_name": "Cem"}}.items():
        person = add(shop, name, email=f"{name}@post.example", plan="pro")
        Contact.objects.filter(pk=person.pk).update(substitution_tags=tags)
    add(shop, "Dov", plan="pro", spend=12.50, vip=False, since="2024-05-01", likes=["tea", "jazz"])
    add(shop, "Eva", plan="pro")
    add(shop, "Fay", plan="free")
    if request.param:
        refresh(shop)
    return shop


@pytest.fixture
def pro(people):
    return drafts.create(people, Draft("Pro", custom("plan", "is", "pro"), rule_given=True))


def rendered(api, segment, **body):
    answer = api.post(f"/api/segments/{segment.pk}/render", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_the_report_counts_what_people_lack_and_shows_five_of_them(api, pro):
    found = rendered(api, pro, template="Hi {{first_name}}, -coupon- for {{plan}}")
    assert found["people"] == 5
    assert [(each["tag"], each["known"], each["missing"], each["words"]) for each in found["coverage"]] == [
        ("first_name", 2, 3, "first_name is missing for 60%: the fallback is used for 3 people"),
        ("coupon", 1, 4, "coupon is missing for 80%: it is left empty for 4 people"),
        ("plan", 5, 0, "plan: everybody has it"),
    ]
    assert found["coverage"][0] == {
        "tag": "first_name", "property": "substitutionTags.first_name", "known": 2, "missing": 3, "missingShare": 0.6,
        "fallback": "friend", "fallbackFrom": "tag", "words": "first_name is missing for 60%: the fallback is used for 3 people",
    }  # fmt: skip
    assert found["unknown"] == []
    assert [(each["email"], each["text"], each["missing"]) for each in found["samples"]] == [
        ("Ana@post.example", "Hi Ana,  for pro", ["coupon"]),
        ("Bo@post.example", "Hi friend, <10> for pro", ["first_name"]),
        ("Cem@post.example", "Hi Cem,  for pro", ["coupon"]),
        (None, "Hi friend,  for pro", ["first_name", "coupon"]),
        (None, "Hi friend,  for pro", ["first_name", "coupon"]),
    ]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{firstName}} {{fullName}} {{email}}", "Dov Dov "),
        ("{{customProperties.plan}} {{plan}} {{substitutionTags.first_name}}", "pro pro friend"),
        ("{{spend}} {{vip}} {{since}} {{likes}}", "12.5 false 1 May 2024 tea, jazz"),
        ("-firstName- %plan% -substitutionTags.coupon-", "-firstName- %plan% -substitutionTags.coupon-"),
    ],
)
def test_properties_may_be_named_between_braces(api, pro, text, result):
    assert result in [each["text"] for each in rendered(api, pro, template=text)["samples"]]


@pytest.mark.parametrize(
    ("since", "result"),
    [
        ("2026-05-12", "12 May 2026"),
        ("2026-05-12T12:04:05.678Z", "12 May 2026, 14:04"),
        ("2026-01-31T23:30:00.000Z", "1 Feb 2026, 00:30"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),  # in Madrid there is no such year
        ("9999-12-31T23:59:00.000Z", "9999-12-31T23:59:00.000Z"),
    ],
)
def test_dates_are_written_as_people_write_them_in_the_time_of_the_workspace(api, pro, since, result):
    Contact.objects.filter(first_name="Dov").update(custom={"plan": "pro", "since": since})
    assert result in [each["text"] for each in rendered(api, pro, template="{{since}}")["samples"]]


def test_when_somebody_was_created_is_written_so_too(api, pro):
    Contact.objects.filter(first_name="Dov").update(created_at="2026-05-12T12:04:05.678Z")
    assert "12 May 2026, 14:04" in [each["text"] for each in rendered(api, pro, template="{{createdAt}}")["samples"]]


def test_a_tag_goes_before_a_property_of_its_name(api, pro):
    SubstitutionTag.objects.create(workspace=pro.workspace, tag="plan", fallback="of the tag")
    found = rendered(api, pro, template="{{plan}} {{customProperties.plan}}", limit=1)
    assert found["samples"][0]["text"] == "of the tag pro"


def test_what_raw_sql_put_there_counts_as_missing_and_is_rendered_so(api, pro):
    Contact.objects.filter(first_name="Ana").update(
        custom={"plan": "pro", "spend": "much", "since": "soon", "likes": 7, "vip": 3}
    )
    found = rendered(api, pro, template="{{spend|-}}{{since|-}}{{likes|-}}{{vip|-}}")
    assert found["samples"][0]["text"] == "----"
    assert [each["known"] for each in found["coverage"]] == [1, 1, 1, 1]


def test_counts_are_those_of_rendering_everybody(api, pro):
    text = "{{first_name|?}}{{coupon|?}}{{spend|?}}{{vip|?}}"
    counted = [each["missing"] for each in rendered(api, pro, template=text)["coverage"]]
    answer = api.post(f"/api/segments/{pro.pk}/render", {"template": text, "full": True})
    texts = [json.loads(line)["text"] for line in b"".join(answer.streaming_content).splitlines()]
    assert sum(text.count("?") for text in texts) == sum(counted)


def test_everybody_as_ndjson(api, pro):
    answer = api.post(f"/api/segments/{pro.pk}/render", {"template": "Hi {{first_name}}", "full": True})
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"] == 'attachment; filename="Pro.ndjson"'
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    ana = Contact.objects.get(first_name="Ana")
    assert lines[0] == {"id": ana.wire_id, "email": "Ana@post.example", "text": "Hi Ana"}
    assert [line["text"] for line in lines] == ["Hi Ana", "Hi friend", "Hi Cem", "Hi friend", "Hi friend"]


def test_several_templates_of_which_some_are_html(api, pro):
    templates = {"subject": "-coupon-", "body": "<p>{{coupon}}</p>"}
    found = rendered(api, pro, templates=templates, html=["body"])
    assert found["samples"][1]["texts"] == {"subject": "<10>", "body": "<p>&lt;10&gt;</p>"}
    assert [each["tag"] for each in found["coverage"]] == ["coupon"]
    assert rendered(api, pro, templates=templates, html=True)["samples"][1]["texts"]["subject"] == "&lt;10&gt;"


def test_an_unknown_tag_is_reported_and_refused_where_asked(api, pro):
    found = rendered(api, pro, templates={"body": "Hi\n {{cupon|x}}"}, limit=1)
    assert found["unknown"] == [{"template": "body", "tag": "cupon", "line": 2, "column": 2, "nearest": ["coupon"]}]
    assert (found["samples"][0]["texts"]["body"], found["samples"][0]["missing"]) == ("Hi\n x", ["cupon"])
    for full in (False, True):
        answer = api.post(
            f"/api/segments/{pro.pk}/render", {"templates": {"body": "Hi\n {{cupon|x}}"}, "strict": True, "full": full}
        )
        assert answer.status_code == 400
        assert answer.json()["problems"] == [
            {"path": "templates.body", "message": "line 2, column 2: there is no tag 'cupon'; did you mean coupon?", "allowed": ["coupon"]}
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, [""]),
        ([], [""]),
        ({"template": "x", "templates": {}}, [""]),
        ({"template": 7}, ["template"]),
        ({"template": None}, ["template"]),
        ({"templates": {}}, ["templates"]),
        ({"templates": ["x"]}, ["templates"]),
        ({"templates": {"a": 1, "b": []}}, ["templates.a", "templates.b"]),
        ({"template": "x" * 100_001}, ["template"]),
        (
            {"template": "x", "html": "yes", "strict": 1, "full": None, "limit": "5"},
            ["strict", "full", "html", "limit"],
        ),
        ({"template": "x", "html": ["body"]}, ["html"]),
        ({"template": "x", "html": [1]}, ["html"]),
        ({"template": "x", "html": [[]]}, ["html"]),
        ({"template": "x", "limit": 101}, ["limit"]),
        ({"template": "x", "limit": -1}, ["limit"]),
        ({"template": "x", "limit": True}, ["limit"]),
    ],
)
def test_a_bad_order_names_every_problem(api, shop, body, paths):
    segment = drafts.create(shop, Draft("All", All(), rule_given=True))
    answer = api.post(f"/api/segments/{segment.pk}/render", body)
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert [problem["path"] for problem in answer.json()["problems"]] == paths


def test_nobody_is_said_without_a_share(api, shop):
    segment = drafts.create(
        shop, Draft("None", custom("plan", "is", "x"), rule_given=True, declares={"plan": Kind.TEXT})
    )
    found = rendered(api, segment, template="{{plan}}")
    assert (found["people"], found["coverage"][0]["missingShare"], found["samples"]) == (0, 0, [])


def test_another_workspace_s_segment_is_unknown_and_reading_is_enough(api, rival_api, pro):
    address = f"/api/segments/{pro.pk}/render"
    assert rival_api.post(address, {"template": "x"}).status_code == 404
    assert Api("").post(address, {"template": "x"}).status_code == 401
    reader = Api(ApiKey.objects.issue(pro.workspace, "reader", "read")[1])
    assert reader.post(address, {"template": "x"}).status_code == 200


def test_a_long_text_of_delimiters_is_read_in_no_time():
    schema = schema_of(*(f"t{number}" * (1 + number % 60) for number in range(500)))
    assert parse("-" * messages.LONGEST_TEMPLATE, schema).slots == []


# --- the command -----------------------------------------------------------------------------------------------------


def command(*words):
    out, err = StringIO(), StringIO()
    call_command("render_message", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_shows_people_and_counts(pro, tmp_path):
    file = tmp_path / "mail.txt"
    file.write_text("Hi {{first_name}} {{cupon}}")
    out, _ = command("Pro", str(file), "--limit", "1")
    assert out.splitlines()[-3:] == [
        "first_name is missing for 60%: the fallback is used for 3 people",
        "cupon is no tag here; did you mean coupon?: it is left empty for 5 people",
        "5 people, 1 unknown tags",
    ]
    assert out.count("---") == 1
    with pytest.raises(CommandError, match="line 1, column 19: there is no tag 'cupon'"):
        command("Pro", str(file), "--strict")
    out, _ = command("Pro", str(file), "--full", "--output", str(tmp_path / "out.ndjson"))
    assert out.startswith("5 people, ")
    assert len((tmp_path / "out.ndjson").read_text().splitlines()) == 5


def test_the_command_refuses_what_it_cannot_read(pro, tmp_path):
    (tmp_path / "latin").write_bytes(b"gr\xfc\xdfe")
    for words in (["Pro", "/nowhere"], ["Pro", str(tmp_path / "latin")], ["Nobody", "/nowhere"]):
        with pytest.raises(CommandError) as caught:
            command(*words)
        assert caught.value.returncode == 2
