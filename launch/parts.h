/* The parts of a plan: loading one, and waiting for the next. */
#ifndef ORLOP_PARTS_H
#define ORLOP_PARTS_H

#include <stdbool.h>

struct launch;

/* Whether it is a memfd that nobody can change any more. */
bool parts_sealed(int fd);

/* Decodes the part in a memfd, which is closed; -1 after fail(). The first one is then the present
 * one, a further one becomes it with parts_begin(). */
int parts_load(struct launch *l, int fd);

/* Receives the next part, from the caller or, on the container's side, from the launcher. */
int parts_receive(struct launch *l);

/* Begins with the part that was received last. */
void parts_begin(struct launch *l);

#endif
