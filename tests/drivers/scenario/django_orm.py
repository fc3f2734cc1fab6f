"""Django's ORM by psycopg 3, values in the statement's text and bound by the server: the scenario of README.md. By PG* variables."""

import datetime as dt
import decimal
import os
import uuid

import django
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import DatabaseError, connections, models, transaction

PLACE = {
    "ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"], "NAME": os.environ["PGDATABASE"],
}
settings.configure(
    DATABASES={"default": PLACE, "binds": PLACE | {"OPTIONS": {"server_side_binding": True}}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.postgres"],
    USE_TZ=True,
)
django.setup()

UTC = dt.timezone.utc
GRACE = dict(
    name="Grace Capybara", ssn="900-55-0001", dob=dt.date(1906, 12, 9), age=85, big=2**53 + 1, cost=decimal.Decimal("12.50"),
    alive=True, seen=dt.datetime(2024, 2, 29, 12, 34, 56, 789000, UTC), token=uuid.UUID("6f1f2b6e-0000-4000-8000-0000000000aa"),
    photo=b"\x00\x01\xff\\", tags=["a,b", "", None, 'Ω"'], note="clear",
)
ZOE = dict(
    name="Zoë O'Capybara \\ Ω", ssn="901-55-0002", dob=dt.date(2001, 1, 1), age=-1, big=0, cost=decimal.Decimal("0.00"),
    alive=False, seen=dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), token=uuid.UUID(int=1), photo=b"", tags=[], note=None,
)


class Person(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField()
    ssn = models.CharField(max_length=11, unique=True, null=True)
    dob = models.DateField(null=True)
    age = models.IntegerField(null=True)
    big = models.BigIntegerField(null=True)
    cost = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    alive = models.BooleanField(null=True)
    seen = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    photo = models.BinaryField(null=True)
    tags = ArrayField(models.TextField(null=True), null=True)
    visits = models.IntegerField(default=0)
    note = models.CharField(max_length=40, null=True)

    class Meta:
        app_label, db_table, managed = "scenario", "people", False


class Claim(models.Model):
    id = models.AutoField(primary_key=True)
    patient = models.ForeignKey(Person, models.CASCADE, db_column="ssn", to_field="ssn", null=True)
    person = models.ForeignKey(Person, models.CASCADE, db_column="person_id", null=True)
    amount = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        app_label, db_table, managed = "scenario", "claims", False


def say(what, *values):
    print(f"{what}: {' | '.join(map(shown, values))}")


def shown(value):
    return repr(bytes(value) if isinstance(value, memoryview) else value)


def failure(using, what):
    try:
        with transaction.atomic(using):
            what()
        say("no failure")
    except DatabaseError as e:
        say("failed", type(e).__name__, getattr(e.__cause__, "sqlstate", None))


def scenario(using):
    people, claims = Person.objects.using(using), Claim.objects.using(using)
    claims.all().delete()
    people.all().delete()
    people.create(id=1, **GRACE)
    people.create(id=2, **ZOE)
    people.bulk_create([Person(id=3, name=""), Person(id=60, name="Carl Capybara", ssn="900-55-0060", age=70000), Person(id=61, name="Cleo", tags=["x"])])
    for person in people.order_by("id").values():
        say("row", *person.values())
    for i in range(7):
        say("again", people.get(ssn=(GRACE, ZOE)[i % 2]["ssn"]).name)
    say("in", list(people.filter(ssn__in=[GRACE["ssn"], ZOE["ssn"], "none"]).order_by("id").values_list("id", "dob")))
    say("token", list(people.filter(token=GRACE["token"]).values_list("name")), people.filter(token=ZOE["token"]).exists())
    say("none", people.filter(dob__isnull=True).count(), people.exclude(ssn=ZOE["ssn"]).count(), people.aggregate(n=models.Count("ssn", distinct=True)))
    grace = people.get(pk=1)
    grace.age, grace.cost, grace.tags, grace.photo = 7, decimal.Decimal("1.01"), ["new"], None
    grace.save()
    people.filter(ssn=ZOE["ssn"]).update(age=5, seen=dt.datetime(2020, 2, 2, tzinfo=UTC), visits=models.F("visits") + 1)
    for n, person in enumerate(changed := list(people.filter(id__gte=60).order_by("id"))):
        person.age, person.alive = n, True
    people.bulk_update(changed, ["age", "alive", "visits"])
    say("updated", list(people.order_by("id").values_list("id", "age", "cost", "seen", "visits", "tags")))
    upserts = [Person(id=62, name="Carl again", ssn="900-55-0060"), Person(id=63, name="Cara", ssn="900-55-0063")]
    people.bulk_create(upserts, update_conflicts=True, unique_fields=["ssn"], update_fields=["name"])
    say("upserted", list(people.filter(id__gte=60).order_by("id").values_list("id", "name", "ssn")))
    say("got", people.get_or_create(ssn="900-55-0063", defaults={"name": "?"})[0].name, people.update_or_create(ssn="900-55-0063", defaults={"name": "Cora", "age": 3})[1])

    claims.create(patient_id=GRACE["ssn"], person_id=1, amount="12.34")
    claims.create(amount=1)
    say("joined", list(claims.filter(patient__token=GRACE["token"]).values_list("patient__name", "amount")))
    say("related", claims.select_related("patient", "person").get(person_id=1).patient.name)
    say("grouped", list(claims.exclude(patient=None).values("patient").annotate(total=models.Sum("amount"))))
    with transaction.atomic(using):
        say("locked", people.select_for_update().get(ssn=GRACE["ssn"]).name)
        say("cursor", [p.name for p in people.order_by("id").iterator(chunk_size=2)])

    with transaction.atomic(using):
        people.filter(pk=1).update(name="in a transaction")
        failure(using, lambda: people.create(name="twice", ssn=GRACE["ssn"]))
        say("kept", people.get(pk=1).name)
        transaction.set_rollback(True, using)
    say("undone", people.get(pk=1).name)
    failure(using, lambda: people.create(name=None))
    failure(using, lambda: people.create(name="long", ssn="900-55-0001-0"))
    failure(using, lambda: list(people.raw("SELECT nothing FROM people")))
    failure(using, lambda: list(people.raw("SELEC 1")))
    say("deleted", people.filter(ssn="900-55-0063").delete())


for using in connections:
    say("using", using)
    scenario(using)
say("schema", *(connections["default"].introspection.get_table_list(connections["default"].cursor())))
