"""The people of the dump: invented, and each at an edge of what a value may be.

Letters that look alike are written as escapes where their code points are what matters.
"""

from itertools import count

# Custom properties by workspace: name, type, options. What is not declared here takes its type from the first value.
PROPERTIES = {
    "madrid": [
        ("nickname", "text", []),
        ("code", "text", ["007", "7", "A7"]),
        ("points", "number", []),
        ("newsletter", "boolean", []),
        ("lastOrder", "date", []),
        ("trialEnds", "date", []),
        ("interests", "list", ["chess", "café", "running"]),
        ("extra", "opaque", []),
    ],
    "santiago": [("lastOrder", "date", []), ("plan", "text", ["free", "pro"])],
    "howe": [("lastOrder", "date", []), ("points", "number", [])],
}

NICKNAMES = [
    # One word in many spellings: composed, decomposed, in capitals, without its accent.
    "José", "Jose\u0301", "JOSÉ", "JOSE\u0301", "jose", "josé", "Josè",
    "Straße", "STRASSE", "strasse", "STRA\u1e9eE", "Strase",
    "Søren", "SØREN", "Soren", "So\u0338ren", "Łukasz", "łukasz", "ŁUKASZ", "Lukasz", "Æsa", "Aesa", "Œuvre", "ŒUVRE",
    "\u0130stanbul", "istanbul", "ISTANBUL", "\u0131stanbul", "i\u0307stanbul",
    "Сергей", "СЕРГЕЙ", "Сергеи\u0306", "Сергеи", "Алёна", "Алена", "АЛЁНА",
    "ΟΔΟΣ", "οδος", "οδοσ", "οδός", "Οδός", "ο\u0314δός",
    "अनीता", "अनिता", "क\u093cलम", "\u0958लम", "สมชาย", "สมชาย\u0e4c", "เเก้ว", "แก้ว",
    "カタカナ", "ｶﾀｶﾅ", "ガラス", "カ\u3099ラス", "ｶﾞﾗｽ", "한글", "\u1112\u1161\u11ab\u1100\u1173\u11af",
    "Tiếng Việt", "Tiê\u0301ng Viê\u0323t", "مُحَمَّد", "محمد", "שָׁלוֹם", "שלום",
    "\u212bngström", "Ångström", "A\u030angstro\u0308m", "\u2126mega", "Ωmega", "ωmega",
    "ﬁnn", "finn", "ＡＢＣ", "abc", "Ⅳ", "ǅ", "ǆ", "ŉ", "x²", "🦜", "👩‍🚒", "ª", "µ", "μ",
    # Blanks, and what looks like none or like nothing.
    " José", "José ", "José\u00a0", "\u00a0José", "José\u200b", "Jo\u200dsé", "Jo\u00adsé", "\ufeffJosé", "José\u3000",
    "   ", "\u00a0", "\u200b", "\t", "\n", "\u2003\u2003", "two  blanks", "two blanks", "line\nbreak", "line\r\nbreak",
    # Texts that mean something elsewhere.
    "null", "None", "true", "[]", "{}", "''", "%", "_", "100%", "a_b", "\\", "a\\b", "^a.*$", "'); --", "=1+1", "0",
]  # fmt: skip

# A text property: as they come, numbers too, which are kept as text.
CODES = ["007", "7", 7, "7.0", 7.5, "07", "10", "9", 10, "1e3", 1000, "-7", "+7", "٧", "9007199254740993", "A7", "a7",
         "A 7", "á7", "z", "Z", "ä"]  # fmt: skip

# A number property: texts that spell a number are kept as that number.
POINTS = [0, -0.0, 7, "7", "007", " 7 ", 7.0, 7.000000000000001, 0.1, 0.30000000000000004, 0.3, -1, -1.5, 1000, "1e3",
          2**53, -(2**53), 2**53 - 1, "9007199254740992", 5e-324]  # fmt: skip

FLAGS = [True, False, "true", "false", " TRUE ", "False"]

LISTS = [["chess"], ["Chess"], ["CAFÉ", "running"], ["cafe\u0301"], ["cafe"], ["running", "chess", "café"], "chess",
         ["chess", "chess"], [" chess"], ["chess "], ["a,b"], ["a", "b"], ["", "running"]]  # fmt: skip

EXTRAS = [{}, {"a": None}, [1], 0, False, "text", {"deep": {"er": ["José", 7, True]}}, [[]], " "]

