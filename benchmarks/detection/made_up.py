"""Tables as people and programs make them: names in many styles, columns of many types."""

import random
from collections.abc import Callable
from datetime import date, timedelta

_FIRST = ("Ana", "Ben", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Jürgen", "Siobhan", "Zoë", "María José")
_LAST = ("Ruiz", "O'Brien", "Martin", "Volkov", "D'Angelo", "Haddad", "Müller", "Kim", "Okafor", "van der Berg")
_CITIES = ("Amsterdam", "Bogotá", "Cairo", "New York", "São Paulo", "Fukuoka", "Genève", "Hanoi", "St. John's")
_WORDS = (
    "the delivery was late, but complete; see note",
    "late",
    "as agreed",
    "refunded in part, twice",
    'he said "never again"',
    "2 boxes",
    "Größe L",
    "call back at 12:30",
    "https://example.com/a?b=c,d",
    'size 5" pipe',
    "it's fine",
    "first line\nsecond line",
    "a/b testing",
    "100% cotton, blue",
    "N/A",
    "see page 4, table 2",
)
_STATES = ("open", "closed", "on hold", "New", "shipped")
_DAY = date(2019, 1, 1)

Maker = Callable[[random.Random, int], str]


def _day(draw: random.Random) -> date:
    return _DAY + timedelta(days=draw.randrange(2_000))


_MAKERS: dict[str, tuple[tuple[str, ...], Maker]] = {
    "number": (("id", "ID", "Kundennummer", "order_id", "Nr."), lambda _, row: str(row + 1)),
    "count": (("count", "Quantity", "Menge", "visits"), lambda draw, _: str(draw.randrange(500))),
    "decimal": (("price", "Score", "Betrag", "unitPrice"), lambda draw, _: f"{draw.random() * 1000:.2f}"),
    "grouped": (("Revenue", "turnover"), lambda draw, _: f"{draw.randrange(10**7):,}"),
    "iso": (("date", "created_at", "Order Date"), lambda draw, _: _day(draw).isoformat()),
    "dotted": (("Datum", "Lieferdatum", "date of birth"), lambda draw, _: f"{_day(draw):%d.%m.%Y}"),
    "slashed": (("Date", "due"), lambda draw, _: f"{_day(draw):%m/%d/%Y}"),
    "clock": (("time", "Start"), lambda draw, _: f"{draw.randrange(24):02}:{draw.randrange(60):02}"),
    "stamp": (
        ("timestamp", "Updated At"),
        lambda draw, _: f"{_day(draw).isoformat()} {draw.randrange(24):02}:{draw.randrange(60):02}:00",
    ),
    "name": (
        ("name", "Customer", "Kunde", "full name"),
        lambda draw, _: f"{draw.choice(_FIRST)} {draw.choice(_LAST)}",
    ),
    "inverted": (("Name", "author"), lambda draw, _: f"{draw.choice(_LAST)}, {draw.choice(_FIRST)}"),
    "city": (("city", "Stadt", "Place"), lambda draw, _: draw.choice(_CITIES)),
    "state": (("status", "State", "stage"), lambda draw, _: draw.choice(_STATES)),
    "text": (("comment", "Notes", "Bemerkung", "description"), lambda draw, _: draw.choice(_WORDS)),
    "flag": (("active", "isMember"), lambda draw, _: draw.choice(("true", "false"))),
    "email": (("email", "E-Mail"), lambda draw, _: f"user{draw.randrange(10**4)}@example.com"),
    "code": (
        ("sku", "Article no."),
        lambda draw, _: f"{draw.choice('ABC')}{draw.choice('XYZ')}-{draw.randrange(10**4):04}",
    ),
    "json": (("payload",), lambda draw, _: f'{{"a": {draw.randrange(9)}, "b": "x;y"}}'),
    "tags": (("tags",), lambda draw, _: ";".join(draw.sample(_STATES, draw.randrange(1, 4)))),
    "gap": (("fax", "middle_name"), lambda draw, _: "" if draw.random() < 0.8 else draw.choice(_FIRST)),
}
_TEXTS = ("name", "inverted", "city", "state", "text")


def make_table(draw: random.Random) -> dict[str, list]:
    """A header and 2 to 1,000 rows, of two columns or more."""
    width = draw.choice((2, 3, 4, 5, 6, 8, 12))
    kinds = _TEXTS if draw.random() < 0.07 else tuple(_MAKERS)
    chosen = draw.sample(kinds, min(width, len(kinds)))
    rows = draw.choice((2, 3, 5, 20, 100, 1000))
    return {
        "header": [draw.choice(_MAKERS[kind][0]) for kind in chosen],
        "rows": [[_MAKERS[kind][1](draw, row) for kind in chosen] for row in range(rows)],
    }
