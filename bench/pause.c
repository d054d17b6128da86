/* Says that it runs, and waits to be killed: the container of the memory benchmark. */
#include <unistd.h>

int main(void) {
  if (write(1, "waiting\n", 8) != 8)
    return 1;
  for (;;)
    pause();
}
