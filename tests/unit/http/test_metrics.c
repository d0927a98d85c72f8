#include "http/metrics.h"

#include <string.h>

#include "../cm.h"

static int64_t forty_two(void *arg)
{
    return *(int64_t *)arg;
}

static void renders(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1000, 1500000};
    int64_t counted = 42;
    struct rs_metrics *m = NULL;
    struct rs_buf out = RS_BUF_INIT(65536);
    assert_int_equal(rs_metrics_new(&m), RS_OK);
    struct rs_metric *ok = rs_metrics_counter(m, "x_total", "Things.", "code=\"2xx\"");
    struct rs_metric *bad = rs_metrics_counter(m, "x_total", "Things.", "code=\"5xx\"");
    struct rs_metric *open = rs_metrics_gauge(m, "x_open", "Open.", NULL);
    struct rs_metric *time = rs_metrics_histogram(m, "x_seconds", "Time.", NULL, bounds, 2);
    rs_metrics_counter_of(m, "y_total", "Read.", NULL, forty_two, &counted);
    rs_metric_add(ok, 2);
    rs_metric_add(bad, 1);
    rs_metric_add(open, 5);
    rs_metric_add(open, -2);
    rs_metric_observe(time, 1000);
    rs_metric_observe(time, 1001);
    rs_metric_observe(time, 2000000);
    assert_int_equal(rs_metrics_render(m, &out), RS_OK);
    assert_string_equal(
        rs_buf_text(&out),
        "# HELP x_total Things.\n# TYPE x_total counter\nx_total{code=\"2xx\"} 2\nx_total{code=\"5xx\"} 1\n"
        "# HELP x_open Open.\n# TYPE x_open gauge\nx_open 3\n"
        "# HELP x_seconds Time.\n# TYPE x_seconds histogram\n"
        "x_seconds_bucket{le=\"0.001000\"} 1\nx_seconds_bucket{le=\"1.500000\"} 2\nx_seconds_bucket{le=\"+Inf\"} 3\n"
        "x_seconds_sum 2.002001\nx_seconds_count 3\n"
        "# HELP y_total Read.\n# TYPE y_total counter\ny_total 42\n");
    rs_metric_set(open, -7);
    rs_buf_clear(&out);
    assert_int_equal(rs_metrics_render(m, &out), RS_OK);
    assert_non_null(strstr(rs_buf_text(&out), "x_open -7\n"));
    struct rs_buf small = RS_BUF_INIT(10);
    assert_int_equal(rs_metrics_render(m, &small), RS_TOO_LARGE);
    rs_buf_release(&small);
    rs_buf_release(&out);
    rs_metrics_free(m);
}

static void nothing_to_count_with(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1};
    assert_null(rs_metrics_counter(NULL, "x", "X.", NULL));
    assert_null(rs_metrics_histogram(NULL, "x", "X.", NULL, bounds, 1));
    rs_metric_add(NULL, 1);
    rs_metric_set(NULL, 1);
    rs_metric_observe(NULL, 1);
    rs_metrics_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(renders),
                                       cmocka_unit_test(nothing_to_count_with)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
