"""What SQLAlchemy finds in the schema, printed: the same through the proxy and on a plain database.

Then a table is read by the types that were reflected. Connection by PG* variables.
"""

import json

import sqlalchemy as sa

engine = sa.create_engine("postgresql+psycopg://")
inspector = sa.inspect(engine)


def plain(value):
    return json.dumps(value, default=repr, sort_keys=True)


print(plain(sorted(inspector.get_schema_names())))
print(plain(sorted(inspector.get_table_names())))
print(plain(inspector.get_enums()))
print(plain(inspector.get_domains()))
for table in sorted(inspector.get_table_names()):
    for what in (
        "columns",
        "pk_constraint",
        "indexes",
        "foreign_keys",
        "unique_constraints",
        "check_constraints",
        "table_comment",
    ):
        print(table, what, plain(getattr(inspector, "get_" + what)(table)))
print(plain(inspector.get_multi_columns(schema="public").__repr__()))

metadata = sa.MetaData()
metadata.reflect(engine)
for table in metadata.sorted_tables:
    print(sa.schema.CreateTable(table).compile(engine))
    for index in sorted(table.indexes, key=lambda i: i.name):
        print(sa.schema.CreateIndex(index).compile(engine))

# The same again: a driver that prepares by itself does so after five times.
for _ in range(8):
    again = sa.MetaData()
    again.reflect(engine)
    assert sorted(again.tables) == sorted(metadata.tables)

patients = metadata.tables["patients"]
with engine.begin() as connection:
    connection.execute(patients.insert().values(id=77, name="Sara Serval", ssn="900-44-0077"))
    row = connection.execute(sa.select(patients).where(patients.c.ssn == "900-44-0077")).one()
    print(row)
    connection.execute(patients.delete().where(patients.c.id == 77))
