"""The segments of the dump: every operator over every type, in the words of each dialect.

A row: a key, the workspace, the dialect, what is sent. A text "@key" in it stands for the id of an earlier segment.
Keys that no dialect knows (negate, label, note and so on) were passed over by version 0.1, and kept as they came.
"""


def _where(property, operator, value=None, data_type="string", **more):
    """A predicate of Swipe One's."""
    return {"property": property, "operator": operator, "value": value, "dataType": data_type, **more}


def _own(name, operator, value=None, data_type="string", **more):
    return _where(f"customProperties.{name}", operator, value, data_type, **more)


def _and(*predicates, **more):
    return {"type": "and", "predicates": list(predicates), **more}


def _or(*predicates, **more):
    return {"type": "or", "predicates": list(predicates), **more}


def _filter(field, operator, value=None, **more):
    """One of Tiledesk's."""
    return {"field": field, "operator": operator, "value": value, **more}


def _all(*filters, **more):
    return {"match": "all", "filters": list(filters), **more}


def _any(*filters, **more):
    return {"match": "any", "filters": list(filters), **more}


def _is(property, operator, *value):
    """A condition in the stored form."""
    return {"property": property, "operator": operator, **({"value": value[0]} if value else {})}


_JOSE = _own("nickname", "is", "JOSÉ")

