from django.db import models


class Patient(models.Model):
    name = models.CharField(max_length=100)
    ssn = models.CharField(max_length=11, unique=True)
    notes = models.TextField(blank=True, default="")
    email = models.CharField(max_length=254, default="nobody@tamandua.test")
    status = models.CharField(max_length=20, default="new", db_index=True)
    ward = models.CharField(max_length=30, null=True)
    updated_at = models.DateTimeField(auto_now=True)


class Claim(models.Model):
    patient = models.ForeignKey(Patient, models.CASCADE, to_field="ssn", related_name="claims")
    note = models.TextField(null=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
