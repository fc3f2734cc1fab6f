"""Django writes and finds rows whose hash the proxy fills: bulk_create, upsert, lookups. Connection by PG* variables."""

import datetime as dt
import os
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
            "NAME": os.environ["PGDATABASE"],
            "OPTIONS": {"server_side_binding": sys.argv[1] == "server"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.db import connection, models  # noqa: E402
from django.db.models import Q  # noqa: E402


class Person(models.Model):
    ssn = models.CharField(max_length=11, null=True)
    dob = models.DateField(null=True)
    match = models.TextField(null=True, editable=False, db_column="match")
    name = models.TextField(default="")

    class Meta:
        app_label = "clinic"
        db_table = "people"


class New(models.Model):
    """The same table without its hash: what an app writes."""

    ssn = models.CharField(max_length=11, null=True)
    dob = models.DateField(null=True)
    name = models.TextField(default="")

    class Meta:
        app_label = "clinic"
        db_table = "people"
        managed = False


with connection.schema_editor() as editor:
    editor.create_model(Person)

JULY = dt.date(1984, 7, 30)
New.objects.bulk_create([New(ssn=f"900-66-000{n}", dob=JULY, name=str(n)) for n in range(5)])
New.objects.bulk_create([New(ssn=None, dob=JULY), New(ssn="900-66-0001", dob=None)])
New.objects.create(ssn="900-66-0001", dob=JULY, name="again")

found = Person.objects.filter(ssn="900-66-0001", dob=JULY)
assert sorted(found.values_list("name", flat=True)) == ["1", "again"], list(found.values())
assert len(set(found.values_list("match", flat=True))) == 1
assert Person.objects.filter(match=None).count() == 2
assert Person.objects.get(ssn="900-66-0002", dob=JULY).name == "2"
either = Q(ssn="900-66-0002", dob=JULY) | Q(ssn="900-66-0003", dob=JULY)
assert sorted(Person.objects.filter(either).values_list("name", flat=True)) == ["2", "3"]

changed = New.objects.filter(ssn="900-66-0003", dob=JULY).update(ssn="900-66-0007", dob=JULY)
assert changed == 1
assert Person.objects.get(ssn="900-66-0007", dob=JULY).name == "3"
person, created = New.objects.update_or_create(
    ssn="900-66-0008", dob=JULY, defaults={"name": "made"}
)
assert created and Person.objects.get(pk=person.pk).match
person = New.objects.get(ssn="900-66-0008", dob=JULY)
person.ssn = "900-66-0009"
person.save()
assert Person.objects.get(ssn="900-66-0009", dob=JULY).pk == person.pk
rows = [New(pk=person.pk, ssn="900-66-0010", dob=JULY, name="set"), New(pk=1000, ssn="900-66-0011", dob=JULY)]
New.objects.bulk_create(
    rows, update_conflicts=True, unique_fields=["id"], update_fields=["ssn", "dob", "name"]
)
assert Person.objects.get(ssn="900-66-0010", dob=JULY).name == "set"
assert Person.objects.filter(ssn="900-66-0009", dob=JULY).count() == 0
