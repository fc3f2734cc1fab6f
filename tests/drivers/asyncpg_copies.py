"""asyncpg: copy_records_to_table in binary, copy_to_table and copy_from_query in text and CSV."""

import asyncio
import io

import asyncpg

from expected import COLUMNS, CREATE, GRACE, NOBODY, PEOPLE, ZOE, same


async def main():
    conn = await asyncpg.connect(ssl=False)
    await conn.execute(CREATE)
    names = COLUMNS.split(", ")

    async def check():
        found = await conn.fetch(f"SELECT {COLUMNS} FROM people ORDER BY id")
        for got, wanted in zip(found, PEOPLE, strict=True):
            same(got, wanted)

    assert await conn.copy_records_to_table("people", records=PEOPLE, columns=names) == "COPY 3"
    await check()
    for options in [{}, {"format": "csv", "header": True}, {"format": "csv", "force_quote": True}, {"format": "binary"}]:
        out = io.BytesIO()
        assert await conn.copy_from_table("people", output=out, columns=names, **options) == "COPY 3"
        await conn.execute("DELETE FROM people")
        out.seek(0)
        options.pop("force_quote", None)
        assert await conn.copy_to_table("people", source=out, columns=names, **options) == "COPY 3"
        await check()
    out = io.BytesIO()
    # arguments of copy_from_query would be quoted by the server: SELECT quote_nullable($1)
    await conn.copy_from_query(f"SELECT name FROM people WHERE ssn = '{GRACE[2]}'", output=out)
    assert out.getvalue() == b"Grace Capybara\n", out.getvalue()
    try:
        await conn.copy_records_to_table("people", records=[(9, "x", GRACE[2])], columns=names[:3])
        raise SystemExit("a duplicate went through")
    except asyncpg.UniqueViolationError as e:
        assert GRACE[2] not in str(e) and GRACE[2] not in str(e.detail), str(e)
    try:
        await conn.copy_records_to_table("people", records=[(9, "x", "far too long for it")], columns=names[:3])
        raise SystemExit("a value that is too long went through")
    except asyncpg.StringDataRightTruncationError as e:
        assert "far too long" not in str(e), str(e)
    await check()
    await conn.close()


asyncio.run(main())
