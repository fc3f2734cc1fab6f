"""asyncpg and psycopg look types up that they do not know. Connection by PG* variables."""

import asyncio

import asyncpg
import psycopg
from psycopg.types import TypeInfo
from psycopg.types.enum import EnumInfo


async def with_asyncpg():
    connection = await asyncpg.connect()
    print(await connection.fetch("SELECT 'out'::room_state AS state, ARRAY['in']::room_state[] AS states"))
    print(await connection.fetch("SELECT 5::positive AS n"))
    print(await connection.fetch("SELECT v FROM (VALUES (ROW(1, 'in'::room_state))) AS t (v)"))
    statement = await connection.prepare("SELECT name, dob, cost FROM patients WHERE id = $1")
    print([(a.name, a.type.name) for a in statement.get_attributes()])
    await connection.close()


asyncio.run(with_asyncpg())
with psycopg.connect() as connection:
    for name in ("text", "room_state", "positive", "patients"):
        info = TypeInfo.fetch(connection, name)
        print(info.name, info.regtype)
    print(EnumInfo.fetch(connection, "room_state").labels)
    print(TypeInfo.fetch(connection, "hippocrypt.cell"))
