/* A program for the inside of test containers: tells, or tries, what busybox cannot.
 *
 * Each command prints plain lines on standard output and leaves with 0; what went wrong in
 * the probe itself leaves with 99, so that it is never taken for an answer. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static int broken(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    return 99;
}

/* What a system call answered: "ok N" or "errno NAME-LESS NUMBER". */
static int answer(long result)
{
    if (result < 0)
        printf("errno %d\n", errno);
    else
        printf("ok %ld\n", result);
    return 0;
}

/* Says "ready", then each signal that arrives; TERM ends it with status 0. */
static int wait_for_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    puts("ready");
    for (;;) {
        siginfo_t info;
        if (sigwaitinfo(&all, &info) < 0)
            continue;
        if (info.si_signo == SIGCHLD || info.si_signo == SIGURG) /* URG: runc passes on its own */
            continue;
        printf("signal %d\n", info.si_signo);
        if (info.si_signo == SIGTERM)
            return 0;
    }
}

/* The size of the terminal on standard input, now and after each change; TERM ends it. */
static int report_window_sizes(void)
{
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGWINCH);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    for (;;) {
        struct winsize size;
        if (ioctl(0, TIOCGWINSZ, &size) < 0)
            return broken("TIOCGWINSZ");
        printf("size %d %d\n", size.ws_row, size.ws_col);
        int signal = sigwaitinfo(&watched, NULL);
        if (signal == SIGTERM)
            return 0;
    }
}

/* Whether 0, 1, 2 are terminals, and whether one of them controls this session. */
static int describe_terminal(void)
{
    printf("isatty %d%d%d\n", isatty(0), isatty(1), isatty(2));
    int control = open("/dev/tty", O_RDWR | O_CLOEXEC);
    printf("controlling %d\n", control >= 0);
    printf("foreground %d\n", control >= 0 && tcgetpgrp(control) == getpgrp());
    printf("leader %d\n", getsid(0) == getpid());
    return 0;
}

/* Every open descriptor and what it leads to; opens nothing of its own while it looks. */
static int list_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char link[64], target[4096];
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length < 0)
            return broken(link);
        target[length] = '\0';
        printf("%d %s\n", fd, target);
    }
    return 0;
}

static int raw_syscall(int argc, char **argv)
{
    long numbers[7] = {0};
    for (int i = 0; i < argc && i < 7; i++)
        numbers[i] = strtol(argv[i], NULL, 0);
    return answer(syscall(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                          numbers[6]));
}

struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static int describe_scheduling(void)
{
    struct scheduling now = {0};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0)
        return broken("sched_getattr");
    printf("policy %u\nnice %d\npriority %u\nflags %llu\n", now.policy, now.nice, now.priority,
           (unsigned long long)now.flags);
    printf("runtime %llu\ndeadline %llu\nperiod %llu\n", (unsigned long long)now.runtime,
           (unsigned long long)now.deadline, (unsigned long long)now.period);
    return 0;
}

static int describe_io_priority(void)
{
    long value = syscall(SYS_ioprio_get, 1, 0);
    if (value < 0)
        return broken("ioprio_get");
    printf("class %ld\nlevel %ld\n", value >> 13, value & 0x1fff);
    return 0;
}

static int describe_memory_policy(void)
{
    int mode = -1;
    unsigned long nodes[16] = {0};
    if (syscall(SYS_get_mempolicy, &mode, nodes, 8 * sizeof nodes, NULL, 0) < 0)
        return broken("get_mempolicy");
    printf("mode %d\nnodes %lx\n", mode, nodes[0]);
    return 0;
}

static int session_keyring(void)
{
    return answer(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3 /* session */, 0));
}

static int read_clocks(void)
{
    struct timespec monotonic, boot;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    printf("monotonic %lld\nboottime %lld\n", (long long)monotonic.tv_sec, (long long)boot.tv_sec);
    return 0;
}

/* Takes and touches that much memory; "ok" if it lived to tell. */
static int take_memory(char **argv)
{
    size_t size = strtoull(argv[0], NULL, 0);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return answer(-1);
    for (size_t at = 0; at < size; at += 4096)
        memory[at] = 1;
    return answer(0);
}

/* Makes a device node of its own (KIND MAJOR MINOR) and opens it read-write. */
static int open_device(char **argv)
{
    mode_t kind = argv[0][0] == 'b' ? S_IFBLK : S_IFCHR;
    dev_t device = makedev((unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]));
    int flags = strcmp(argv[3], "r") == 0 ? O_RDONLY : strcmp(argv[3], "w") == 0 ? O_WRONLY : O_RDWR;
    unlink("/tmp/node");
    if (mknod("/tmp/node", kind | 0600, device) < 0) {
        printf("mknod %d\n", errno);
        return 0;
    }
    int fd = open("/tmp/node", flags | O_NONBLOCK | O_CLOEXEC);
    return answer(fd < 0 ? -1 : 0);
}

static int try_mkdir(char **argv)
{
    return answer(mkdir(argv[0], 0755));
}

/* Opens as many processes as it can, up to N; says how many came to be. */
static int fork_many(char **argv)
{
    int wanted = atoi(argv[0]), made = 0;
    for (; made < wanted; made++) {
        pid_t child = fork();
        if (child < 0)
            break;
        if (child == 0)
            for (;;)
                pause();
    }
    printf("made %d\n", made);
    return 0;
}

static int dumpable(void)
{
    printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *command = argc > 1 ? argv[1] : "";
    int count = argc - 2;
    char **rest = argv + 2;
    if (strcmp(command, "wait") == 0)
        return wait_for_signals();
    if (strcmp(command, "window") == 0)
        return report_window_sizes();
    if (strcmp(command, "terminal") == 0)
        return describe_terminal();
    if (strcmp(command, "descriptors") == 0)
        return list_descriptors();
    if (strcmp(command, "syscall") == 0 && count >= 1)
        return raw_syscall(count, rest);
    if (strcmp(command, "scheduling") == 0)
        return describe_scheduling();
    if (strcmp(command, "io-priority") == 0)
        return describe_io_priority();
    if (strcmp(command, "memory-policy") == 0)
        return describe_memory_policy();
    if (strcmp(command, "keyring") == 0)
        return session_keyring();
    if (strcmp(command, "clocks") == 0)
        return read_clocks();
    if (strcmp(command, "take-memory") == 0 && count == 1)
        return take_memory(rest);
    if (strcmp(command, "device") == 0 && count == 4)
        return open_device(rest);
    if (strcmp(command, "mkdir") == 0 && count == 1)
        return try_mkdir(rest);
    if (strcmp(command, "fork") == 0 && count == 1)
        return fork_many(rest);
    if (strcmp(command, "dumpable") == 0)
        return dumpable();
    fprintf(stderr, "probe: unknown command '%s'\n", command);
    return 99;
}
