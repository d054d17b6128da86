/* Clients that are attached to a container's streams. */
#ifndef ORLOP_CLIENTS_H
#define ORLOP_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "command.h"
#include "keys.h"
#include "pollset.h"

struct connection;

enum { CLIENTS_LIMIT = 1 << 20 }; /* bytes that wait for a client at most */

enum gone { HUNG_UP = 1, TOO_SLOW, REFUSED };

/* The program's stdin. */
struct input {
  bool open;     /* clients may send; if there is no descriptor yet, it waits */
  bool once;     /* it is closed with the first client that has ended */
  bool terminal; /* which is never closed */
  bool closing;  /* it is to be closed when all was taken that was sent */
  int fd;        /* does not block; -1: none */
  size_t number;
};

struct client {
  struct client *next;
  struct connection *owner; /* who attached it, NULL if that is gone */
  uint32_t id;              /* the owner's number for it */
  uint32_t flags;           /* attach_flags */
  int fd;
  size_t number;
  struct buffer in;  /* what the program has not taken yet */
  struct buffer out; /* what the client has not */
  struct keys keys;
  bool input_ended; /* it sends no more */
  bool input_done;  /* and the program has it all */
  bool hung;        /* both directions are closed */
  bool leaving;     /* it gets what is in `out`, and that is all */
  bool detached;    /* by its keys: its owner was told so */
  enum gone reason;
};

struct clients {
  struct client *first;
  unsigned count;
  struct input *input;
};

/* Attaches one; the descriptor is used up. */
void clients_add(struct clients *all, int fd, const struct command_message *m,
                 struct connection *owner);

void clients_poll(struct clients *all, struct pollset *set);
void clients_take(struct clients *all, const struct pollset *set);

/* Sends output of stream 1 or 2 to all who want it. */
void clients_write(struct clients *all, unsigned stream, const char *bytes, size_t size);

/* Whether the program is to wait: a client that holds it has not taken what there is. */
bool clients_hold(const struct clients *all);

/* Gives the program what it takes of what clients have sent. */
void clients_feed(struct clients *all);

/* Removes those that are done. */
void clients_sweep(struct clients *all);

/* No more output comes. The next sweep closes those that have all of theirs. */
void clients_end(struct clients *all);

/* Closes those that do not hold the program, whatever they have. */
void clients_cut_off(struct clients *all);

void clients_forget_owner(struct clients *all, const struct connection *owner);

/* Gives back memory that holds nothing. */
void clients_release(struct clients *all);

#endif
