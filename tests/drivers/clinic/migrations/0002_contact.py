import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0001_initial")]
    operations = [
        migrations.AddField(
            "patient", "email", models.CharField(max_length=254, default="nobody@tamandua.test")
        ),
        migrations.AddField("patient", "status", models.CharField(max_length=20, default="new", db_index=True)),
        migrations.AddField(
            "patient",
            "updated_at",
            models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.RenameField("patient", "room", "ward"),
        migrations.AlterField("patient", "ward", models.CharField(max_length=30, null=True)),
        migrations.AddIndex("patient", models.Index(fields=["ward", "ssn"], name="by_ward")),
        migrations.AddConstraint(
            "patient", models.UniqueConstraint(fields=["ssn", "ward"], name="one_per_ward")
        ),
    ]
