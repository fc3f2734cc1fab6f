"""asyncpg: everything named, everything binary, Parse and Describe ahead of Bind with Flush."""

import asyncio

import asyncpg

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same


async def main():
    conn = await asyncpg.connect(ssl=False)
    await conn.execute(CREATE)
    places = ", ".join(f"${n + 1}" for n in range(len(GRACE)))
    insert = f"INSERT INTO people ({COLUMNS}) VALUES ({places})"
    await conn.execute(insert, *GRACE)
    await conn.executemany(insert, [ZOE, NOBODY])

    for _ in range(3):
        for got, wanted in zip(await conn.fetch(f"SELECT {COLUMNS} FROM people ORDER BY id"), PEOPLE, strict=True):
            same(got, wanted)
    assert await conn.fetchval("SELECT name FROM people WHERE ssn = $1", GRACE[2]) == GRACE[1]
    assert await conn.fetchval("SELECT id FROM people WHERE token = $1", ZOE[9]) == 2
    statement = await conn.prepare("SELECT name, dob, age FROM people WHERE ssn = $1")
    assert [a.type.name for a in statement.get_attributes()] == ["text", "date", "int4"]
    assert [p.name for p in statement.get_parameters()] == ["text"], statement.get_parameters()
    same(await statement.fetchrow(ZOE[2]), (ZOE[1], ZOE[3], ZOE[4]))

    async with conn.transaction():
        assert await conn.execute("UPDATE people SET name = $1, age = $2 WHERE id = $3", "Zoë", 7, 2) == "UPDATE 1"
        for statement, value, error in [
            ("INSERT INTO people (id, name, ssn) VALUES (9, 'x', $1)", GRACE[2], asyncpg.UniqueViolationError),
            ("SELECT id FROM people WHERE name LIKE $1", "Grace%", asyncpg.FeatureNotSupportedError),
            ("INSERT INTO people (id, name, ssn) VALUES (9, 'x', $1)", "far too long for it", asyncpg.StringDataRightTruncationError),
        ]:
            try:
                async with conn.transaction():
                    await conn.execute(statement, value)
                raise SystemExit(f"went through: {statement}")
            except error as e:
                assert value not in str(e) and value not in str(e.detail), str(e)
        assert tuple(await conn.fetchrow("SELECT name, age FROM people WHERE id = 2")) == ("Zoë", 7)
        await conn.execute("UPDATE people SET name = $1, age = $2 WHERE id = 2", ZOE[1], ZOE[4])

    upsert = "INSERT INTO people (id, name, ssn) VALUES ($1, $2, $3) ON CONFLICT (ssn) DO UPDATE SET name = EXCLUDED.name RETURNING id, name"
    assert tuple(await conn.fetchrow(upsert, 10, "Grace again", GRACE[2])) == (1, "Grace again")
    assert tuple(await conn.fetchrow(upsert, 11, "new", "902-55-0003")) == (11, "new")
    await conn.execute("UPDATE people SET name = $1 WHERE id = 1", GRACE[1])
    gone = await conn.fetch("DELETE FROM people WHERE ssn = $1 RETURNING name", "902-55-0003")
    assert [tuple(r) for r in gone] == [("new",)]

    # A cursor: a portal with a row limit.
    async with conn.transaction():
        seen = [r["name"] async for r in conn.cursor("SELECT name FROM people ORDER BY id", prefetch=2)]
    assert seen == [p[1] for p in PEOPLE]
    await conn.close()


asyncio.run(main())
