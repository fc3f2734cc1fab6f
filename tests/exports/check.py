"""Holds exported events to their published schemas: check.py FORMAT < lines. Says what is wrong and exits 1.

The models are other people's: pydantic-ocsf (compiled from schema.ocsf.io) and fhir.resources (from hl7.org's
StructureDefinitions, R4B, whose AuditEvent is R4's). CEF has no published schema: the line is taken apart by the rules of
the implementation standard and its keys are held to the extension dictionary.
"""

import re
import sys

CEF_KEYS = set(
    "rt externalId dvchost cat suser duser src spt c6a2 c6a2Label shost requestClientApplication act outcome reason msg"
    " cs1 cs1Label cs2 cs2Label cs3 cs3Label cs4 cs4Label cs5 cs5Label cs6 cs6Label out cn1 cn1Label cn2 cn2Label".split()
)


def unknown(value, path):
    """A member that the model does not know is one that we made up; `unmapped` is there for such."""
    if isinstance(value, list):
        for item in value:
            unknown(item, path)
    elif hasattr(value, "model_extra"):
        assert not value.model_extra, f"{path} has no {set(value.model_extra)}"
        for name in value.model_fields_set - {"unmapped"}:
            unknown(getattr(value, name), f"{path}.{name}")


def ocsf(line):
    import json

    from ocsf.v1_7_0.events import Authentication, DatastoreActivity

    event = json.loads(line)
    model = {6005: DatastoreActivity, 3002: Authentication}[event["class_uid"]]
    parsed = model.model_validate(event)
    unknown(parsed, model.__name__)
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


def fhir(line):
    from fhir.resources.R4B.auditevent import AuditEvent

    event = AuditEvent.model_validate_json(line)
    for entity in event.entity or []:
        assert not (entity.name and entity.query), "sev-1: a name or a query, not both"
    assert sum(1 for agent in event.agent if agent.requestor) == 1


def cef(line):
    fields = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert len(fields) == 8 and fields[0] == "CEF:0" and 0 <= int(fields[6]) <= 10, line
    at = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", fields[7]))
    assert at and at[0].start() == 0, line
    values = {}
    for this, following in zip(at, at[1:] + [None]):
        value = fields[7][this.end() : following.start() if following else None]
        assert not re.search(r"(?<!\\)(?:\\\\)*=", value), f"an = that is not escaped in {value!r}"
        assert this[1] not in values, f"{this[1]} twice"
        values[this[1]] = value
    assert not set(values) - CEF_KEYS, set(values) - CEF_KEYS
    for key in ("rt", "externalId", "cn1", "cn2", "out", "spt"):
        assert values.get(key, "0").isdigit(), f"{key} is a number"


def main():
    check = {"ocsf": ocsf, "fhir": fhir, "cef": cef}[sys.argv[1]]
    n = 0
    for line in sys.stdin:
        try:
            check(line.rstrip("\n"))
        except Exception as error:
            sys.exit(f"{error}\nin {line}")
        n += 1
    print(n)


main()
