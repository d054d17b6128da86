"""OCI hooks as steps: who runs which, and when (runtime-spec config.md#posix-platform-hooks)."""

from __future__ import annotations

from orlop.launch.plan import CONTAINER, LAUNCHER, RunHook, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Hook, Spec

# field of Hooks, its name in the specification, side, status in the state document
_KINDS = {
    "prestart": ("prestart", LAUNCHER, "creating"),
    "create_runtime": ("createRuntime", LAUNCHER, "creating"),
    "create_container": ("createContainer", CONTAINER, "creating"),
    "start_container": ("startContainer", CONTAINER, "created"),
}


def plan_hooks(b: Builder, spec: Spec, situation: Situation, *kinds: str) -> None:
    """The hooks of these kinds ("prestart", "create_runtime", ...), in order."""
    for kind in kinds:
        name, side, status = _KINDS[kind]
        hooks: tuple[Hook, ...] = getattr(spec.hooks, kind)
        if not hooks:
            continue
        from orlop.runtime.planner.state import hook_state

        for index, hook in enumerate(hooks):
            op = RunHook(
                hook.path,
                hook.args or (hook.path,),
                hook.env,
                hook_state(spec, situation, status),
                (hook.timeout or 0) * 1000,
            )
            b.add(Step(side, op, f"OCI hooks.{name}[{index}]"))
