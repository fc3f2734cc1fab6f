"""SQLAlchemy's ORM by psycopg, psycopg2 and asyncpg: the scenario of README.md. Connection by PG* variables.

The models are what SQLAlchemy finds in the schema; it casts values to the types it found.
"""

import asyncio
import datetime as dt
import decimal
import os
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session

UTC = dt.timezone.utc
GRACE = dict(
    name="Grace Capybara", ssn="900-55-0001", dob=dt.date(1906, 12, 9), age=85, big=2**53 + 1, cost=decimal.Decimal("12.50"),
    alive=True, seen=dt.datetime(2024, 2, 29, 12, 34, 56, 789000, UTC), token=uuid.UUID("6f1f2b6e-0000-4000-8000-0000000000aa"),
    photo=b"\x00\x01\xff\\", note="clear",
)
ZOE = dict(
    name="Zoë O'Capybara \\ Ω", ssn="901-55-0002", dob=dt.date(2001, 1, 1), age=-1, big=0, cost=decimal.Decimal("0.00"),
    alive=False, seen=dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), token=uuid.UUID(int=1), photo=b"", note=None,
)
# psycopg2 writes a list as ARRAY[…], which is refused beside an encrypted column.
LIST = ["a,b", "", None, 'Ω"']
TAGS = {"postgresql+psycopg2": None, "postgresql+psycopg": LIST, "postgresql+asyncpg": LIST}


def say(what, *values):
    print(f"{what}: {' | '.join(map(repr, values))}")


def told(person):
    return {c.key: getattr(person, c.key) for c in sa.inspect(type(person)).columns}


def failure(session, what):
    try:
        with session.begin_nested():
            what()
        say("no failure")
    except sa.exc.DBAPIError as e:
        say("failed", type(e).__name__, getattr(e.orig, "sqlstate", None) or getattr(e.orig, "pgcode", None))


def scenario(session, tags):
    base = automap_base()
    base.prepare(session.connection())
    Person, Claim = base.classes.people, base.classes.claims
    session.execute(sa.delete(Claim))
    session.execute(sa.delete(Person))
    session.add_all([Person(id=1, tags=tags, **GRACE), Person(id=2, tags=tags and [], **ZOE), Person(id=3, name="", ssn=None)])
    session.commit()
    for person in session.scalars(sa.select(Person).order_by(Person.id)):
        say("row", told(person))
    grace = session.scalar(sa.select(Person).where(Person.ssn == GRACE["ssn"]))
    for i in range(7):
        say("again", session.execute(sa.select(Person.name, Person.dob).where(Person.ssn == (GRACE, ZOE)[i % 2]["ssn"])).all())
    say("in", session.scalars(sa.select(Person.id).where(Person.ssn.in_([GRACE["ssn"], ZOE["ssn"]])).order_by(Person.id)).all())
    say("token", session.scalars(sa.select(Person.name).where(Person.token == ZOE["token"])).all())
    say("none", session.scalar(sa.select(sa.func.count()).where(Person.dob.is_(None))))
    grace.age, grace.cost, grace.seen, grace.big = 7, decimal.Decimal("1.005"), dt.datetime(2020, 2, 2, tzinfo=UTC), 3
    if tags:
        grace.tags = [*tags, "new"]
    grace.claims_collection.extend([Claim(ssn=GRACE["ssn"], amount=5), Claim(amount=decimal.Decimal("2.25"))])
    session.commit()
    say("updated", told(grace))
    say("claims", sorted((c.ssn, c.amount) for c in grace.claims_collection if c.ssn))
    say("joined", session.execute(sa.select(Person.name, Claim.amount).join(Claim, Claim.ssn == Person.ssn)).all())
    say("grouped", session.execute(sa.select(Claim.ssn, sa.func.sum(Claim.amount)).where(Claim.ssn.is_not(None)).group_by(Claim.ssn)).all())

    many = [dict(id=60 + i, name=f"Carl Capybara {i}", ssn=f"900-55-006{i}", age=i, alive=None) for i in range(5)]
    say("many", session.scalars(sa.insert(Person).returning(Person.name, sort_by_parameter_order=True), many).all())
    session.execute(sa.update(Person), [dict(id=60, age=70000), dict(id=61, age=1)])
    upsert = insert(Person).values(name="Carl again", ssn="900-55-0060")
    upsert = upsert.on_conflict_do_update(index_elements=["ssn"], set_=dict(name=upsert.excluded.name)).returning(Person.id, Person.name)
    say("upserted", session.execute(upsert).all())
    say("changed", session.execute(sa.update(Person).where(Person.ssn == "900-55-0061").values(name="Carla", age=None)).rowcount)
    for part in session.execute(sa.select(Person.id, Person.name, Person.age).order_by(Person.id).execution_options(yield_per=3)).partitions():
        say("cursor", part)

    failure(session, lambda: session.execute(sa.insert(Person).values(name="twice", ssn=GRACE["ssn"])))
    failure(session, lambda: session.execute(sa.insert(Person).values(name=None)))
    failure(session, lambda: session.execute(sa.insert(Person).values(name="long", ssn="900-55-0001-0")))
    failure(session, lambda: session.execute(sa.text("SELECT nothing FROM people")))
    failure(session, lambda: session.execute(sa.text("SELEC 1")))
    session.execute(sa.text("SET LOCAL statement_timeout = '200ms'"))
    failure(session, lambda: session.execute(sa.text("SELECT pg_sleep(20)")))
    say("deleted", session.execute(sa.delete(Person).where(Person.ssn.in_([m["ssn"] for m in many]))).rowcount)
    session.rollback()
    say("undone", session.scalar(sa.select(sa.func.count()).select_from(Person)))


def place(dialect):
    return sa.URL.create(
        dialect, os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGHOST"], int(os.environ["PGPORT"]), os.environ["PGDATABASE"],
    )


async def asynchronous(dialect):
    engine = create_async_engine(place(dialect))
    async with engine.connect() as connection:
        await connection.run_sync(lambda c: scenario(Session(c), TAGS[dialect]))
    await engine.dispose()


for dialect in TAGS:
    say("dialect", dialect)
    if dialect.endswith("asyncpg"):
        asyncio.run(asynchronous(dialect))
    else:
        with Session(sa.create_engine(place(dialect))) as session:
            scenario(session, TAGS[dialect])
