#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "blob/lease.h"
#include "crypto/hash.h"

#define LONG_MS ((uint64_t)86400000)

static const char *digest(unsigned i)
{
    static _Thread_local char texts[4][RS_HASH_TEXT_BYTES];
    static _Thread_local unsigned next;
    char *out = texts[next++ % 4];
    rs_hash_text(RS_HASH_SHA256, &i, sizeof(i), out);
    return out;
}

static struct rs_leases *leases_new(uint64_t lease_ms, unsigned entries_max)
{
    struct rs_leases *l = NULL;
    assert_int_equal(rs_leases_new(lease_ms, entries_max, &l, NULL), RS_OK);
    return l;
}

static void collect(struct rs_leases *l, const char *d)
{
    while (!rs_leases_collect_begin(l, d))
        (void)sched_yield(); /* until the leases of a millisecond have run out */
    rs_leases_collect_end(l, d);
}

static void nothing_is_collected_at_first(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(LONG_MS, 0);
    assert_false(
        rs_leases_collect_begin(l, digest(1))); /* who was told before the restart may still come */
    rs_leases_free(l);
}

static void a_lease_runs_out(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(1, 0);
    collect(l, digest(1));
    rs_leases_take(l, digest(1));
    collect(l, digest(1));
    assert_true(rs_leases_renew(l, digest(1)));
    collect(l, digest(1));
    rs_leases_free(l);
}

/* More than the table starts with. */
static void leases_hold(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct rs_leases *l = leases_new(LONG_MS, 0);
    rs_leases_unpause(l);
    for (unsigned i = 0; i < MANY; i++)
        rs_leases_take(l, digest(i));
    for (unsigned i = 0; i < MANY; i++)
        assert_false(rs_leases_collect_begin(l, digest(i)));
    for (unsigned i = MANY; i < MANY + 100; i++)
        collect(l, digest(i));
    rs_leases_free(l);
}

/* Without room for a lease nothing at all is collected: keeping too much is safe. */
static void a_full_table_pauses_collection(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(LONG_MS, 128);
    rs_leases_unpause(l);
    for (unsigned i = 0; i < 128; i++)
        rs_leases_take(l, digest(i));
    collect(l, digest(1000));
    rs_leases_take(l, digest(128));
    assert_false(rs_leases_collect_begin(l, digest(128)));
    assert_false(rs_leases_collect_begin(l, digest(1000)));
    rs_leases_free(l);
}

/* The table does not fill up with what has run out. */
static void old_leases_make_room(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(1, 128);
    for (unsigned i = 0; i < 3000; i++) {
        rs_leases_take(l, digest(i));
        if (i % 100 == 0)
            collect(
                l,
                digest(i)); /* waits until it has run out, so that the table never really is full */
    }
    collect(l, digest(2999));
    rs_leases_free(l);
}

/* A pin outlives every lease, and leaves one. */
static void a_pin_does_not_run_out(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(1, 0);
    struct rs_lease_pin a;
    struct rs_lease_pin b;
    struct rs_lease_pin other;
    collect(l, digest(1)); /* the pause at start is over */
    rs_leases_pin(l, digest(1), &a);
    rs_leases_pin(l, digest(2), &other);
    rs_leases_pin(l, digest(1), &b);
    collect(l, digest(3)); /* a lease taken before would have run out by now */
    assert_false(rs_leases_collect_begin(l, digest(1)));
    rs_leases_unpin(l, &a);
    collect(l, digest(3));
    assert_false(rs_leases_collect_begin(l, digest(1)));
    rs_leases_unpin(l, &b);
    collect(l, digest(1));
    assert_false(rs_leases_collect_begin(l, digest(2)));
    rs_leases_unpin(l, &other);
    collect(l, digest(2));
    rs_leases_free(l);
}

struct taker {
    struct rs_leases *leases;
    bool has_lease; /* guarded by mu */
    pthread_mutex_t mu;
};

static void *taker_main(void *arg)
{
    struct taker *t = arg;
    rs_leases_take(t->leases, digest(1));
    (void)pthread_mutex_lock(&t->mu);
    t->has_lease = true;
    (void)pthread_mutex_unlock(&t->mu);
    return NULL;
}

static bool has_lease(struct taker *t)
{
    (void)pthread_mutex_lock(&t->mu);
    bool has = t->has_lease;
    (void)pthread_mutex_unlock(&t->mu);
    return has;
}

static void an_upload_waits_for_the_collector(void **state)
{
    (void)state;
    struct rs_leases *l = leases_new(1, 0);
    struct taker t = {.leases = l, .mu = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    while (!rs_leases_collect_begin(l, digest(1)))
        (void)sched_yield();
    assert_false(rs_leases_collect_begin(l, digest(1))); /* not twice at once */
    assert_false(rs_leases_renew(l, digest(1)));         /* a loop's thread does not wait */
    assert_true(rs_leases_renew(l, digest(2)));          /* others are not concerned */
    assert_int_equal(pthread_create(&thread, NULL, taker_main, &t), 0);
    for (int i = 0; i < 1000; i++) {
        assert_false(has_lease(&t));
        (void)sched_yield();
    }
    rs_leases_collect_end(l, digest(1));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(has_lease(&t));
    rs_leases_free(l);
}

/* Many threads take and collect the same few digests: never both at once. */
enum { THREADS = 6, ROUNDS = 2000 };

struct crowd {
    struct rs_leases *leases;
    pthread_mutex_t mu;
    int collecting[4]; /* guarded by mu */
};

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned k = i % 4;
        if (i % 3 == 0) {
            rs_leases_take(c->leases, digest(k));
        } else if (rs_leases_collect_begin(c->leases, digest(k))) {
            (void)pthread_mutex_lock(&c->mu);
            c->collecting[k]++;
            assert_int_equal(c->collecting[k], 1);
            c->collecting[k]--;
            (void)pthread_mutex_unlock(&c->mu);
            rs_leases_collect_end(c->leases, digest(k));
        }
    }
    return NULL;
}

static void many_threads_at_once(void **state)
{
    (void)state;
    struct crowd c = {.leases = leases_new(1, 0), .mu = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    rs_leases_free(c.leases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_collected_at_first),
        cmocka_unit_test(a_lease_runs_out),
        cmocka_unit_test(leases_hold),
        cmocka_unit_test(a_full_table_pauses_collection),
        cmocka_unit_test(old_leases_make_room),
        cmocka_unit_test(a_pin_does_not_run_out),
        cmocka_unit_test(an_upload_waits_for_the_collector),
        cmocka_unit_test(many_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
