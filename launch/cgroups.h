/* The end of the control groups that a plan has made. */
#ifndef ORLOP_CGROUPS_H
#define ORLOP_CGROUPS_H

/* Removes those that make_cgroup has made with the flag for it, the last one first. They have to be
 * without processes, or with none but such that have ended. How many could not be removed. */
unsigned cgroups_remove(void);

#endif
