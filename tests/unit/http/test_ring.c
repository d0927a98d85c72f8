#include "http/ring.h"

#include <pthread.h>
#include <string.h>

#include "../cm.h"

static void fills_and_empties(void **state)
{
    (void)state;
    struct rs_ring ring = {0};
    char block[5000];
    const char *got;
    memset(block, 'x', sizeof(block));
    assert_true(rs_ring_init(&ring, 1));
    assert_int_equal(ring.cap, 4096);
    assert_int_equal(rs_ring_peek(&ring, &got), 0);
    assert_int_equal(rs_ring_put(&ring, block, sizeof(block)), 4096);
    assert_int_equal(rs_ring_put(&ring, block, 1), 0);
    assert_int_equal(rs_ring_used(&ring), 4096);
    assert_int_equal(rs_ring_peek(&ring, &got), 4096);
    rs_ring_take(&ring, 4000);
    assert_int_equal(rs_ring_put(&ring, "abc", 3), 3);
    /* what wraps comes in two pieces */
    assert_int_equal(rs_ring_peek(&ring, &got), 96);
    rs_ring_take(&ring, 96);
    assert_int_equal(rs_ring_peek(&ring, &got), 3);
    assert_memory_equal(got, "abc", 3);
    rs_ring_take(&ring, 3);
    assert_int_equal(rs_ring_used(&ring), 0);
    assert_int_equal(rs_ring_put(&ring, NULL, 0), 0);
    rs_ring_release(&ring);
    rs_ring_release(&ring);
}

#define TOTAL ((size_t)1 << 20)

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static void *produce(void *arg)
{
    struct rs_ring *ring = arg;
    unsigned char block[3001];
    for (size_t sent = 0; sent < TOTAL;) {
        size_t n = TOTAL - sent < sizeof(block) ? TOTAL - sent : sizeof(block);
        for (size_t i = 0; i < n; i++)
            block[i] = byte_at(sent + i);
        sent += rs_ring_put(ring, block, n);
    }
    return NULL;
}

static void two_threads(void **state)
{
    (void)state;
    struct rs_ring ring = {0};
    pthread_t producer;
    assert_true(rs_ring_init(&ring, 8192));
    assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
    size_t seen = 0;
    bool same = true;
    while (seen < TOTAL) {
        const char *bytes;
        size_t n = rs_ring_peek(&ring, &bytes);
        for (size_t i = 0; i < n; i++)
            same = same && (unsigned char)bytes[i] == byte_at(seen + i);
        rs_ring_take(&ring, n);
        seen += n;
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_true(same);
    rs_ring_release(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fills_and_empties),
                                       cmocka_unit_test(two_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
