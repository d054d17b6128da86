#include "connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 64 };

void connections_poll(struct connections *all, struct pollset *set) {
  all->number = pollset_add(set, all->listener, POLLIN);
  for (struct connection *c = all->first; c != NULL; c = c->next)
    c->number = pollset_add(set, c->fd, POLLIN);
}

/* --- new ones --- */

/* Of the same user, or root: whoever else can reach the socket has nothing to say here. */
static bool may_command(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == 0 || peer.uid == geteuid());
}

static struct connection *add(struct connections *all, int fd) {
  struct connection *c = all->count < MOST && may_command(fd) ? calloc(1, sizeof *c) : NULL;
  if (c == NULL) {
    close(fd);
    return NULL;
  }
  *c = (struct connection){.fd = fd, .number = (size_t)-1};
  struct connection **end = &all->first; /* in the order in which they came */
  while (*end != NULL)
    end = &(*end)->next;
  *end = c;
  all->count++;
  return c;
}

/* --- commands --- */

union ancillary {
  struct cmsghdr head;
  char space[CMSG_SPACE(sizeof(int))];
};

static int taken_fd(const struct msghdr *h, const union ancillary *space) {
  int fd = -1;
  if (h->msg_controllen < CMSG_LEN(sizeof fd) || space->head.cmsg_level != SOL_SOCKET ||
      space->head.cmsg_type != SCM_RIGHTS || space->head.cmsg_len < CMSG_LEN(sizeof fd))
    return -1;
  memcpy(&fd, CMSG_DATA(&space->head), sizeof fd);
  return fd;
}

static void hang_up(struct connection *c) {
  if (c->fd >= 0)
    close(c->fd);
  c->fd = -1;
}

/* The next message; false if there is none (any more). */
static bool take_message(struct connection *c, command_taker *take, void *context) {
  static char message[COMMAND_MOST + 1];
  union ancillary space = {0};
  struct iovec part = {.iov_base = message, .iov_len = sizeof message};
  struct msghdr h = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
  struct command_message m;
  ssize_t got = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  /* Told once, before what is still there to be read: who is gone had not read all of his events,
   * and what he has said before holds. */
  if (got < 0 && errno == ECONNRESET)
    return true;
  if (got <= 0) {
    hang_up(c);
    return false;
  }
  int fd = taken_fd(&h, &space);
  if (command_decode(message, (size_t)got, &m)) {
    take(context, c, &m, fd);
  } else {
    if (fd >= 0)
      close(fd);
    hang_up(c);
  }
  return c->fd >= 0;
}

void connections_take(struct connections *all, const struct pollset *set, command_taker *take,
                      void (*greet)(void *context, struct connection *c), void *context) {
  while (pollset_ready(set, all->number) != 0) {
    int fd = accept4(all->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
      break;
    struct connection *c = add(all, fd);
    if (c == NULL)
      continue;
    greet(context, c);
    while (c->fd >= 0 && take_message(c, take, context))
      ;
  }
  for (struct connection *c = all->first; c != NULL; c = c->next)
    if (pollset_ready(set, c->number) != 0)
      while (c->fd >= 0 && take_message(c, take, context))
        ;
}

/* --- events --- */

void connection_tell(struct connection *c, uint32_t event, int32_t value, uint32_t client) {
  struct {
    uint32_t event;
    int32_t value;
    uint32_t client;
  } message = {.event = event, .value = value, .client = client};
  if (c->fd < 0 || send(c->fd, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
    return;
  /* One that is gone may have said something before, which is still to be read. */
  if (errno != EPIPE && errno != ECONNRESET)
    hang_up(c);
}

void connections_tell(struct connections *all, uint32_t event, int32_t value) {
  for (struct connection *c = all->first; c != NULL; c = c->next)
    connection_tell(c, event, value, 0);
}

void connections_sweep(struct connections *all,
                       void (*forget)(void *context, const struct connection *c), void *context) {
  struct connection **at = &all->first;
  while (*at != NULL) {
    struct connection *c = *at;
    if (c->fd >= 0) {
      at = &c->next;
      continue;
    }
    forget(context, c);
    *at = c->next;
    all->count--;
    free(c);
  }
}

void connections_close(struct connections *all) {
  for (struct connection *c = all->first; c != NULL; c = c->next)
    hang_up(c);
  if (all->listener >= 0)
    close(all->listener);
  all->listener = -1;
}
