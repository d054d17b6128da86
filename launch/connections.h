/* Those who give commands to a supervising launcher, and hear what happens. */
#ifndef ORLOP_CONNECTIONS_H
#define ORLOP_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "pollset.h"

struct connection {
  struct connection *next;
  int fd; /* -1: to be removed */
  size_t number;
};

struct connections {
  int listener; /* -1: nobody can connect */
  size_t number;
  struct connection *first;
  unsigned count;
};

/* Gets every command; `fd` (-1: none) is used up. */
typedef void command_taker(void *context, struct connection *c, const struct command_message *m,
                           int fd);

void connections_poll(struct connections *all, struct pollset *set);

/* Accepts those that wait, and takes what all have to say until there is no more. `greet` is called
 * with each new one. */
void connections_take(struct connections *all, const struct pollset *set, command_taker *take,
                      void (*greet)(void *context, struct connection *c), void *context);

/* Tells one, or all. Who does not listen is cut off. */
void connection_tell(struct connection *c, uint32_t event, int32_t value, uint32_t client);
void connections_tell(struct connections *all, uint32_t event, int32_t value);

/* Removes those that are gone; `forget` is called with each before. */
void connections_sweep(struct connections *all,
                       void (*forget)(void *context, const struct connection *c), void *context);

/* Closes all of them and the listener. */
void connections_close(struct connections *all);

#endif
