/*
 * cli/daemon.h: everything that `serve` builds, in the order in which it depends on each other.
 * Layer: cli.  Threads: built, reloaded and ended by one thread.
 */
#ifndef RS_CLI_DAEMON_H
#define RS_CLI_DAEMON_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/periodic.h"
#include "config/config.h"
#include "http/server.h"
#include "quarantine/reaper.h"
#include "registry/services.h"

struct rs_daemon {
    const struct rs_config *config; /* borrowed */
    int lock_fd;                    /* the data directory's; -1 not held */
    struct rs_services services;    /* each NULL until it is there */
    struct rs_metrics *metrics;
    struct rs_route *routes;
    struct rs_listen *listen;
    struct rs_server *server;
    struct rs_reaper reaper; /* of the thread behind `reaping` */
    struct rs_periodic *reaping;
    _Atomic uint64_t overdue; /* images told to be overdue, since the start */
    _Atomic uint64_t expired; /* manifests deleted because their time was over */
    pthread_t main_thread;
    atomic_bool has_failed; /* a change could not be made durable: stop, exit nonzero */
};

/* `main_thread` gets SIGTERM when a write has failed for good. */
void rs_daemon_init(struct rs_daemon *d, const struct rs_config *config);
/**
 * rs_daemon_start(): lock the data directory, open and migrate the catalog, the blobs, and all
 * else, then serve.  Errors: with a message for people; rs_daemon_release() is due all the same.
 */
RS_MUST_CHECK enum rs_status rs_daemon_start(struct rs_daemon *d, struct rs_err *reterr);
/* Stop serving (what is in flight may take config limits.shutdown_timeout), then end everything.
 * Good on whatever state; idempotent. */
void rs_daemon_release(struct rs_daemon *d);

/* The series of the layers below http/. */
void rs_daemon_add_metrics(struct rs_daemon *d);

#endif
