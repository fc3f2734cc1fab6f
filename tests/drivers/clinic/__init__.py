"""A Django app of patients and their claims, as somebody wrote it who never heard of us."""
