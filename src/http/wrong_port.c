/*
 * A client that speaks TLS to a port without it, or HTTP to the one with it.  MHD just ends such a
 * connection, which tells nobody what is wrong.  Docker's and containerd's clients, told that a
 * registry may be insecure, even try TLS first and go on with HTTP only when they see an HTTP
 * answer.  A port takes connections once their first bytes are there, so that these can be looked
 * at before MHD reads them.
 */
#include "http/http_internal.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A client that stays silent for so long is taken all the same. */
#define DEFER_S 1
/* The first byte of a TLS record that holds a handshake; no method begins with it. */
#define TLS_HANDSHAKE 22

#define ANSWER                                                 \
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n" \
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"

static const char wants_http[] =
    ANSWER "this port speaks HTTP without TLS: use http://, or the port that is meant for TLS\n";
static const char wants_tls[] =
    ANSWER "this port speaks HTTP over TLS: use https://, or the port that is meant for HTTP\n";

void rs_wrong_port_listen(int fd)
{
    const int seconds = DEFER_S;
    /* Without it a client of this kind is told nothing; everything else works as well. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

static const char *answer_to(bool is_tls_port, unsigned char first)
{
    if (!is_tls_port)
        return first == TLS_HANDSHAKE ? wants_http : NULL;
    return first >= 'A' && first <= 'Z' ? wants_tls : NULL; /* a method; no TLS record's type */
}

void rs_wrong_port_answer(struct rs_conn *c)
{
    unsigned char first = 0;
    if (recv(c->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        return;
    const char *answer = answer_to(c->listener->tls != NULL, first);
    if (answer == NULL)
        return;
    /* So much fits into the buffer of a socket that nothing was sent on. */
    (void)send(c->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(c->fd, SHUT_WR);
    c->must_linger = true; /* what it still sends must not reset the connection under the answer */
}
