/* Sockets to listen on. */
#include "http/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "host:port" -> a socket address; "" as host means every address, both families. */
static bool parse_listen(const char *text, union any_address *ret, socklen_t *ret_n)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        !rs_parse_u64(rs_str_of(colon + 1), 65535, &port))
        return false;
    size_t n = (size_t)(colon - text);
    memcpy(host, text, n);
    host[n] = '\0';
    memset(ret, 0, sizeof(*ret));
    if (n == 0 || host[0] == '[') {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_n = sizeof(ret->v6);
        if (n == 0)
            return true; /* in6addr_any */
        if (n < 3 || host[n - 1] != ']')
            return false;
        host[n - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1;
    }
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = htons((uint16_t)port);
    *ret_n = sizeof(ret->v4);
    return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

static enum rs_status bind_failed(int e, const char *address, struct rs_err *reterr)
{
    if (e == EADDRINUSE)
        return rs_fail(reterr, RS_CONFLICT,
                       "%s is taken by another program: stop that one, or listen on another port",
                       address);
    if (e == EACCES)
        return rs_fail(
            reterr, RS_DENIED,
            "not permitted to listen on %s: ports below 1024 need a privilege; choose a higher one",
            address);
    if (e == EADDRNOTAVAIL)
        return rs_fail(reterr, RS_BAD_REQUEST, "this machine has no address %s to listen on",
                       address);
    char text[128];
    return rs_fail(reterr, RS_IO, "cannot listen on %s: %s", address,
                   strerror_r(e, text, sizeof(text)));
}

static enum rs_status format_url(int fd, const char *scheme, char *url, size_t url_bytes,
                                 struct rs_err *reterr)
{
    union any_address a;
    socklen_t n = sizeof(a);
    char host[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, &a.any, &n) != 0)
        return rs_fail_errno(reterr, errno, "getsockname");
    if (a.any.sa_family == AF_INET6) {
        if (IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr))
            (void)snprintf(url, url_bytes, "%s://localhost:%u", scheme,
                           (unsigned)ntohs(a.v6.sin6_port));
        else
            (void)snprintf(url, url_bytes, "%s://[%s]:%u", scheme,
                           inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host)),
                           (unsigned)ntohs(a.v6.sin6_port));
    } else {
        bool is_any = a.v4.sin_addr.s_addr == htonl(INADDR_ANY);
        (void)snprintf(url, url_bytes, "%s://%s:%u", scheme,
                       is_any ? "localhost"
                              : inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host)),
                       (unsigned)ntohs(a.v4.sin_port));
    }
    return RS_OK;
}

enum rs_status rs_listen_open(const struct rs_listen *listen_on, unsigned backlog, int *ret_fd,
                              char *url, size_t url_bytes, struct rs_err *reterr)
{
    union any_address a;
    socklen_t n;
    const int on = 1;
    const int off = 0;
    if (!parse_listen(listen_on->address, &a, &n))
        return rs_fail(
            reterr, RS_BAD_REQUEST,
            "'%.100s' is no address to listen on: write ADDRESS:PORT, as 127.0.0.1:5000, [::1]:5000 or :5000",
            listen_on->address);
    RS_AUTO_FD int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && listen_on->address[0] == ':' &&
        errno == EAFNOSUPPORT) { /* every address, where there is no IPv6 */
        in_port_t port = a.v6.sin6_port;
        memset(&a, 0, sizeof(a));
        a.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        n = sizeof(a.v4);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (fd < 0)
        return rs_fail_errno(reterr, errno, "socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (a.any.sa_family == AF_INET6) /* "[::]" means IPv6 alone only to those who have not met it */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    rs_wrong_port_listen(fd);
    if (bind(fd, &a.any, n) != 0 || listen(fd, (int)backlog) != 0)
        return bind_failed(errno, listen_on->address, reterr);
    enum rs_status s =
        format_url(fd, listen_on->cert_file != NULL ? "https" : "http", url, url_bytes, reterr);
    if (s != RS_OK)
        return s;
    *ret_fd = fd;
    fd = -1;
    return RS_OK;
}
