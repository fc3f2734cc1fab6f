from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Patient",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("ssn", models.CharField(max_length=11, unique=True)),
                ("notes", models.TextField(blank=True, default="")),
                ("room", models.CharField(max_length=10, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Claim",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("note", models.TextField(null=True)),
                ("amount", models.DecimalField(max_digits=10, decimal_places=2)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="claims", to="clinic.patient", to_field="ssn"
                    ),
                ),
            ],
        ),
    ]
