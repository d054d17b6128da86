/* What the last operations have in common. */
#ifndef ORLOP_START_H
#define ORLOP_START_H

struct launch;

/* Tells everybody who waits for it that the start is done but for what cannot be told afterwards:
 * execve(2) itself. Ends the process if the start has failed meanwhile. */
void start_announce(struct launch *l);

#endif
