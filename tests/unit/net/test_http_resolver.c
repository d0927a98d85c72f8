/* A name server that does not answer.  The C library offers no way to end a look-up; whoever waits
 * for it must be let go all the same. */
#include "net/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <time.h>

#include "../cm.h"

/* Far more than a tick, and an end to a test that would hang. */
#define LOOK_UP_SECONDS 30

static struct {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool is_asked;
    bool may_end;
    bool has_ended;
} look_up = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void set(bool *flag)
{
    (void)pthread_mutex_lock(&look_up.mu);
    *flag = true;
    (void)pthread_cond_broadcast(&look_up.changed);
    (void)pthread_mutex_unlock(&look_up.mu);
}

static bool is_set(const bool *flag)
{
    (void)pthread_mutex_lock(&look_up.mu);
    bool value = *flag;
    (void)pthread_mutex_unlock(&look_up.mu);
    return value;
}

static void wait_until(const bool *flag)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LOOK_UP_SECONDS;
    (void)pthread_mutex_lock(&look_up.mu);
    while (!*flag && pthread_cond_timedwait(&look_up.changed, &look_up.mu, &end) != ETIMEDOUT)
        continue;
    (void)pthread_mutex_unlock(&look_up.mu);
}

/* In the place of the C library's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    (void)name;
    (void)service;
    (void)hints;
    *ret = NULL;
    set(&look_up.is_asked);
    wait_until(&look_up.may_end);
    set(&look_up.has_ended);
    return EAI_AGAIN;
}

static bool once_it_is_asked(void *arg)
{
    (void)arg;
    return is_set(&look_up.is_asked);
}

static void a_look_up_that_hangs_holds_up_nobody(void **state)
{
    (void)state;
    struct rs_http_client *c = NULL;
    struct rs_http_client_options o = {0};
    RS_AUTO(rs_http_response) struct rs_http_response r = RS_HTTP_RESPONSE_INIT;
    struct rs_http_request q = {
        .method = "GET", .url = "http://hangs.example/", .on_tick = once_it_is_asked};
    assert_int_equal(rs_http_client_new(&o, &c, NULL), RS_OK);
    assert_int_equal(rs_http_perform(c, &q, &r, NULL), RS_CANCELLED);
    rs_http_client_free(c);
    assert_true(is_set(&look_up.is_asked));
    assert_false(is_set(&look_up.has_ended));
    set(&look_up.may_end);
    wait_until(&look_up.has_ended);
    assert_true(is_set(&look_up.has_ended));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_look_up_that_hangs_holds_up_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
