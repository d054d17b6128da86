#include "clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connections.h"
#include "shim.h"

enum {
  MOST = 1024,
  HOLD_ABOVE = 1 << 16, /* more than that, and a client that holds the program does */
  INPUT = COMMAND_MOST_FIRST + COMMAND_MOST_KEYS,
};

static bool wants(const struct client *c, uint32_t flag) { return (c->flags & flag) != 0; }

/* --- coming --- */

static void refuse(int fd, const struct command_message *m, struct connection *owner) {
  close(fd);
  connection_tell(owner, EVENT_GONE, REFUSED, m->a);
}

/* What it has sent goes to the program, but for the keys by which it leaves. */
static void take_input(struct client *c, const char *bytes, size_t size) {
  bool left = false;
  char *space = buffer_space(&c->in, size + COMMAND_MOST_KEYS);
  if (space == NULL)
    return;
  buffer_added(&c->in, keys_filter(&c->keys, bytes, size, space, &left));
  if (!left)
    return;
  c->detached = c->leaving = c->input_ended = true;
  if (c->owner != NULL)
    connection_tell(c->owner, EVENT_DETACHED, 0, c->id);
}

void clients_add(struct clients *all, int fd, const struct command_message *m,
                 struct connection *owner) {
  struct client *c = all->count < MOST ? calloc(1, sizeof *c) : NULL;
  if (c == NULL) {
    refuse(fd, m, owner);
    return;
  }
  *c = (struct client){
      .owner = owner, .id = m->a, .flags = m->b, .fd = fd, .number = (size_t)-1, .reason = HUNG_UP};
  if (all->input->terminal && m->keys_length > 0) {
    memcpy(c->keys.keys, m->keys, m->keys_length);
    c->keys.length = m->keys_length;
  }
  c->input_ended = c->input_done = !wants(c, ATTACH_STDIN);
  if (!c->input_ended && m->first_length > 0 && buffer_open(&c->in, INPUT))
    take_input(c, m->first, m->first_length);
  struct client **end = &all->first;
  while (*end != NULL)
    end = &(*end)->next;
  *end = c;
  all->count++;
}

/* --- waiting --- */

void clients_poll(struct clients *all, struct pollset *set) {
  bool pending = false;
  for (struct client *c = all->first; c != NULL; c = c->next) {
    bool fed = buffer_used(&c->in) == 0;
    short events = 0;
    if (!c->input_ended && fed)
      events |= POLLIN;
    if (buffer_used(&c->out) > 0)
      events |= POLLOUT;
    pending |= !fed;
    /* One that has hung up is always ready; it waits for the program alone. */
    c->number = pollset_add(set, c->hung && !fed ? -1 : c->fd, events);
  }
  struct input *input = all->input;
  input->number = pollset_add(set, pending ? input->fd : -1, POLLOUT);
}

/* --- from client to program --- */

static void receive(struct client *c) {
  static char piece[COMMAND_MOST_FIRST];
  if (!buffer_open(&c->in, INPUT))
    return;
  ssize_t got = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    c->input_ended = true;
  else
    take_input(c, piece, (size_t)got);
}

static void close_input(struct input *input) {
  if (input->fd >= 0 && !input->terminal)
    close(input->fd);
  input->fd = -1;
  input->open = false;
}

/* True if the program may take more. */
static bool feed(struct input *input, struct client *c) {
  while (buffer_used(&c->in) > 0) {
    ssize_t written = write(input->fd, buffer_data(&c->in), buffer_used(&c->in));
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0 && errno == EAGAIN)
      return false;
    if (written < 0) {
      close_input(input); /* nobody reads it any more */
      return false;
    }
    buffer_drop(&c->in, (size_t)written);
  }
  return true;
}

void clients_feed(struct clients *all) {
  struct input *input = all->input;
  bool pending = false;
  for (struct client *c = all->first; c != NULL; c = c->next) {
    if (input->open && input->fd >= 0)
      feed(input, c);
    if (!input->open)
      buffer_drop(&c->in, buffer_used(&c->in));
    pending |= buffer_used(&c->in) > 0;
  }
  if (input->closing && !pending && !input->terminal)
    close_input(input);
}

/* --- from program to client --- */

static void make_deaf(struct client *c) {
  c->hung = c->leaving = true;
  buffer_drop(&c->out, buffer_used(&c->out));
}

/* How much of it was sent; -1 if the client is gone. */
static ssize_t send_parts(int fd, struct iovec *parts, int count) {
  struct msghdr h = {.msg_iov = parts};
  h.msg_iovlen = (__typeof__(h.msg_iovlen))count; /* not the same type in every libc */
  ssize_t sent = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM))
    return 0;
  return sent;
}

static void flush(struct client *c) {
  while (buffer_used(&c->out) > 0) {
    struct iovec part = {.iov_base = buffer_data(&c->out), .iov_len = buffer_used(&c->out)};
    ssize_t sent = send_parts(c->fd, &part, 1);
    if (sent < 0)
      make_deaf(c);
    if (sent <= 0)
      return;
    buffer_drop(&c->out, (size_t)sent);
  }
}

/* Puts what is left of the parts behind what already waits. Room is made twice as large as what
 * may wait, so that it is moved to the front seldom. */
