#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 8
#define REQUEST_BYTES 8192

struct peer {
    int listener;
    int stop_pipe[2];
    unsigned port;
    pthread_t thread;
    bool stopped;
    const char *const *answers;
    size_t n_answers;
    size_t n_requests; /* by the thread; read after it was joined */
    char requests[PEERS_MAX][REQUEST_BYTES];
};

static void die(const char *what)
{
    perror(what);
    abort();
}

/* Wait until fd can be read; false when the peer is to stop. */
static bool wait_for(const struct peer *p, int fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                            {.fd = p->stop_pipe[0], .events = POLLIN}};
    if (poll(fds, 2, -1) < 0)
        die("poll");
    return fds[1].revents == 0;
}

static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\ncontent-length: ");
    if (end == NULL)
        return false;
    return length == NULL || strlen(end + 4) >= strtoul(length + 18, NULL, 10);
}

static void serve(struct peer *p, int fd)
{
    char *request = p->requests[p->n_requests];
    const char *answer = p->answers[p->n_requests++];
    size_t n = 0;
    while (!is_whole(request)) {
        if (!wait_for(p, fd))
            return;
        ssize_t got = read(fd, request + n, REQUEST_BYTES - 1 - n);
        if (got <= 0)
            return;
        n += (size_t)got;
    }
    if (answer[0] == '\0') {
        char c;
        while (wait_for(p, fd) && read(fd, &c, 1) > 0) /* until the client has enough */
            ;
        return;
    }
    size_t len = strlen(answer);
    while (len > 0) {
        ssize_t put = send(fd, answer, len, MSG_NOSIGNAL);
        if (put < 0)
            return;
        answer += put;
        len -= (size_t)put;
    }
}

static void *run(void *arg)
{
    struct peer *p = arg;
    while (p->n_requests < p->n_answers && wait_for(p, p->listener)) {
        int fd = accept(p->listener, NULL, NULL);
        if (fd < 0)
            die("accept");
        serve(p, fd);
        (void)close(fd);
    }
    return NULL;
}

struct peer *peer_start(const char *const *answers, size_t n)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    if (p == NULL || n > PEERS_MAX)
        die("peer");
    p->answers = answers;
    p->n_answers = n;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(p->listener, 8) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&address, &size) != 0 ||
        pipe(p->stop_pipe) != 0)
        die("listen");
    p->port = ntohs(address.sin_port);
    if (pthread_create(&p->thread, NULL, run, p) != 0)
        die("thread");
    return p;
}

unsigned peer_port(const struct peer *p)
{
    return p->port;
}

void peer_stop(struct peer *p)
{
    if (p->stopped)
        return;
    p->stopped = true;
    if (write(p->stop_pipe[1], "", 1) != 1)
        die("write");
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
    (void)close(p->stop_pipe[0]);
    (void)close(p->stop_pipe[1]);
}

const char *peer_request(const struct peer *p, size_t i)
{
    return p->requests[i];
}

size_t peer_requests(const struct peer *p)
{
    return p->n_requests;
}

void peer_free(struct peer *p)
{
    if (p == NULL)
        return;
    peer_stop(p);
    free(p);
}
