/* Tests of clients.c and connections.c, over socket pairs. */

#include "../clients.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../connections.h"
#include "../shim.h"
#include "tap.h"

static struct input input;
static struct clients clients = {.input = &input};
static struct connection owner;
static int events;  /* our end of the owner's connection */
static int program; /* what the program reads */
static char space[1 << 22];

static void with_input(bool once, bool terminal) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
    abort();
  program = ends[0];
  input = (struct input){.open = true, .once = once, .terminal = terminal, .fd = ends[1]};
}

static int attach(uint32_t flags, const char *keys, const char *first) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    abort();
  struct command_message m = {.command = COMMAND_ATTACH,
                              .a = 7,
                              .b = flags,
                              .keys = keys,
                              .keys_length = strlen(keys),
                              .first = first,
                              .first_length = strlen(first)};
  clients_add(&clients, ends[1], &m, &owner);
  return ends[0];
}

/* What has happened meanwhile, as often as it takes. */
static void turns(int count) {
  struct pollset set = {0};
  for (int i = 0; i < count; i++) {
    set.count = 0;
    clients_poll(&clients, &set);
    if (poll(set.at, (nfds_t)set.count, 0) < 0)
      abort();
    clients_take(&clients, &set);
    clients_sweep(&clients);
  }
  free(set.at);
}

static bool reads(int fd, const char *expected, size_t size) {
  ssize_t got = read(fd, space, sizeof space);
  return got == (ssize_t)size && memcmp(space, expected, size) == 0;
}

static bool at_end(int fd) { return read(fd, space, sizeof space) == 0; }

static bool told(uint32_t event, int32_t value) {
  uint32_t message[3] = {0};
  return recv(events, message, sizeof message, MSG_DONTWAIT) == sizeof message &&
         message[0] == event && (int32_t)message[1] == value && message[2] == 7;
}

static size_t drain(int fd) {
  size_t all = 0;
  for (ssize_t got = 1; got > 0; all += (size_t)(got > 0 ? got : 0))
    got = read(fd, space, sizeof space);
  return all;
}

static void finish(int client) {
  close(client);
  turns(3);
  check(clients.first == NULL && clients.count == 0, "it is gone");
  drain(events);
  if (input.fd >= 0)
    close(input.fd);
  close(program);
}

static void test_output(void) {
  with_input(false, false);
  int raw = attach(ATTACH_STDOUT, "", "");
  int framed = attach(ATTACH_STDOUT | ATTACH_STDERR | ATTACH_FRAMED, "", "");
  clients_write(&clients, 1, "out", 3);
  clients_write(&clients, 2, "error", 5);
  check(reads(raw, "out", 3), "a raw client of stdout");
  check(reads(framed, "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\5error", 24), "frames");
  close(raw);
  turns(2);
  check(clients.count == 1 && told(EVENT_GONE, HUNG_UP), "who hangs up is gone");
  clients_end(&clients);
  clients_sweep(&clients);
  check(at_end(framed) && clients.count == 0 && told(EVENT_GONE, HUNG_UP), "the end");
  finish(framed);
}

static void test_slow(void) {
  static char piece[1 << 16];
  with_input(false, false);
  int slow = attach(ATTACH_STDOUT | ATTACH_FRAMED, "", "");
  for (int i = 0; i < 40; i++)
    clients_write(&clients, 1, piece, sizeof piece);
  turns(2);
  check(clients.count == 1 && !clients_hold(&clients), "it may take what it has");
  size_t all = drain(slow);
  turns(1);
  for (; clients.count > 0; turns(1))
    all += drain(slow);
  all += drain(slow);
  check(all % (sizeof piece + 8) == 0 && all > CLIENTS_LIMIT / 2 && all < sizeof piece * 40,
        "whole frames, and then the end");
  check(told(EVENT_GONE, TOO_SLOW), "and the reason is told");
  finish(slow);
}

