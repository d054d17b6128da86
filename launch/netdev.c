/* Network devices, by rtnetlink(7): no library, for it is three kinds of message. */

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launch.h"

#define INTERFACE_UP 1   /* IFF_UP; libc's net/if.h and the kernel's cannot be included together */
#define GET_INDEX 0x8933 /* SIOCGIFINDEX */
#define NAME_SIZE 16     /* IFNAMSIZ */

struct request {
  struct nlmsghdr head;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
    char space[256];
  };
};

static void begin(struct request *r, uint16_t type, uint16_t flags, size_t body) {
  memset(r, 0, sizeof *r);
  r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
  r->head.nlmsg_type = type;
  r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

static void add(struct request *r, uint16_t type, const void *data, size_t length) {
  struct rtattr head = {.rta_len = (uint16_t)RTA_LENGTH(length), .rta_type = type};
  char *at = (char *)r + NLMSG_ALIGN(r->head.nlmsg_len);
  memcpy(at, &head, sizeof head);
  memcpy(at + RTA_LENGTH(0), data, length);
  r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(head.rta_len));
}

/* Sends a request and waits for its acknowledgement; -1 with the kernel's errno. */
static int ask(int socket, struct request *r) {
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    char rest[512];
  } answer;
  if (send(socket, r, r->head.nlmsg_len, 0) < 0)
    return -1;
  ssize_t got = recv(socket, &answer, sizeof answer, 0);
  if (got < (ssize_t)NLMSG_LENGTH(sizeof answer.error) || answer.head.nlmsg_type != NLMSG_ERROR) {
    errno = got < 0 ? errno : EPROTO;
    return -1;
  }
  errno = -answer.error.error;
  return answer.error.error == 0 ? 0 : -1;
}

static int open_netlink(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

/* 0 with errno if there is no such device. */
static int index_of(const char *name) {
  struct {
    char name[NAME_SIZE];
    int index;
    char rest[64];
  } request = {.index = 0};
  if (strlen(name) >= NAME_SIZE) {
    errno = ENAMETOOLONG;
    return 0;
  }
  memcpy(request.name, name, strlen(name) + 1);
  int any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int found = any < 0 ? -1 : ioctl(any, GET_INDEX, &request);
  int error = errno;
  if (any >= 0)
    close(any);
  errno = error;
  return found < 0 ? 0 : request.index;
}

int op_move_net_device(struct launch *l, const struct arg *arg) {
  const char *name = arg[0].bytes;
  struct request r;
  int index = index_of(name);
  if (index == 0)
    return fail(l, "find device", name);
  int netlink = open_netlink();
  if (netlink < 0)
    return fail(l, "socket", NULL);
  /* In one request, so that the new name need not be free on the host. The kernel takes the device
   * down when it moves it, which also makes renaming possible. */
  begin(&r, RTM_NEWLINK, 0, sizeof r.link);
  r.link.ifi_index = index;
  uint32_t pid = (uint32_t)l->container;
  add(&r, IFLA_NET_NS_PID, &pid, sizeof pid);
  if (arg[1].length > 0 && arg[1].length < NAME_SIZE)
    add(&r, IFLA_IFNAME, arg[1].bytes, arg[1].length + 1);
  int moved = ask(netlink, &r);
  if (moved < 0)
    fail(l, "move device", name);
  close(netlink);
  return moved;
}

struct address {
  uint8_t family;
  uint8_t prefix;
  uint8_t zero[2];
  uint8_t bytes[16];
};

static int add_address(int netlink, int index, const struct address *a) {
  struct request r;
  size_t length = a->family == AF_INET6 ? 16 : 4;
  begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof r.address);
  r.address.ifa_family = a->family;
  r.address.ifa_prefixlen = a->prefix;
  r.address.ifa_index = (uint32_t)index;
  /* Nobody else has the address: without duplicate detection it is usable at once, not after a
   * second. */
  if (a->family == AF_INET6)
    r.address.ifa_flags = IFA_F_NODAD;
  add(&r, IFA_LOCAL, a->bytes, length);
  add(&r, IFA_ADDRESS, a->bytes, length);
  return ask(netlink, &r);
}

int op_configure_net_device(struct launch *l, const struct arg *arg) {
  const char *name = arg[0].bytes;
  struct request r;
  int done = -1;
  int index = index_of(name);
  if (index == 0)
    return fail(l, "find device", name);
  int netlink = open_netlink();
  if (netlink < 0)
    return fail(l, "socket", NULL);
  for (uint32_t at = 0; at + sizeof(struct address) <= arg[1].length; at += 20) {
    struct address a;
    memcpy(&a, arg[1].bytes + at, sizeof a);
    if (add_address(netlink, index, &a) < 0) {
      fail(l, "add address", name);
      goto out;
    }
  }
  begin(&r, RTM_NEWLINK, 0, sizeof r.link);
  r.link.ifi_index = index;
  r.link.ifi_flags = r.link.ifi_change = INTERFACE_UP;
  done = ask(netlink, &r);
  if (done < 0)
    fail(l, "bring up", name);
out:
  close(netlink);
  return done;
}
