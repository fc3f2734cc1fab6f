"""Alembic and SQLAlchemy: operations as a revision file has them, then the ORM's core on the same tables."""

import os

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

engine = sa.create_engine(
    "postgresql+psycopg://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)
)
with engine.begin() as connection:
    op = Operations(MigrationContext.configure(connection))
    op.create_table(
        "clinic_patient",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("ssn", sa.String(11), nullable=False),
        sa.Column("notes", sa.Text, server_default="tamandua notes"),
        sa.Column("room", sa.String(10)),
        sa.UniqueConstraint("ssn", name="one_ssn"),
    )
    op.create_table(
        "clinic_claim",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("patient_id", sa.String(11), sa.ForeignKey("clinic_patient.ssn", ondelete="CASCADE")),
        sa.Column("note", sa.Text),
        sa.Column("amount", sa.Numeric(10, 2)),
    )
with engine.begin() as connection:
    op = Operations(MigrationContext.configure(connection))
    op.add_column(
        "clinic_patient",
        sa.Column("email", sa.String(254), nullable=False, server_default="nobody@tamandua.test"),
    )
    op.add_column("clinic_patient", sa.Column("status", sa.String(20), nullable=False, server_default="new"))
    op.create_check_constraint("status_known", "clinic_patient", "status IN ('new', 'old')")
    op.create_index("ix_claim_patient", "clinic_claim", ["patient_id"])
    op.alter_column("clinic_patient", "room", new_column_name="ward", type_=sa.String(30))
    op.alter_column("clinic_patient", "notes", nullable=True, server_default=None)
    op.create_foreign_key("fk", "clinic_claim", "clinic_patient", ["patient_id"], ["ssn"])
    op.drop_constraint("fk", "clinic_claim")

table = sa.Table(
    "clinic_patient",
    sa.MetaData(),
    *[sa.Column(name, sa.Integer if name == "id" else sa.String) for name in "id name ssn notes email status ward".split()],
)
with engine.begin() as connection:
    connection.execute(table.insert(), [{"name": "Ada Tamandua", "ssn": "900-66-0001"}, {"name": "Bo Tamandua", "ssn": "900-66-0002"}])
    row = connection.execute(table.select().where(table.c.ssn == "900-66-0002")).one()
    assert (row.name, row.email, row.status, row.notes) == ("Bo Tamandua", "nobody@tamandua.test", "new", None), row
    connection.execute(sa.text("INSERT INTO clinic_claim (patient_id, note) VALUES (:ssn, 'tamandua claim')"), {"ssn": "900-66-0001"})
for bad in ("INSERT INTO clinic_patient (name, ssn) VALUES ('x', '900-66-0001')", "INSERT INTO clinic_patient (name, ssn, status) VALUES ('x', '900-66-0009', 'other')"):
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(bad))
    except sa.exc.IntegrityError as e:
        assert "f5e1" not in str(e.orig), e
    else:
        raise AssertionError(bad)
with engine.connect() as connection:
    names = connection.execute(sa.text("SELECT name FROM clinic_patient ORDER BY id")).scalars().all()
    assert names == ["Ada Tamandua", "Bo Tamandua"], names
