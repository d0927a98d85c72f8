/*
 * A client that speaks TLS to a port without it.  Docker's and containerd's clients, told that a
 * registry may be insecure, try TLS first and go on with HTTP only when they see an HTTP answer;
 * MHD just ends such a connection.  The port takes connections once their first bytes are there, so
 * that these can be looked at.
 */
#include "http/http_internal.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

/* A client that stays silent for so long is taken all the same. */
#define DEFER_S 1
/* The first byte of a TLS record that holds a handshake; no method begins with it. */
#define TLS_HANDSHAKE 22

#define SAYS                                                                    \
    "this port speaks HTTP without TLS: use http://, or the port that is meant" \
    " for TLS\n"

static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                             "Connection: close\r\n\r\n" SAYS;

void rs_plain_listen(int fd)
{
    const int seconds = DEFER_S;
    /* Without it a client of this kind is told nothing; everything else works as well. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

void rs_plain_answer_tls(struct rs_conn *c)
{
    unsigned char first = 0;
    if (recv(c->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || first != TLS_HANDSHAKE)
        return;
    /* So much fits into the buffer of a socket that nothing was sent on. */
    (void)send(c->fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(c->fd, SHUT_WR);
    c->must_linger = true; /* what it still sends must not reset the connection under the answer */
}