static void test_hold(void) {
  static char piece[1 << 16];
  with_input(false, false);
  int slow = attach(ATTACH_STDOUT | ATTACH_HOLD, "", "");
  size_t given = 0;
  for (; !clients_hold(&clients) && given < sizeof space; given += sizeof piece)
    clients_write(&clients, 1, piece, sizeof piece);
  check(given < CLIENTS_LIMIT, "the program is to wait");
  size_t all = 0;
  for (int i = 0; i < 50; i++) {
    all += drain(slow);
    turns(1);
  }
  check(all == given && !clients_hold(&clients), "nothing is lost");
  clients_write(&clients, 1, "more", 4);
  check(reads(slow, "more", 4), "and it goes on");
  finish(slow);
}

static void test_input(void) {
  with_input(true, false);
  int client = attach(ATTACH_STDIN | ATTACH_STDOUT, "", "first ");
  check(write(client, "second", 6) == 6, "a client sends");
  turns(3);
  check(reads(program, "first second", 12), "what it sent before, and now");
  shutdown(client, SHUT_WR);
  turns(3);
  check(input.fd < 0 && at_end(program), "stdin ends once");
  clients_write(&clients, 1, "still", 5);
  check(reads(client, "still", 5), "and output still comes");
  finish(client);

  with_input(false, false);
  client = attach(ATTACH_STDIN | ATTACH_STDOUT, "", "");
  shutdown(client, SHUT_WR);
  turns(3);
  check(input.fd >= 0 && clients.count == 0 && at_end(client), "without StdinOnce it has left");
  finish(client);

  with_input(true, false);
  client = attach(ATTACH_STDIN, "", "");
  check(write(client, "all", 3) == 3, "a client that only sends");
  close(client);
  turns(4);
  check(reads(program, "all", 3) && at_end(program), "everything has come");
  finish(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void test_program_that_does_not_read(void) {
  static char piece[1 << 16];
  with_input(true, false);
  int client = attach(ATTACH_STDIN | ATTACH_STDOUT, "", "");
  size_t sent = 0;
  for (int i = 0; i < 100; i++) {
    ssize_t now = write(client, piece, sizeof piece);
    sent += (size_t)(now > 0 ? now : 0);
    turns(1);
  }
  check(sent < sizeof piece * 50, "no more is read from the client then");
  close(client);
  turns(3);
  struct pollset set = {0};
  clients_poll(&clients, &set);
  check(clients.count == 1 && poll(set.at, (nfds_t)set.count, 0) == 0,
        "it has hung up, and nobody spins");
  free(set.at);
  size_t all = 0;
  for (int i = 0; i < 50; i++) {
    all += drain(program);
    turns(2);
  }
  check(all == sent && clients.count == 0, "what it sent comes all the same");
  finish(open("/dev/null", O_RDONLY | O_CLOEXEC));

  with_input(true, false);
  client = attach(ATTACH_STDIN | ATTACH_STDOUT, "", "");
  close(program);
  check(write(client, "x", 1) == 1, "a program that has closed its stdin");
  turns(3);
  check(input.fd < 0 && clients.count == 1, "ends nobody");
  check(write(client, "x", 1) == 1, "who goes on sending");
  turns(3);
  program = open("/dev/null", O_RDONLY | O_CLOEXEC);
  finish(client);
}

static void test_detach(void) {
  with_input(false, true);
  int client = attach(ATTACH_STDIN | ATTACH_STDOUT, "\x10\x11", "");
  clients_write(&clients, 1, "shown", 5);
  check(write(client, "ls\r\x10\x11xx", 7) == 7, "the keys are typed");
  turns(3);
  check(reads(program, "ls\r", 3), "what came before is typed");
  check(told(EVENT_DETACHED, 0) && clients.count == 0, "it has left");
  check(reads(client, "shown", 5) && at_end(client), "with what it had");
  check(!told(EVENT_GONE, HUNG_UP), "which is told once");
  finish(client);

  with_input(false, false);
  client = attach(ATTACH_STDIN | ATTACH_STDOUT, "\x10\x11", "");
  check(write(client, "\x10\x11", 2) == 2, "without a terminal");
  turns(3);
  check(reads(program, "\x10\x11", 2) && clients.count == 1, "they are bytes like others");
  finish(client);
}

static void test_no_stdin(void) {
  with_input(false, false);
  close(input.fd);
  input.open = false;
  input.fd = -1;
  int client = attach(ATTACH_STDIN | ATTACH_STDOUT, "", "thrown away");
  check(write(client, "this too", 8) == 8, "nobody wants it");
  turns(3);
  check(clients.count == 1 && buffer_used(&clients.first->in) == 0, "it goes nowhere");
  clients_write(&clients, 1, "x", 1);
  check(reads(client, "x", 1), "and output comes");
  finish(client);
}

static unsigned taken;

static void take(void *context, struct connection *c, const struct command_message *m, int fd) {
  (void)context;
  (void)c;
  taken = taken * 10 + m->command;
  if (fd >= 0)
    close(fd);
}

static void greet(void *context, struct connection *c) {
  (void)context;
  connection_tell(c, EVENT_RUNNING, 5, 7);
}

static void forget(void *context, const struct connection *c) {
  (void)context;
  (void)c;
}

static void test_connections(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t size = sizeof address;
  struct connections all = {.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0)};
  if (bind(all.listener, (struct sockaddr *)&address, sizeof address.sun_family) < 0 ||
      listen(all.listener, 8) < 0 ||
      getsockname(all.listener, (struct sockaddr *)&address, &size) < 0)
    abort();
  int one = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  uint32_t state[] = {COMMAND_STATE, 0, 0};
  uint32_t bad[] = {99, 0, 0};
  check(connect(one, (struct sockaddr *)&address, size) == 0 && send(one, state, 12, 0) == 12 &&
            send(one, state, 12, 0) == 12 && send(one, bad, 12, 0) == 12,
        "commands before anybody listens");
  struct pollset set = {0};
  connections_poll(&all, &set);
  poll(set.at, (nfds_t)set.count, 0);
  connections_take(&all, &set, take, greet, NULL);
  check(taken == COMMAND_STATE * 11, "are all taken at once");
  connections_sweep(&all, forget, NULL);
  check(all.count == 0, "who says something else is not listened to");
  uint32_t event[3] = {0};
  check(recv(one, event, sizeof event, 0) == sizeof event && event[0] == EVENT_RUNNING &&
            event[1] == 5,
        "a greeting");
  close(one);

  one = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  taken = 0;
  check(connect(one, (struct sockaddr *)&address, size) == 0, "another one");
  set.count = 0;
  connections_poll(&all, &set);
  poll(set.at, (nfds_t)set.count, 0);
  connections_take(&all, &set, take, greet, NULL);
  check(send(one, state, 12, 0) == 12, "a command of one that ends");
  close(one); /* without having read the greeting */
  set.count = 0;
  connections_poll(&all, &set);
  poll(set.at, (nfds_t)set.count, 0);
  connections_take(&all, &set, take, greet, NULL);
  connections_sweep(&all, forget, NULL);
  check(taken == COMMAND_STATE && all.count == 0, "is taken all the same");

  one = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  taken = 0;
  check(connect(one, (struct sockaddr *)&address, size) == 0 && send(one, state, 12, 0) == 12,
        "a command of one that is gone before he is greeted");
  close(one);
  set.count = 0;
  connections_poll(&all, &set);
  poll(set.at, (nfds_t)set.count, 0);
  connections_take(&all, &set, take, greet, NULL);
  connections_sweep(&all, forget, NULL);
  check(taken == COMMAND_STATE && all.count == 0, "is taken, too");
  connections_close(&all);
  free(set.at);
}

int main(void) {
  int ends[2];
  signal(SIGPIPE, SIG_IGN);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    abort();
  owner.fd = ends[0];
  events = ends[1];
  test_output();
  test_slow();
  test_hold();
  test_input();
  test_program_that_does_not_read();
  test_detach();
  test_no_stdin();
  test_connections();
  return tap_end();
}
