/*
 * registry/fsck.h: check everything that is stored: the engine's structures, every invariant of the
 * catalog, every digest, every file. Layer: registry.  Threads: any; one snapshot a phase, so
 * pushes go on meanwhile.  Spec: SPEC section 8.
 */
#ifndef RS_REGISTRY_FSCK_H
#define RS_REGISTRY_FSCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rs_db;
struct rs_blobs;

enum rs_fsck_phase {
    RS_FSCK_ENGINE,     /* the database's own check */
    RS_FSCK_INVARIANTS, /* schema.c, I1 to I9 */
    RS_FSCK_MANIFESTS,  /* the bytes of every manifest against its digest */
    RS_FSCK_BLOBS,      /* the bytes of every blob against its digest */
    RS_FSCK_STRAYS,     /* files that no row tells of: garbage, not damage */
    RS_FSCK_DONE,
};

/* One finding.  Texts are borrowed for the call. */
struct rs_fsck_finding {
    enum rs_fsck_phase phase;
    const char *what;       /* for people: what is wrong */
    const char *repository; /* NULL when it is about none */
    const char *subject;    /* a digest, a tag, a row; NULL when there is none */
    bool is_repaired;
    bool is_garbage; /* no damage: the collector will remove it */
};

struct rs_fsck_progress {
    enum rs_fsck_phase phase;
    uint64_t done; /* bytes in RS_FSCK_BLOBS, things elsewhere */
    uint64_t total;
};

struct rs_fsck_options {
    bool is_repairing;
    bool only_blobs;                /* the scrub: just the bytes of blobs */
    uint64_t bytes_per_s;           /* read no faster than this; 0 = as fast as it goes */
    const atomic_bool *is_stopping; /* checked between things; may be NULL */
    void (*on_finding)(const struct rs_fsck_finding *finding, void *arg);
    void (*on_progress)(const struct rs_fsck_progress *progress,
                        void *arg); /* often; may be NULL */
    void *arg;
};

struct rs_fsck_result {
    uint64_t blobs;
    uint64_t blob_bytes;
    uint64_t manifests;
    uint64_t damaged; /* findings that are damage */
    uint64_t repaired;
    uint64_t strays;
};

/**
 * rs_fsck_run(): check, and with is_repairing put right what can be: counters, pointers to nothing,
 * blobs whose bytes are lost (they are forgotten, so that a push brings them again; not those that
 * only cannot be read).  Never opens anything and never changes a state. Errors: RS_CANCELLED
 * (is_stopping), and faults that make going on pointless; findings are no errors.
 */
RS_MUST_CHECK enum rs_status rs_fsck_run(struct rs_db *db, struct rs_blobs *blobs,
                                         const struct rs_fsck_options *options,
                                         struct rs_fsck_result *ret, struct rs_err *reterr);

const char *rs_fsck_phase_name(enum rs_fsck_phase phase);

#endif
