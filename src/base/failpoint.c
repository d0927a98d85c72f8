#include "base/failpoint.h"

#ifdef RS_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

#define POINTS_MAX 16U

struct point {
    struct rs_str name;
    uint64_t first; /* hits, from 1 */
    uint64_t last;
    bool aborts;
    _Atomic uint64_t hits;
};

static struct point points[POINTS_MAX];
static unsigned n_points;
static const char *after;
static pthread_once_t parsed = PTHREAD_ONCE_INIT;

/* The text up to `stop` or the end; *rest is moved behind it. */
static struct rs_str field(const char **rest, char stop)
{
    size_t n = strcspn(*rest, stop == ':' ? ":" : ",");
    struct rs_str got = rs_str_n(*rest, n);
    *rest += n + ((*rest)[n] != '\0');
    return got;
}

/* A misspelt test must not pass for want of a fault: anything unexpected ends the process. */
static void parse(void)
{
    const char *rest = getenv("RS_FAILPOINT");
    after = getenv("RS_FAILPOINT_AFTER");
    while (rest != NULL && *rest != '\0') {
        rs_assert(n_points < POINTS_MAX);
        struct point *p = &points[n_points++];
        p->name = field(&rest, ':');
        struct rs_str at = field(&rest, ':');
        struct rs_str action = field(&rest, ',');
        p->aborts = rs_str_eq(action, "abort");
        bool is_open = at.n > 0 && (at.p[at.n - 1] == '+' || at.p[at.n - 1] == '*');
        if (!rs_str_eq(at, "*"))
            rs_assert(rs_parse_u64(rs_str_n(at.p, at.n - is_open), UINT64_MAX, &p->first));
        p->last = is_open ? UINT64_MAX : p->first;
        rs_assert(p->aborts || rs_str_eq(action, "on"));
    }
}

bool rs_failpoint(const char *name)
{
    (void)pthread_once(&parsed, parse);
    bool on = false;
    if (n_points == 0 || (after != NULL && access(after, F_OK) != 0))
        return false;
    for (unsigned i = 0; i < n_points; i++) {
        struct point *p = &points[i];
        if (!rs_str_eq(p->name, name))
            continue;
        uint64_t hit = atomic_fetch_add(&p->hits, 1) + 1;
        if (hit < p->first || hit > p->last)
            continue;
        if (p->aborts)
            (void)raise(SIGKILL);
        on = true;
    }
    return on;
}

#else

typedef int rs_failpoints_are_compiled_out; /* ISO C wants something in every file */

#endif
