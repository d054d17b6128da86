/* Times a command from the outside, with as little in between as there can be.
 *
 *   spawn [-p] [-f FILE] COMMAND [ARGUMENT]...
 *
 * For each byte on stdin, COMMAND is run once to its end and a line "NANOSECONDS STATUS" written.
 * Its stdin is at end of file, its stdout a pipe that nobody reads, its stderr ours.
 *
 * -p first takes /sys/fs/cgroup/unified away, in a mount namespace of our own: crun refuses hosts
 * with cgroup v1 and v2 side by side. Done once and here, so that it is in nobody's measurement. -f
 * opens FILE anew for each run, as descriptor 9 (bwrap reads its seccomp filter so). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int die(const char *what) {
  fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
  return 99;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int hide_unified(void) {
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
    return -1;
  return umount2("/sys/fs/cgroup/unified", MNT_DETACH) && errno != EINVAL && errno != ENOENT ? -1
                                                                                             : 0;
}

int main(int argc, char **argv) {
  extern char **environ;
  const char *file = NULL;
  for (int option; (option = getopt(argc, argv, "+pf:")) != -1;) {
    if (option == 'p' && hide_unified())
      return die("hide the unified hierarchy");
    if (option == 'f')
      file = optarg;
  }
  char **command = argv + optind;
  if (!*command) {
    fprintf(stderr, "usage: spawn [-p] [-f FILE] COMMAND [ARGUMENT]...\n");
    return 2;
  }
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
    return die("pipe2");
  close(in[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  if (file)
    posix_spawn_file_actions_addopen(&actions, 9, file, O_RDONLY, 0);

  char byte;
  while (read(0, &byte, 1) == 1) {
    pid_t pid;
    int status;
    int64_t begin = now();
    errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
    if (errno)
      return die(command[0]);
    if (waitpid(pid, &status, 0) < 0)
      return die("waitpid");
    int64_t end = now();
    printf("%lld %d\n", (long long)(end - begin), status);
    fflush(stdout);
  }
  return 0;
}