# Around the dump's now, 2027-03-28T00:30:00Z, which is 01:30 in Madrid, half an hour before the clocks go forward,
# 21:30 of the day before in Santiago and 11:30 on Lord Howe Island.
NEAR_NOW = [
    "2027-03-28", "2027-03-27", "2027-03-29", "2027-03-28T00:30:00Z", "2027-03-28T00:29:59.999Z",
    "2027-03-28T00:30:00.001Z", "2027-03-28T01:30:00+01:00", "2027-03-28T01:30:00", "2027-03-27T22:59:59.999Z",
    "2027-03-27T23:00:00Z", "2027-03-28T02:30:00", "2027-03-28T03:00:00", "2027-03-28T00:59:59Z",
    "2027-03-28T01:00:00Z", "2027-03-28T21:59:59.999Z", "2027-03-28T22:00:00Z", "2027-03-21T00:30:00Z",
    "2027-03-21T00:29:59.999Z", "2027-03-21", "2027-03-20", "2027-04-04", "2027-04-04T00:30:00Z", "2027-04-05",
    "2027-03-26T12:30:00Z", "2027-03-26T12:29:59.999Z", "2027-02-26", "2027-02-25", "2026-12-28",
]  # fmt: skip

CALENDAR = [
    "2024-02-29", "2000-02-29", "2024-02-29T23:59:59.999+01:00", "2024-03-01", "2024-02-28", "2023-02-28", "2023-03-01",
    "1999-12-31", "2000-01-01", "1999-12-31T23:00:00Z", "1999-12-31T22:59:59Z", "2026-12-31", "2027-01-01",
    "2026-12-31T23:30:00Z", "2026-12-31T23:30:00-05:00", "2026-11-30", "2026-11-30T23:00:00Z", "1970-01-01",
    "1969-12-31T23:59:59Z", "0001-01-02", "9999-12-30", "1900-02-28", "1883-11-18T12:00:00Z",
]  # fmt: skip

# The hours in which clocks go back or forward: written with an offset, without one, and as days.
CLOCKS = {
    "madrid": [
        "2026-10-25", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z",
        "2026-10-24T21:59:59.999Z", "2026-10-25T22:59:59.999Z", "2026-10-25T23:00:00Z", "2026-10-26",
    ],
    "santiago": [  # midnight itself is skipped in September, and comes twice in April
        "2026-09-06", "2026-09-06T00:30:00", "2026-09-06T03:59:59.999Z", "2026-09-06T04:00:00Z", "2026-09-05",
        "2026-09-05T23:59:59", "2027-04-03", "2027-04-03T23:30:00", "2027-04-04T02:30:00Z", "2027-04-04T03:30:00Z",
        "2027-04-04T03:59:59.999Z", "2027-04-04T04:00:00Z", "2027-04-04", "2026-09-07T02:59:59Z", "2026-09-07T03:00:00Z",
    ],
    "howe": [  # by half an hour
        "2026-10-04", "2026-10-04T02:15:00", "2026-10-03T15:30:00Z", "2026-10-03T15:29:59.999Z", "2026-10-03T13:30:00Z",
        "2026-10-03T13:29:59.999Z", "2026-10-04T13:00:00Z", "2026-10-04T12:59:59.999Z", "2027-04-04",
        "2027-04-04T01:45:00", "2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z", "2027-04-03T13:00:00Z",
        "2027-04-04T13:30:00Z", "2027-04-04T13:29:59.999Z",
    ],
}  # fmt: skip

# External ids that are one when blanks around them or capitals do not count.
EXTERNAL_IDS = ["C-1", " C-1", "C-1 ", "C-1\u00a0", "\tC-1", "c-1", "C-01", "C‑1", "007", "7", "ß-1", "ss-1", "  "]

# E-mail addresses that differ in case, accents or the spelling of a domain.
EMAILS = [
    "ana@example.com", "ANA@example.com", "Ana@EXAMPLE.com", "aná@example.com", "ana\u0301@example.com",
    " ana.blank@example.com ", "ana+shop@example.com", "a.na@example.com", "o'hara@example.com",
    "info@bücher.example", "info@BÜCHER.example", "info@xn--bcher-kva.example", "info@bu\u0308cher.example",
    "info@bucher.example", "ινφο@παράδειγμα.example", "почта@пример.example", "\u0130lk@example.com",
    "ilk@example.com", "straße@example.com", "strasse@example.com", "info@straße.example", "info@strasse.example",
]  # fmt: skip

