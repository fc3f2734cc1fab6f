"""Django: its migrations make the tables, its ORM fills and reads them."""

import os

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
        }
    },
    INSTALLED_APPS=["clinic"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from clinic.models import Claim, Patient  # noqa: E402

call_command("migrate", "clinic", "0001", verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'clinic_%%'")
    assert cursor.fetchone() == (2,)
call_command("migrate", verbosity=0)

ada = Patient.objects.create(name="Ada Tamandua", ssn="900-66-0001", notes="tamandua notes", ward="A")
# one INSERT over UNNEST since Django 5.2
Patient.objects.bulk_create([
    Patient(name="Bo Tamandua", ssn="900-66-0002"),
    Patient(name="Cy", ssn="900-66-0003"),
])
Claim.objects.create(patient=ada, note="tamandua claim", amount="10.50")
assert Patient.objects.get(ssn="900-66-0001").name == "Ada Tamandua"
assert [p.email for p in Patient.objects.order_by("id")] == ["nobody@tamandua.test"] * 3
assert Claim.objects.select_related("patient").get(patient__ssn="900-66-0001").patient.notes == "tamandua notes"
assert Patient.objects.filter(status="new", ssn__in=["900-66-0002", "900-66-0003"]).count() == 2
for wrong in (lambda: Patient.objects.create(name="x", ssn="900-66-0001"),):
    try:
        with transaction.atomic():
            wrong()
    except IntegrityError as e:
        assert "f5e1" not in str(e), e
    else:
        raise AssertionError("the constraint does not hold")
Patient.objects.filter(ssn="900-66-0002").update(notes="tamandua again", ward="B")
assert Patient.objects.get(ward="B").notes == "tamandua again"
Patient.objects.filter(ssn="900-66-0003").delete()
assert Patient.objects.count() == 2
