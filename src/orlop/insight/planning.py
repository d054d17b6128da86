"""The plan of a start that is not going to happen: made from the host's facts, as root would.

Reads the host and changes nothing; no rights are needed.
"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.intent.compose import compose
from orlop.intent.host_facts import read_host_facts
from orlop.intent.start import plan_of
from orlop.records import Record
from orlop.runtime.config_json import parse_spec, read_config
from orlop.runtime.lifecycle.foresee import foresee

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.reasons import Origins
    from orlop.intent.preparation import Preparation
    from orlop.intent.request import Request
    from orlop.launch.plan import Plan
    from orlop.runtime.spec import Spec

ID = "ID"
"""Stands for the id of a container that there is not."""
NO_ORIGINS: Origins = {}


class Planned(Record):
    """A plan, and where it comes from.

    Attributes:
        plan: what would be done.
        spec: the configuration that it was made from.
        origins: by the configuration's fields, the flag or default that they come from.
        warnings: what is not as it was asked.
        preparations: what has to be on the host's disk before.
        directory: the container's own on the host, "" if there is none.
    """

    plan: Plan
    spec: Spec
    origins: Origins = NO_ORIGINS
    warnings: tuple[str, ...] = ()
    preparations: tuple[Preparation, ...] = ()
    directory: str = ""


def plan_of_bundle(path: str) -> Planned:
    """The plan of an OCI bundle (a host directory with a config.json).

    Raises:
        NotFound: there is no config.json.
        PermissionDenied: it may not be read.
        SpecError: the configuration is wrong.
        Unsupported: this host cannot do what it asks for.
    """
    bundle = os.path.realpath(path)
    spec = parse_spec(jsontext.loads(read_config(bundle)))
    foreseen = foresee(spec, ID, bundle)
    return Planned(foreseen.plan, spec, warnings=foreseen.warnings)


def plan_of_request(request: Request) -> Planned:
    """The plan of a container as it was asked for.

    Raises:
        InvalidArgument, NotFound, Unsupported: as `orlop.intent.compose.compose`.
        SpecError: as `plan_of_bundle`.
    """
    composed = compose(request, read_host_facts(), ID)
    return Planned(
        plan_of(composed),
        composed.spec,
        composed.origins,
        composed.warnings,
        composed.preparations,
        composed.directory,
    )
