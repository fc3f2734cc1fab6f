"""What every driver writes and must get back, as Python values of Python types."""

import datetime as dt
import decimal
import uuid

CREATE = """
CREATE TABLE people (
  id int PRIMARY KEY, name text NOT NULL, ssn varchar(11) UNIQUE, dob date, age int4, big int8,
  cost numeric(10,2), alive bool, seen timestamptz, token uuid, note text)
"""

COLUMNS = "id, name, ssn, dob, age, big, cost, alive, seen, token, note"

UTC = dt.timezone.utc

GRACE = (
    1, "Grace Capybara", "900-55-0001", dt.date(1906, 12, 9), 85, 2**53 + 1, decimal.Decimal("12.50"), True,
    dt.datetime(2024, 2, 29, 12, 34, 56, 789000, UTC), uuid.UUID("6f1f2b6e-0000-4000-8000-0000000000aa"), "clear",
)
ZOE = (
    2, "Zoë O'Capybara \\ Ω", "901-55-0002", dt.date(2001, 1, 1), -1, 0, decimal.Decimal("0.00"), False,
    dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), uuid.UUID(int=1), None,
)
NOBODY = (3, "", None, None, None, None, None, None, None, None, None)
PEOPLE = [GRACE, ZOE, NOBODY]


def same(got, wanted):
    """Equal values of equal types, or a complaint that shows neither where it could be long."""
    got, wanted = tuple(got), tuple(wanted)
    assert len(got) == len(wanted), f"{len(got)} columns instead of {len(wanted)}"
    for n, (g, w) in enumerate(zip(got, wanted)):
        if isinstance(g, uuid.UUID):
            g = uuid.UUID(int=g.int)  # asyncpg has a faster class of its own
        if isinstance(g, dt.datetime) and isinstance(w, dt.datetime):
            g = g.astimezone(UTC)
        assert type(g) is type(w) and g == w, f"column {n + 1}: {g!r} instead of {w!r}"
