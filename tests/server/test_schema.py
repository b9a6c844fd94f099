"""Whatever the OpenAPI description allows, and much that it does not, is answered as it says, and never by a fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.server.conftest import connect, small_shop

from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.models import SequentialRules
from tastemaker.store import open_store

pytestmark = pytest.mark.needs_extra("serve")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from tastemaker.engine import Engine
    from tastemaker.engine.administration import Administration
    from tastemaker.engine.intake import take_in
    from tastemaker.server.limits import Limits

    dataset = small_shop()
    with closing(open_store(tmp_path_factory.mktemp("store"))) as store:
        tenant = store.for_tenant(Tenant())
        take_in(dataset, tenant, Run())
        engine = Engine(SequentialRules().fit(dataset), store=tenant)
        operator = Administration(store, tenant, backups=tmp_path_factory.mktemp("backups"))
        with connect(engine, limits=Limits(1e6), administration=operator) as client:
            yield client.app
        engine.flush()


@pytest.fixture(scope="module")
def described(app: Any) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_every_route_answers_as_it_is_described(described: Any, subtests: Any, examples: int) -> None:
    asked = 0
    for found in described.get_all_operations():
        operation = found.ok()
        with subtests.test(route=operation.label):

            @given(case=operation.as_strategy())
            @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def ask(case: Any) -> None:
                case.call_and_validate(checks=CHECKS)

            ask()
            asked += 1
    assert asked > 20