PHONES = [
    "+34 600 111 222", "+34600111222", "600111222", "600 11 12 22", "0034600111222", "+34600111222;ext=5",
    "+1 212 555 0123 ext. 5", "+12125550123", "(212) 555-0123", "+49 (0)30 901820", "+493090182 0", "030 901820",
    "+442079460000", "+44 (0) 20 7946 0000", "+61 2 5550 1234", "+999123", "none", "+34６００１１１２２２",
    {"countryCode": "34", "number": "600 111 222"}, {"number": "600111222"}, {"countryCode": "+56", "number": "2 2345 6789"},
]  # fmt: skip

TAGS = [["VIP"], ["vip"], ["VIP", "Beta"], ["beta"], ["café"], ["cafe\u0301"], ["CAFE"], [" vip"], ["vip "], ["a, b"]]

COUPONS = ["SUMMER", "summer", "Summer 10", " SUMMER", "sümmer", 10, True, "10", ""]

PROFILES = [
    {"birthday": "2000-02-29", "country": "ES", "gender": "Female", "city": "A Coruña", "status": "new"},
    {"birthday": "1996-02-29", "country": "es", "city": "A CORUN\u0303A", "zipcode": "007"},
    {"birthday": "2000-03-01", "country": "Spain", "zipcode": 7, "teamSize": "12", "annualRevenue": 1.5e9},
    {"birthday": "2001-02-28", "company": "Ωmega & Söhne", "teamSize": 0, "website": "https://omega.example/?a=1&b=2"},
    {"birthday": "1969-12-31", "address": {"street": "Calle Mayor 1", "zip": "28013"}, "note": "likes <b>bold</b>"},
    {"country": "", "occupation": "Baker", "department": None, "industry": "Food", "timezone": "Europe/Madrid"},
    {"socialMediaUrls": {"mastodon": "https://social.example/@ana"}, "region": "Île-de-France", "status": "NEW"},
]

SURNAMES = [
    "Alder",
    "Birch",
    "Cedar",
    "Elder",
    "Fir",
    "Gorse",
    "Hazel",
    "Ivy",
    "Larch",
    "Maple",
    "Oak",
    "Pine",
    "Quince",
]


def madrid():
    """Everybody of the first workspace, as documents of the API."""
    numbers = count(1)
    for name, values in [
        ("nickname", NICKNAMES), ("code", CODES), ("points", POINTS), ("newsletter", FLAGS), ("interests", LISTS),
        ("extra", EXTRAS), ("lastOrder", [*NEAR_NOW, *CLOCKS["madrid"]]), ("trialEnds", [*CALENDAR, *NEAR_NOW[:6]]),
    ]:  # fmt: skip
        for value in values:
            yield _named(next(numbers), name, customProperties={name: value})
    for field, values in [("tags", TAGS), ("phone", PHONES)]:
        for value in values:
            yield _named(next(numbers), field, **{field: value})
    for value in EMAILS:
        yield _named(next(numbers), "email", email=value)
    for value in EXTERNAL_IDS:
        yield {"externalId": value, "firstName": "Known", "lastName": f"as {value!a}", "points": 7}
    for value in COUPONS:
        yield _named(next(numbers), "coupon", substitutionTags={"coupon": value, "greeting name": "¡Hola!"})
    for profile in PROFILES:
        yield _named(next(numbers), "profile", **profile)
    # Some who have something of everything.
    for place in range(12):
        yield _named(
            next(numbers), "mixed", tags=TAGS[place % len(TAGS)], **PROFILES[place % len(PROFILES)],
            customProperties={
                "nickname": NICKNAMES[7 * place], "code": CODES[place], "points": POINTS[place], "newsletter": place % 3 == 0,
                "interests": LISTS[place], "lastOrder": NEAR_NOW[2 * place], "trialEnds": CALENDAR[place],
            },
        )  # fmt: skip


def elsewhere(workspace):
    for number, value in enumerate([*CLOCKS[workspace], *NEAR_NOW[:16]], 1):
        other = {"plan": "pro" if number % 2 else "Free"} if workspace == "santiago" else {"points": number % 5}
        yield _named(number, workspace, customProperties={"lastOrder": value, **other})


def _named(number, first, **more):
    return {"externalId": f"P-{number:03d}", "firstName": first, "lastName": SURNAMES[number % len(SURNAMES)], **more}
