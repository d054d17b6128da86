/* Attempts on the network. */

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe.h"

/* Harmless: who listens was made for it, and nothing is sent. The names of abstract unix sockets
 * belong to the network namespace (unix(7)), so who shares the host's reaches its daemons. */
struct outcome try_connect(const struct settings *s, unsigned argument) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(s->socket);
  (void)argument;
  if (length >= sizeof address.sun_path)
    return outcome(BROKEN, ENAMETOOLONG);
  memcpy(address.sun_path + 1, s->socket, length);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return answer(fd, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  int result = connect(fd, (struct sockaddr *)&address, size);
  return result < 0 && errno == ECONNREFUSED ? outcome(ABSENT, 0) : answer(result, 0);
}

/* Harmless: nothing is sent, received or bound; it is closed with the process. */
struct outcome try_socket(const struct settings *s, unsigned argument) {
  (void)s;
  int fd = socket((int)(argument & 0xff), (int)(argument >> 8 & 0xff), (int)(argument >> 16));
  if (fd < 0 && (errno == EAFNOSUPPORT || errno == ESOCKTNOSUPPORT || errno == EPROTONOSUPPORT))
    return outcome(ABSENT, 0); /* this kernel has no such sockets */
  return answer(fd, 0);
}

/* Harmless: there is no metric of an interface to be set (EOPNOTSUPP, netdevice(7)). */
struct outcome try_configure_network(const struct settings *s, unsigned argument) {
  struct ifreq request = {.ifr_name = "lo"};
  (void)s;
  (void)argument;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return answer(fd, 0);
  return answer(ioctl(fd, SIOCSIFMETRIC, &request), EOPNOTSUPP);
}
