from __future__ import annotations

import json

from orlop.faces.api import openapi
from orlop.faces.api.answers import encode
from orlop.faces.api.table import ROUTES


def test_the_document_has_every_route() -> None:
    document = json.loads(encode(openapi.document(ROUTES)))
    assert document["openapi"] == "3.1.0"
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(operations) == len(ROUTES)
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_references_lead_somewhere() -> None:
    text = encode(openapi.document(ROUTES)).decode()
    known = json.loads(text)["components"]["schemas"]
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in known


def test_parameters_and_bodies() -> None:
    paths = openapi.document(ROUTES)["paths"]
    create = paths["/containers/create"]["post"]
    assert {p["name"] for p in create["parameters"]} == {"name", "platform"}
    assert create["requestBody"]["content"]["application/json"]
    tag = paths["/images/{name}/tag"]["post"]
    assert [p["in"] for p in tag["parameters"]] == ["path", "query", "query"]
    assert (
        "application/x-tar" in paths["/containers/{name}/archive"]["put"]["requestBody"]["content"]
    )
