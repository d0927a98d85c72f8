#include "http/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct rs_metric {
    struct rs_metric *next;
    const char *name;
    const char *help;
    const char *labels; /* "" none */
    enum kind kind;
    rs_metric_read read; /* NULL: `value` counts */
    void *read_arg;
    _Atomic int64_t value; /* of a histogram: the sum of what was observed, in millionths */
    unsigned bounds_n;
    uint64_t bounds[RS_METRIC_BOUNDS_MAX];
    _Atomic uint64_t buckets[RS_METRIC_BOUNDS_MAX + 1]; /* not cumulative */
};

struct rs_metrics {
    pthread_mutex_t mu; /* for the list while it grows and is rendered */
    struct rs_metric *first;
    struct rs_metric **end;
};

enum rs_status rs_metrics_new(struct rs_metrics **ret)
{
    struct rs_metrics *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return RS_NOMEM;
    (void)pthread_mutex_init(&m->mu, NULL);
    m->end = &m->first;
    *ret = m;
    return RS_OK;
}

void rs_metrics_free(struct rs_metrics *m)
{
    if (m == NULL)
        return;
    while (m->first != NULL) {
        struct rs_metric *next = m->first->next;
        free(m->first);
        m->first = next;
    }
    (void)pthread_mutex_destroy(&m->mu);
    free(m);
}

static struct rs_metric *add(struct rs_metrics *m, enum kind kind, const char *name,
                             const char *help, const char *labels)
{
    if (m == NULL)
        return NULL;
    struct rs_metric *metric = calloc(1, sizeof(*metric));
    if (metric == NULL)
        return NULL;
    metric->kind = kind;
    metric->name = name;
    metric->help = help;
    metric->labels = labels == NULL ? "" : labels;
    (void)pthread_mutex_lock(&m->mu);
    *m->end = metric;
    m->end = &metric->next;
    (void)pthread_mutex_unlock(&m->mu);
    return metric;
}

struct rs_metric *rs_metrics_counter(struct rs_metrics *m, const char *name, const char *help,
                                     const char *labels)
{
    return add(m, KIND_COUNTER, name, help, labels);
}

struct rs_metric *rs_metrics_gauge(struct rs_metrics *m, const char *name, const char *help,
                                   const char *labels)
{
    return add(m, KIND_GAUGE, name, help, labels);
}

struct rs_metric *rs_metrics_histogram(struct rs_metrics *m, const char *name, const char *help,
                                       const char *labels, const uint64_t *bounds_micro, unsigned n)
{
    rs_assert(n <= RS_METRIC_BOUNDS_MAX);
    struct rs_metric *metric = add(m, KIND_HISTOGRAM, name, help, labels);
    if (metric == NULL)
        return NULL;
    memcpy(metric->bounds, bounds_micro, n * sizeof(*bounds_micro));
    metric->bounds_n = n;
    return metric;
}

static struct rs_metric *add_read(struct rs_metric *metric, rs_metric_read read, void *arg)
{
    if (metric != NULL) {
        metric->read = read;
        metric->read_arg = arg;
    }
    return metric;
}

struct rs_metric *rs_metrics_counter_of(struct rs_metrics *m, const char *name, const char *help,
                                        const char *labels, rs_metric_read read, void *arg)
{
    return add_read(add(m, KIND_COUNTER, name, help, labels), read, arg);
}

struct rs_metric *rs_metrics_gauge_of(struct rs_metrics *m, const char *name, const char *help,
                                      const char *labels, rs_metric_read read, void *arg)
{
    return add_read(add(m, KIND_GAUGE, name, help, labels), read, arg);
}

void rs_metric_add(struct rs_metric *metric, int64_t n)
{
    if (metric != NULL)
        atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void rs_metric_set(struct rs_metric *metric, int64_t value)
{
    if (metric != NULL)
        atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void rs_metric_observe(struct rs_metric *metric, uint64_t value_micro)
{
    if (metric == NULL)
        return;
    unsigned i = 0;
    while (i < metric->bounds_n && value_micro > metric->bounds[i])
        i++;
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, (int64_t)value_micro, memory_order_relaxed);
}

/* ---- text ---- */

static void add_micro(struct rs_buf *out, uint64_t micro)
{
    (void)rs_buf_addf(out, "%llu.%06llu", (unsigned long long)(micro / 1000000),
                      (unsigned long long)(micro % 1000000));
}

static void render_histogram(struct rs_metric *metric, struct rs_buf *out)
{
    const char *comma = metric->labels[0] != '\0' ? "," : "";
    const char *open = metric->labels[0] != '\0' ? "{" : "";
    const char *close = metric->labels[0] != '\0' ? "}" : "";
    uint64_t total = 0;
    for (unsigned i = 0; i <= metric->bounds_n; i++) {
        total += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        (void)rs_buf_addf(out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, comma);
        if (i == metric->bounds_n)
            (void)rs_buf_adds(out, "+Inf");
        else
            add_micro(out, metric->bounds[i]);
        (void)rs_buf_addf(out, "\"} %llu\n", (unsigned long long)total);
    }
    (void)rs_buf_addf(out, "%s_sum%s%s%s ", metric->name, open, metric->labels, close);
    add_micro(out, (uint64_t)atomic_load_explicit(&metric->value, memory_order_relaxed));
    (void)rs_buf_addf(out, "\n%s_count%s%s%s %llu\n", metric->name, open, metric->labels, close,
                      (unsigned long long)total);
}

static void render_one(struct rs_metric *metric, bool is_first_of_name, struct rs_buf *out)
{
    static const char *const words[] = {"counter", "gauge", "histogram"};
    if (is_first_of_name)
        (void)rs_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                          metric->name, words[metric->kind]);
    if (metric->kind == KIND_HISTOGRAM) {
        render_histogram(metric, out);
        return;
    }
    int64_t value = metric->read != NULL
                        ? metric->read(metric->read_arg)
                        : atomic_load_explicit(&metric->value, memory_order_relaxed);
    const char *open = metric->labels[0] != '\0' ? "{" : "";
    const char *close = metric->labels[0] != '\0' ? "}" : "";
    (void)rs_buf_addf(out, "%s%s%s%s %lld\n", metric->name, open, metric->labels, close,
                      (long long)value);
}

enum rs_status rs_metrics_render(struct rs_metrics *m, struct rs_buf *out)
{
    const char *last = "";
    (void)pthread_mutex_lock(&m->mu);
    for (struct rs_metric *metric = m->first; metric != NULL; metric = metric->next) {
        render_one(metric, strcmp(metric->name, last) != 0, out);
        last = metric->name;
    }
    (void)pthread_mutex_unlock(&m->mu);
    return rs_buf_status(out);
}
