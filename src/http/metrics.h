/*
 * http/metrics.h: a small registry of metrics, written out in the Prometheus text format.
 * Layer: http.  Threads: registering before the server starts; updating and rendering from any
 * thread. Labels are fixed words chosen when a metric is registered.  Never a repository, tag or
 * digest: names of held content must not leak.
 */
#ifndef RS_HTTP_METRICS_H
#define RS_HTTP_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct rs_metrics;
struct rs_metric; /* one time series (a name with one set of labels) */

RS_MUST_CHECK enum rs_status rs_metrics_new(struct rs_metrics **ret);
void rs_metrics_free(struct rs_metrics *m); /* NULL-safe */

/**
 * Register a series.  `name` (roadstead_..., counters end in _total), `help` and `labels`
 * ("method=\"GET\",code=\"2xx\"", or NULL) are literals, borrowed for ever.  Series of one name are
 * registered one after the other with the same help. NULL without memory; every function below
 * takes NULL and does nothing.
 */
struct rs_metric *rs_metrics_counter(struct rs_metrics *m, const char *name, const char *help,
                                     const char *labels);
struct rs_metric *rs_metrics_gauge(struct rs_metrics *m, const char *name, const char *help,
                                   const char *labels);
/* bounds: n ascending upper bounds in the metric's unit times 1e6 (microseconds for seconds); +Inf
 * is added. */
struct rs_metric *rs_metrics_histogram(struct rs_metrics *m, const char *name, const char *help,
                                       const char *labels, const uint64_t *bounds_micro,
                                       unsigned n);
#define RS_METRIC_BOUNDS_MAX 16

void rs_metric_add(struct rs_metric *metric, int64_t n); /* counter (n >= 0) or gauge */
void rs_metric_set(struct rs_metric *metric, int64_t value);
void rs_metric_observe(struct rs_metric *metric, uint64_t value_micro);

/* What a lower layer counts by itself: `read` is called when metrics are rendered and gives the
 * value. */
typedef int64_t (*rs_metric_read)(void *arg);
struct rs_metric *rs_metrics_counter_of(struct rs_metrics *m, const char *name, const char *help,
                                        const char *labels, rs_metric_read read, void *arg);
struct rs_metric *rs_metrics_gauge_of(struct rs_metrics *m, const char *name, const char *help,
                                      const char *labels, rs_metric_read read, void *arg);

/* Appends everything to `out`. */
RS_MUST_CHECK enum rs_status rs_metrics_render(struct rs_metrics *m, struct rs_buf *out);
#define RS_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