static bool keep(struct client *c, const struct iovec *parts, int count, size_t sent) {
  if (!buffer_open(&c->out, (size_t)2 * CLIENTS_LIMIT))
    return false;
  for (int i = 0; i < count; i++) {
    size_t skipped = sent < parts[i].iov_len ? sent : parts[i].iov_len;
    sent -= skipped;
    if (!buffer_add(&c->out, (const char *)parts[i].iov_base + skipped, parts[i].iov_len - skipped))
      return false;
  }
  return true;
}

static void give(struct client *c, struct iovec *parts, int count, size_t size) {
  size_t waiting = buffer_used(&c->out);
  if (waiting + size > CLIENTS_LIMIT) {
    c->reason = TOO_SLOW; /* it gets what waits for it, whole frames, and then sees the end */
    c->leaving = true;
    return;
  }
  ssize_t sent = waiting > 0 ? 0 : send_parts(c->fd, parts, count);
  if (sent < 0 || ((size_t)sent < size && !keep(c, parts, count, (size_t)sent)))
    make_deaf(c);
}

void clients_write(struct clients *all, unsigned stream, const char *bytes, size_t size) {
  uint32_t flag = stream == 2 ? ATTACH_STDERR : ATTACH_STDOUT;
  unsigned char head[8] = {(unsigned char)stream,
                           0,
                           0,
                           0,
                           (unsigned char)(size >> 24),
                           (unsigned char)(size >> 16),
                           (unsigned char)(size >> 8),
                           (unsigned char)size};
  for (struct client *c = all->first; c != NULL; c = c->next) {
    struct iovec parts[] = {{.iov_base = head, .iov_len = sizeof head},
                            {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size}};
    if (c->leaving || !wants(c, flag))
      continue;
    if (wants(c, ATTACH_FRAMED))
      give(c, parts, 2, sizeof head + size);
    else
      give(c, parts + 1, 1, size);
  }
}

bool clients_hold(const struct clients *all) {
  for (const struct client *c = all->first; c != NULL; c = c->next)
    if (wants(c, ATTACH_HOLD) && buffer_used(&c->out) > HOLD_ABOVE)
      return true;
  return false;
}

/* --- both --- */

void clients_take(struct clients *all, const struct pollset *set) {
  for (struct client *c = all->first; c != NULL; c = c->next) {
    short ready = pollset_ready(set, c->number);
    if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && !c->input_ended && buffer_used(&c->in) == 0)
      receive(c);
    if ((ready & POLLOUT) != 0)
      flush(c);
    if ((ready & (POLLHUP | POLLERR | POLLNVAL)) != 0)
      make_deaf(c);
  }
  clients_feed(all);
}

/* --- going --- */

/* As Docker does it: with StdinOnce the program's stdin ends with the client's; otherwise a client
 * that sends no more has left. */
static void end_input(struct clients *all, struct client *c) {
  c->input_done = true;
  if (c->detached)
    return;
  if (all->input->once && !all->input->terminal)
    all->input->closing = true;
  else
    c->leaving = true;
  if (!wants(c, ATTACH_STDOUT | ATTACH_STDERR))
    c->leaving = true;
}

/* The end of the connection, even if somebody else has a copy of the descriptor. What the client
 * has sent and nobody has read would make its kernel report a reset instead of an end. */
static void hang_up(struct client *c) {
  static char ignored[4096];
  shutdown(c->fd, SHUT_RDWR);
  for (int i = 0; i < 64 && recv(c->fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0; i++)
    ;
  close(c->fd);
  buffer_close(&c->in);
  buffer_close(&c->out);
  if (c->owner != NULL && !c->detached)
    connection_tell(c->owner, EVENT_GONE, (int32_t)c->reason, c->id);
}

void clients_sweep(struct clients *all) {
  struct client **at = &all->first;
  while (*at != NULL) {
    struct client *c = *at;
    if (c->input_ended && !c->input_done && buffer_used(&c->in) == 0)
      end_input(all, c);
    /* One that has hung up may have sent something before that nobody has read yet. */
    bool waits = buffer_used(&c->out) + buffer_used(&c->in) > 0 || (c->hung && !c->input_done);
    if (!c->leaving || waits) {
      at = &c->next;
      continue;
    }
    hang_up(c);
    *at = c->next;
    all->count--;
    free(c);
  }
  if (all->input->closing)
    clients_feed(all);
}

void clients_end(struct clients *all) {
  close_input(all->input);
  for (struct client *c = all->first; c != NULL; c = c->next) {
    c->leaving = c->input_ended = c->input_done = true;
    buffer_drop(&c->in, buffer_used(&c->in));
  }
}

void clients_cut_off(struct clients *all) {
  for (struct client *c = all->first; c != NULL; c = c->next)
    if (!wants(c, ATTACH_HOLD))
      make_deaf(c);
  clients_sweep(all);
}

void clients_forget_owner(struct clients *all, const struct connection *owner) {
  for (struct client *c = all->first; c != NULL; c = c->next)
    if (c->owner == owner)
      c->owner = NULL;
}

void clients_release(struct clients *all) {
  for (struct client *c = all->first; c != NULL; c = c->next) {
    buffer_release(&c->in);
    buffer_release(&c->out);
  }
}
