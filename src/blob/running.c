#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "blob/store_internal.h"

#define BUCKETS 256U

struct rs_running_table {
    pthread_mutex_t mu;
    struct rs_running *buckets[BUCKETS] RS_GUARDED_BY(mu);
    unsigned n_idle RS_GUARDED_BY(mu);
    unsigned idle_max;
};

enum rs_status rs_running_new(unsigned idle_max, struct rs_running_table **ret,
                              struct rs_err *reterr)
{
    struct rs_running_table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    (void)pthread_mutex_init(&t->mu, NULL);
    t->idle_max = idle_max;
    *ret = t;
    return RS_OK;
}

void rs_running_reset(struct rs_running *r)
{
    rs_hasher_free(RS_TAKE(r->sha256));
    rs_hasher_free(RS_TAKE(r->sha512));
    r->hashed_bytes = 0;
}

static void running_free(struct rs_running *r)
{
    rs_running_reset(r);
    free(r);
}

void rs_running_free(struct rs_running_table *table)
{
    if (table == NULL)
        return;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct rs_running *r = table->buckets[i], *next; r != NULL; r = next) {
            next = r->next;
            running_free(r);
        }
    }
    (void)pthread_mutex_destroy(&table->mu);
    free(table);
}

/* Where the session's entry hangs, or would. */
static struct rs_running **find(struct rs_running_table *t, const char *id)
{
    unsigned char byte = 0;
    (void)!rs_hex_decode(rs_str_n(id, 2), &byte,
                         1); /* ids are random: their first byte spreads them */
    struct rs_running **at = &t->buckets[byte];
    while (*at != NULL && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

enum rs_status rs_running_take(struct rs_running_table *table, const char *id,
                               struct rs_running **ret, struct rs_err *reterr)
{
    enum rs_status s = RS_OK;
    (void)pthread_mutex_lock(&table->mu);
    struct rs_running **at = find(table, id);
    if (*at != NULL && (*at)->is_taken) {
        s = rs_fail(
            reterr, RS_CONFLICT,
            "another request is writing to this upload; ask for its status and go on from there");
    } else if (*at != NULL) {
        table->n_idle--;
    } else {
        *at = calloc(1, sizeof(**at));
        if (*at == NULL)
            s = rs_fail(reterr, RS_NOMEM, NULL);
        else
            (void)rs_text_copy((*at)->id, sizeof((*at)->id), id);
    }
    if (s == RS_OK) {
        (*at)->is_taken = true;
        *ret = *at;
    }
    (void)pthread_mutex_unlock(&table->mu);
    return s;
}

static struct rs_running *unlink_at(struct rs_running **at)
{
    struct rs_running *r = *at;
    *at = r->next;
    return r;
}

/* Among the idle ones, who has rested longest.  A walk over at most idle_max small entries, and
 * only when the table is full. */
static struct rs_running **oldest_idle(struct rs_running_table *t)
{
    struct rs_running **oldest = NULL;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct rs_running **at = &t->buckets[i]; *at != NULL; at = &(*at)->next)
            if (!(*at)->is_taken &&
                (oldest == NULL || (*at)->used_mono_ms < (*oldest)->used_mono_ms))
                oldest = at;
    return oldest;
}

void rs_running_give(struct rs_running_table *table, struct rs_running *r)
{
    struct rs_running *victim = NULL;
    (void)pthread_mutex_lock(&table->mu);
    rs_assert(r->is_taken);
    r->is_taken = false;
    r->used_mono_ms = rs_clock_mono_ms();
    table->n_idle++;
    if (table->n_idle > table->idle_max) {
        victim = unlink_at(oldest_idle(table));
        table->n_idle--;
    }
    (void)pthread_mutex_unlock(&table->mu);
    if (victim != NULL)
        running_free(victim);
}

void rs_running_drop(struct rs_running_table *table, struct rs_running *r)
{
    (void)pthread_mutex_lock(&table->mu);
    rs_assert(r->is_taken);
    struct rs_running **at = find(table, r->id);
    rs_assert(*at == r);
    (void)unlink_at(at);
    (void)pthread_mutex_unlock(&table->mu);
    running_free(r);
}