SEGMENTS = [
    # --- texts
    ("jose", "madrid", "swipeone", _and({**_JOSE, "negate": True, "label": "Nickname", "id": 7})),
    ("streets", "madrid", "swipeone", _or(
        _own("nickname", "contains", ["strasse", "οδός"]), _own("nickname", "starts_with", "\u0130"),
        _own("nickname", "ends_with", ["ς", "ß"]), negate=True, not_=True)),
    ("no lukasz", "madrid", "swipeone", _and(
        _own("nickname", "is_not", ["łukasz", "søren"]), _own("nickname", "does_not_contain", "%"),
        _own("nickname", "is_known", "", case_sensitive=True))),
    ("blanks", "madrid", "tiledesk", _any(
        _filter("nickname", "=", " José", negate=True), _filter("attributes.nickname", "=", "   "),
        _filter("properties.nickname", "contains", "\u00a0", condition="or"),
        _filter("nickname", "starts with", "\t"), _filter("nickname", "=", "\u200b"), description="kept by nobody")),
    ("combining", "madrid", "tiledesk", _all(
        _filter("nickname", "not contains", "e\u0301"), _filter("nickname", "is not null"),
        _filter("nickname", "!=", "カ\u3099ラス"), _filter("nickname", "ends with", ["s", "m", "ス", "ﾅ", "й", "ї"]))),
    ("codes in order", "madrid", "tiledesk", _all(_filter("code", ">", 10), _filter("code", "<=", "9"))),
    ("codes by number", "madrid", "segmenter", [
        _own("code", "is", [7, "07", 7.5], "number"), _own("code", "is_not", "A7", "select", negate=True)]),
    ("codes between", "madrid", "native", {"any": [
        {"all": [_is("customProperties.code", "at_least", "7"), _is("customProperties.code", "less_than", "A7")]},
        {"all": [_is("customProperties.code", "greater_than", "á"), _is("customProperties.code", "at_most", "Z")]}]}),
    # --- numbers
    ("points", "madrid", "swipeone", _and(
        _own("points", "between", [0, "7"], "number"), _own("points", "is_not", "007", "number"),
        _own("points", "greater_than", "0.1", "text"))),
    ("large numbers", "madrid", "native", {"any": [
        _is("customProperties.points", "is", [9007199254740992, "0.30000000000000004", " 1e3 "]),
        _is("customProperties.points", "at_most", -1), _is("customProperties.points", "greater_than", 9007199254740990.0)]}),
    ("few points", "madrid", "tiledesk", _any(
        _filter("points", "<", 0), _filter("points", ">=", "1e3"), _filter("points", "=", 7.000000000000001))),
    ("points unset", "madrid", "segmenter", [
        _own("points", "is_unknown", "", "number"), _where("externalId", "is_known"),
        _where("teamSize", "less_than_or_equal", 100, "number")]),
    # --- booleans
    ("newsletter", "madrid", "swipeone", _or(
        _own("newsletter", "is", "true", "boolean"), _own("newsletter", "is", [True, False], "boolean", negate=True))),
    ("no newsletter", "madrid", "tiledesk", _all(
        _filter("newsletter", "!=", True), _filter("newsletter", "is not null", "ignored"),
        _filter("isTemporary", "=", "false"))),
    ("visitors", "madrid", "swipeone", _and(_where("isTemporary", "is", True, "boolean"))),
    # --- lists, tags, substitution tags
    ("interests", "madrid", "swipeone", _and(
        _own("interests", "contains", ["CHESS", "café"], "multiselect"),
        _own("interests", "does_not_contain", "running", "array"), _own("interests", "is_known", None, "multiselect"))),
    ("all interests", "madrid", "native", {"all": [
        _is("customProperties.interests", "includes_all", ["Chess", "CAFE\u0301"]),
        {"not": _is("customProperties.interests", "includes", ["a,b", " chess"])}]}),
    ("tags", "madrid", "swipeone", _or(
        _where("tags", "includes", ["VIP"], "multiselect"), _where("tags", "includes_all", ["beta", "vip"], "array"),
        _and(_where("tags", "is_known", "", "array"), _where("tags", "excludes", ["café", " vip"], "array")))),
    ("tags by name", "madrid", "tiledesk", _all(
        _filter("tags", "!=", "Beta"), _filter("tags", "contains", ["vip", "CAFE"], negate=True))),
    ("coupons", "madrid", "segmenter", [
        _where("substitutionTags.coupon", "is", ["summer", 10, True]),
        _where("substitutionTags.coupon", "is_not", " summer"),
        _where("substitutionTags.greeting name", "contains", "¡hola"), _where("substitutionTags.coupon", "is_known")]),
    ("no coupon", "madrid", "tiledesk", _all(
        _filter("substitutionTags.coupon", "is null"), _filter("substitutionTags.greeting name", "is not null"))),
    # --- dates
    ("on days", "madrid", "swipeone", _or(
        _own("lastOrder", "is", "2027-03-28", "date"), _own("lastOrder", "is_on", "2026-10-25T00:30:00Z", "date"),
        _own("trialEnds", "is_on", "2024-02-29", "date"))),
    ("not on a day", "madrid", "swipeone", _and(
        _own("lastOrder", "is_not", "2027-03-28", "date", negate=True), _own("lastOrder", "is_known", "", "date"))),
    ("between days", "madrid", "swipeone", _or(
        _own("trialEnds", "is_between_dates", ["1999-12-31T23:30:00Z", "2024-02-29"], "date"),
        _own("lastOrder", "is_between_dates", ["2026-10-25", "2026-10-25"], "date"))),
    ("around moments", "madrid", "tiledesk", _any(
        _filter("lastOrder", "<", "2026-10-25T02:30:00"), _filter("lastOrder", ">", "2027-03-28T22:00:00Z"),
        _filter("lastOrder", "=", "2027-03-21"))),
    ("at or around", "madrid", "swipeone", _or(
        _and(_own("trialEnds", "greater_than_or_equal", "2026-12-31", "date"),
             _own("trialEnds", "less_than_or_equal", "2027-01-01", "date")),
        _and(_own("trialEnds", "is_after", "1969-12-31", "date"), _own("trialEnds", "less_than", "2000-01-01", "date")),
        _own("trialEnds", "is_before", "0001-01-03", "date"), _own("trialEnds", "greater_than", "9999-12-29", "date"))),
    ("lately", "madrid", "swipeone", _and(_own("lastOrder", "is_in_the_last", 7, "date"))),
    ("soon", "madrid", "swipeone", _or(
        _own("lastOrder", "is_in_the_next", {"amount": 1, "unit": "weeks"}, "date"),
        _own("trialEnds", "is_in_the_next", "0", "date"))),
    ("quiet", "madrid", "swipeone", _or(
        _own("lastOrder", "is_more_than", {"amount": 36, "unit": "hours"}, "date"),
        _own("trialEnds", "is_more_than", {"amount": 0.5}, "date", negate=True))),
    ("minutes", "madrid", "native", {"all": [
        _is("customProperties.lastOrder", "in_the_last", {"amount": 90, "unit": "minutes"}),
        {"not": _is("customProperties.lastOrder", "more_than_ago", {"amount": 1.5, "unit": "minutes"})}]}),
    ("birthdays", "madrid", "swipeone", _or(
        _where("birthday", "is_on", "2000-02-29", "date"), _where("birthday", "is_before", "1970-01-01", "date"),
        _where("lastActivityDate", "is_known", "", "date"))),
    ("made and changed", "madrid", "native", {"all": [
        _is("createdAt", "in_the_last", 36600), _is("updatedAt", "at_or_after", "2026-01-01"),
        _is("createdAt", "before", "2027-03-28T00:30:00Z"), {"not": _is("createdAt", "in_the_next", 1)},
        _is("firstName", "is", ["profile", "mixed"])]}),
    # --- anything that is known or not
    ("opaque", "madrid", "swipeone", _or(
        _where("address", "is_known", "", "address"), _where("socialMediaUrls", "is_known", "", "address"),
        _own("extra", "is_known", "", "address"))),
    ("opaque unset", "madrid", "tiledesk", _all(_filter("extra", "is null"), _filter("lead_id", "starts with", "C"))),
    ("no country", "madrid", "swipeone", _and(
        _where("country", "is", "", "country"), _where("status", "is_not", "", "select"))),
    # --- addresses
    ("addresses", "madrid", "swipeone", _or(
        _where("email", "is", "ANA@EXAMPLE.COM", "email"), _where("email", "is", "info@xn--bcher-kva.example", "email"),
        _where("email", "ends_with", "@STRASSE.example", "email"))),
    ("parts of addresses", "madrid", "tiledesk", _any(
        _filter("email", "contains", "bücher"), _filter("email", "starts with", "ana\u0301"),
        _filter("fullname", "contains", "email al"))),
    ("phones", "madrid", "swipeone", _or(
        _where("phone", "is", ["+34 600 111 222", "600111222"], "phone"), _where("phone", "starts_with", "+49", "phone"),
        _where("phone", "contains", "ext", "phone"))),
    ("external ids", "madrid", "segmenter", [
        _where("externalId", "is", ["C-1", " C-1", "7", "SS-1"]), _where("externalId", "is_not", "c-1 ")]),
    ("profile", "madrid", "swipeone", _or(
        _where("city", "is", "a coruña"), _where("zipcode", "is", 7, "number"), _where("country", "is", "ES", "country"),
        _where("annualRevenue", "greater_than", "1e9", "number"), _where("company", "contains", "ωMEGA", "text"),
        _where("note", "contains", "<B>"), _where("region", "starts_with", "île"))),
    # --- everybody, nobody, and those whom somebody sent
    ("everyone", "madrid", "tiledesk", _any()),
    ("nobody", "madrid", "native", {"any": []}),
    ("sent", "madrid", "segmenter", []),
    # --- properties that nobody has yet: the rule gives them their type
    ("future", "madrid", "swipeone", _or(
        _own("futureScore", "greater_than", 5, "number"), _own("futureText", "is_not", "x"),
        _own("futureList", "includes", "x", "multiselect"))),
    ("future by value", "madrid", "tiledesk", _all(
        _filter("futureFlag", "!=", True), _filter("attributes.email", "is null"), _filter("futureNumber", "!=", 7))),
    # --- groups and references
    ("either segment", "madrid", "native", {"any": [
        {"segment": "@jose"}, {"all": [{"segment": "@tags"}, {"not": {"segment": "@tags by name"}}]}]}),
    ("reference of references", "madrid", "swipeone", _and(
        {"property": "segmenter.rule", "operator": "is", "dataType": "object", "negate": True,
         "value": {"all": [{"not": {"segment": "@either segment"}}, {"segment": "@no lukasz"}]}})),
    ("native in a filter", "madrid", "tiledesk", _all(
        _filter("segmenter.rule", "=", {"any": [{"segment": "@sent"}, _is("tags", "is_known")]}, label="own rule"))),
    ("nests", "madrid", "native", {"all": [
        {"not": {"not": {"any": [{"all": []}, {"any": []}]}}},
        {"not": {"all": [_is("customProperties.nickname", "is_known"), {"not": {"any": [
            _is("customProperties.nickname", "contains", "o"), {"not": _is("customProperties.nickname", "is", "abc")},
            {"all": [{"any": [{"all": [{"any": [_is("firstName", "is", "tags")]}]}]}]}]}}]}}]}),
    ("groups in groups", "madrid", "swipeone", _or(
        _and(_or(_and(_JOSE, _own("points", "is_unknown", "", "number")), _own("points", "is", 7, "number")),
             _where("lastName", "is_not", "Oak", "string"), negate=True), _own("code", "is", "007"))),
    ("stored with more", "madrid", "stored", {
        "version": 1.0, "note": "unknown beside the rule", "negate": True,
        "rule": {"not": {"any": [_is("customProperties.nickname", "is_known"), _is("email", "is_known")]}}}),
    # --- other time zones
    ("spring in Santiago", "santiago", "swipeone", _or(
        _own("lastOrder", "is_on", "2026-09-06", "date"), _own("lastOrder", "is_on", "2027-04-03", "date"))),
    ("lately in Santiago", "santiago", "tiledesk", _any(
        _filter("lastOrder", ">=", "2027-03-28"), _filter("lastOrder", "<", "2026-09-06"))),
    ("week in Santiago", "santiago", "native", {"all": [
        _is("customProperties.lastOrder", "in_the_last", {"amount": 30, "unit": "hours"}),
        {"not": _is("customProperties.plan", "is", "free")}]}),
    ("half an hour", "howe", "swipeone", _or(
        _own("lastOrder", "is_on", "2026-10-04", "date"), _own("lastOrder", "is", "2027-04-04", "date"),
        _own("lastOrder", "is_before", "2026-10-04T02:15:00", "date"))),
    ("next on Lord Howe", "howe", "segmenter", [
        _own("lastOrder", "is_in_the_next", {"amount": 2, "unit": "weeks"}, "date"),
        _own("points", "is_not", [0, "4"], "number")]),
    ("not known on Lord Howe", "howe", "native", {"not": {"all": [
        _is("customProperties.lastOrder", "between", ["2027-03-28", "2027-04-04"]), {"any": [
            _is("customProperties.points", "between", [1, 3]), {"not": _is("phone", "is_known")}]}]}}),
]  # fmt: skip

# The persons of "sent": two who are there, one who is new.
PERSONS = [
    {"externalId": "C-1", "firstName": "Known", "lastName": "and sent"},
    {"email": "ILK@example.com", "substitutionTags": [{"tag": "coupon", "value": "SUMMER"}]},
    {"externalId": "sent-1", "firstName": "Nova", "phoneNumber": "+34 600 999 888", "shoeSize": 42},
]
