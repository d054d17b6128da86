/* Waits to be killed, and says so first if it has an argument: the container of the memory
 * benchmark. */
#include <unistd.h>

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1 && write(1, "waiting\n", 8) != 8)
    return 1;
  for (;;)
    pause();
}
