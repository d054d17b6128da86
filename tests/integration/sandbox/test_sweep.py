"""A box whose start fails, at any operation: the error names it, and nothing is left."""

from __future__ import annotations

import errno

import pytest

from orlop.errors import LaunchError
from orlop.launch.wire import KILL, encode, op_name
from orlop.sandbox.box import Box
from orlop.sandbox.options import Environment
from orlop.sandbox.template import template_of
from orlop.sandbox.waiting import wait_for
from tests.integration.support.faults import Watch

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

KILL_LAUNCHER = 0xFFFFFFFE


@pytest.mark.parametrize("fault", [errno.ENOLCK, KILL, KILL_LAUNCHER])
def test_a_start_that_fails_leaves_nothing(fault: int) -> None:
    watch = Watch("orlop-box-", "/run/none")
    template = template_of(Environment())
    for index, step in enumerate(template.plan.steps):
        sabotaged = encode(template.plan, fault_op=index, fault_errno=fault)
        box = Box(template.replace(encoded=sabotaged))
        try:
            with pytest.raises(LaunchError) as caught:
                wait_for(box.ready())
        finally:
            wait_for(box.close())
        assert (caught.value.op_index, caught.value.op) == (index, op_name(type(step.op)))
    assert watch.left() == []
