/* A catalog with one repository full of every kind of content, for tests of who sees what. */
#ifndef RS_TESTS_SCENE_H
#define RS_TESTS_SCENE_H

#include "db/db.h"
#include "quarantine/resolver.h"

#define SCENE_DIGEST_BYTES 136

/* Principals. */
enum { ALICE = 11, BOB = 12, CAROL = 13 };

/* Manifests: alice pushed all of them but `elsewhere`; each is its own small JSON text. */
enum scene_manifest {
    M_RELEASED,
    /* quarantined, names a config, a layer, the shared layer, an absent and a late blob */
    M_HELD,
    M_FAILED,
    M_DATA,  /* quarantined, carries a `data` field */
    M_PART,  /* quarantined, never tagged, named by the quarantined index M_INDEX */
    M_INDEX, /* has a report of the check "scan" */
    N_MANIFESTS
};

/* Blobs. */
enum scene_blob {
    B_RELEASED,       /* a layer that M_RELEASED opens */
    B_SHARED,         /* a layer of both M_RELEASED and M_HELD */
    B_LAYER,          /* of M_HELD; alice uploaded it */
    B_CONFIG,         /* the image config of M_HELD; alice uploaded it */
    B_CONFIG_SKIPPED, /* the image config of M_FAILED; somebody else uploaded it */
    B_CONFIG_LARGE,   /* the image config of M_FAILED, above 1 MiB; alice uploaded it */
    B_CONFIG_DATA,    /* the image config of M_DATA; alice uploaded it */
    B_CONFIG_OTHER,   /* a config of another type, of M_HELD; alice uploaded it */
    B_UNNAMED,        /* named by no manifest; alice uploaded it */
    B_LATE,           /* M_RELEASED names it, but it arrived later: not opened; alice uploaded it */
    B_ABSENT,         /* M_HELD names it, nobody uploaded it here */
    B_ELSEWHERE,      /* in another repository only */
    N_BLOBS
};

struct scene {
    struct rs_db *db;
    char manifests[N_MANIFESTS][SCENE_DIGEST_BYTES];
    char blobs[N_BLOBS][SCENE_DIGEST_BYTES];
    char alias[SCENE_DIGEST_BYTES]; /* the sha512 digest of M_HELD */
    char unknown[SCENE_DIGEST_BYTES];
    int64_t since_ms; /* when everything went into its state */
};

/* Tags: "live" (M_RELEASED), "staged" (M_HELD only), "both" (live M_RELEASED, staged M_HELD),
 * "failed" (M_FAILED only). */
void scene_open(struct scene *scene, const char *path, const char *repository);
/* One policy in front of all others. */
void scene_policy(struct scene *scene, const char *pattern, const char *rules);
/* Any statements; the generations move. */
void scene_sql(struct scene *scene, const char *sql);
void scene_close(struct scene *scene);

/* The text of a manifest. */
const char *scene_text(enum scene_manifest m);

#endif
