"""The kernel's log tells who was killed for want of memory, and which calls were refused."""

from __future__ import annotations

from orlop.kernel.kernel_log import Line, OomKill, RefusedCall, oom_kills, refused_calls


def lines(*texts: str) -> tuple[Line, ...]:
    return tuple(Line(number, text) for number, text in enumerate(texts))


LIMIT = (
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
    "oom_memcg=/orlop/c1,task_memcg=/orlop/c1,task=py, pid=3,pid=11814,uid=0"
)
KILLED = (
    "Memory cgroup out of memory: Killed process 11814 (py, pid=3) total-vm:78008kB,"
    " anon-rss:20224kB, file-rss:6560kB, shmem-rss:0kB, UID:0 pgtables:96kB oom_score_adj:0"
)
MACHINE = (
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    "task_memcg=/orlop/c2,task=db,pid=5,uid=1000"
)


def test_victims_have_their_group_name_and_size() -> None:
    found = oom_kills(lines("something", LIMIT, KILLED, MACHINE))
    assert found == (
        OomKill(1, "/orlop/c1", "py, pid=3", 11814, 20224 * 1024),
        OomKill(3, "/orlop/c2", "db", 5, by_limit=False),
    )


def test_a_size_is_of_the_process_before() -> None:
    (found,) = oom_kills(lines(LIMIT, KILLED.replace("11814", "77")))
    assert found.anonymous_bytes == 0


def test_refused_calls_have_their_number() -> None:
    text = (
        "audit: type=1326 audit(1700000000.1:7): auid=4294967295 uid=0 gid=0 ses=4294967295"
        ' subj=kernel pid=42 comm="sh" exe="/bin/sh" sig=31 arch=c000003e syscall=165 compat=0'
        " ip=0x7f code=0x80000000"
    )
    assert refused_calls(lines("nothing", text)) == (RefusedCall(1, 42, 0xC000003E, 165, 31),)
