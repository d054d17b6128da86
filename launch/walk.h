/* Walking through a plan. */
#ifndef ORLOP_WALK_H
#define ORLOP_WALK_H

struct launch;

/* Performs the operations of this side, from the first of the present part to the last of the last
 * part, and waits at those of the others. In between the process may become another side: the
 * middle's, the container's. 0, or -1 after fail(). */
int walk_plan(struct launch *l);

#endif
