/* A client of name servers: asks musl's resolver for names, and for names of addresses.
 *
 *     resolve GATE NAME...
 *
 * Waits until the file GATE is there, then prints a line for each NAME: itself, and the addresses it
 * has, sorted, or the name that it has if it is an IPv4 address, or what the resolver says. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 64, PAUSE_US = 2000 };

static int by_text(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void forward(const char *name)
{
    char found[MOST][INET6_ADDRSTRLEN];
    size_t count = 0;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *first = NULL;
    int status = getaddrinfo(name, NULL, &hints, &first);
    if (status) {
        printf(" %s", status == EAI_NONAME ? "unknown" : gai_strerror(status));
        return;
    }
    for (struct addrinfo *at = first; at && count < MOST; at = at->ai_next)
        if (!getnameinfo(at->ai_addr, at->ai_addrlen, found[count], sizeof found[count], NULL, 0,
                         NI_NUMERICHOST))
            count++;
    freeaddrinfo(first);
    qsort(found, count, sizeof found[0], by_text);
    for (size_t i = 0; i < count; i++)
        printf(" %s", found[i]);
}

static void reverse(const struct sockaddr_in *address)
{
    char name[NI_MAXHOST];
    int status = getnameinfo((const struct sockaddr *)address, sizeof *address, name, sizeof name,
                             NULL, 0, NI_NAMEREQD);
    printf(" %s", status ? gai_strerror(status) : name);
}

int main(int argc, char **argv)
{
    while (argc > 1 && access(argv[1], F_OK))
        usleep(PAUSE_US);
    for (int i = 2; i < argc; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        printf("%s", argv[i]);
        if (inet_pton(AF_INET, argv[i], &address.sin_addr) == 1)
            reverse(&address);
        else
            forward(argv[i]);
        printf("\n");
    }
    return 0;
}
