/* Operation 68, supervise: the launcher that stays as the container's shim. It keeps the log,
 * serves attached clients, and takes commands; docs/launch-plan.md#supervision. */
#ifndef ORLOP_SUPERVISE_H
#define ORLOP_SUPERVISE_H

#include <stdint.h>

#include "pollset.h"

struct launch;

/* Closes, in another process than the launcher, what is the launcher's alone. */
void supervise_let_go(struct launch *l);

/* Begins, when the launcher's operations are done. */
void supervise_begin(struct launch *l);

/* Adds what it waits for; how long to wait at most, in ms, -1 for ever. */
int supervise_poll(struct launch *l, struct pollset *set);

/* Deals with what has happened; `nothing` if the time is up. */
void supervise_take(struct launch *l, const struct pollset *set, int nothing);

/* Tells all connections, and those to come. */
void supervise_tell(struct launch *l, uint32_t event, int32_t value);

/* The container's first process has ended: puts the numbers of its control group into the report,
 * and takes what is left of its output, within bounds. */
void supervise_count(struct launch *l);
void supervise_drain(struct launch *l);

/* Leaves the log and the directory of the socket, which belong to others from then on. */
void supervise_leave(struct launch *l);

/* Closes all connections, and the clients that have nothing more to take. */
void supervise_close(struct launch *l);

/* Waits until the clients have what there is for them. */
void supervise_flush(struct launch *l);

#endif
