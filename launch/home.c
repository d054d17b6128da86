/* The home directory of the container's user.
 *
 * /etc/passwd is the container's: whatever is in it, it is read with the container's rights, from
 * inside, and only so far; the result is nothing but a string in the program's environment. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"
#include "text.h"

#define MOST (1 << 20)
#define HOME "HOME="

/* The fields of a line "name:password:uid:gid:comment:home:shell". */
enum field { UID = 2, DIRECTORY = 5, FIELDS = 7 };

/* Splits a line at its colons, in place; false if it has not all fields. */
static bool split(char *line, char *fields[FIELDS]) {
  for (int i = 0; i < FIELDS; i++) {
    fields[i] = line;
    line = strchr(line, ':');
    if (line == NULL)
      return i == FIELDS - 1;
    *line++ = 0;
  }
  return true;
}

static bool is_number(const char *digits, uint64_t number) {
  char buffer[24];
  struct text t = TEXT(buffer);
  text_number(&t, number);
  return strcmp(digits, buffer) == 0;
}

/* The user's line, or else "/", goes to `home`. */
static void look_up(char *content, uint64_t uid, struct text *home) {
  char *line = content;
  while (line != NULL && *line != 0) {
    char *fields[FIELDS];
    char *end = strchr(line, '\n');
    if (end != NULL)
      *end++ = 0;
    if (split(line, fields) && is_number(fields[UID], uid) && fields[DIRECTORY][0] == '/') {
      text_add(home, fields[DIRECTORY]);
      return;
    }
    line = end;
  }
  text_add(home, "/");
}

/* Reads what fits; an empty text if there is no such file, or if it is none to be read. */
static void read_passwd(char *content, size_t room) {
  struct stat st;
  size_t length = 0;
  ssize_t got = 0;
  /* Without waiting for a fifo's other end; what is no regular file is not read at all. */
  int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    while (length < room - 1 && (got = read(fd, content + length, room - 1 - length)) > 0)
      length += (size_t)got;
  }
  if (fd >= 0)
    close(fd);
  content[length] = 0;
}

int op_find_home(struct launch *l, const struct arg *arg) {
  static char content[MOST];
  static char variable[4096];
  struct text home = TEXT(variable);
  text_add(&home, HOME);
  read_passwd(content, sizeof content);
  look_up(content, arg[0].number, &home);
  l->home = home.cut ? HOME "/" : variable;
  return 0;
}
