/* A server for one test: answers each connection with the next of some prepared texts. */
#ifndef RS_TESTS_PEER_H
#define RS_TESTS_PEER_H

#include <stddef.h>

struct peer;

/* `answers` (n of them) are borrowed; "" accepts, reads the request and never answers; each answer
 * ends its connection. */
struct peer *peer_start(const char *const *answers, size_t n);
unsigned peer_port(const struct peer *p);
/* What the i-th connection sent up to the end of its head and the announced body; after
 * peer_stop(). */
const char *peer_request(const struct peer *p, size_t i);
/* How many connections were answered; after peer_stop(). */
size_t peer_requests(const struct peer *p);
void peer_stop(struct peer *p);
void peer_free(struct peer *p);

#endif
