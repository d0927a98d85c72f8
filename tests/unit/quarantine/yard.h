/* A repository "team/app" that things are pushed to and decided about, for tests of the state
 * machine. After every operation that the yard carries out, all invariants of the catalog are
 * checked. */
#ifndef RS_TESTS_YARD_H
#define RS_TESTS_YARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "catalog/manifest.h"
#include "db/db.h"
#include "oci/digest.h"
#include "quarantine/admit.h"
#include "quarantine/check.h"
#include "quarantine/decide.h"

#define YARD_REPOSITORY "team/app"
#define YARD_THINGS_MAX 64

struct yard_who {
    int64_t id;
    const char *name;
    uint32_t perms;
    const char *checks;
};
extern const struct yard_who PUBLISHER, PUBLISHER2, PROCESSOR, PROCESSOR2, OVERRIDER, SCANNER,
    SIGNER, ATTACHER, CONSUMER, STRANGER, AUDITOR;

/* A manifest that exists in the test: its text, and the name that expectations call it by. */
struct yard_thing {
    char name[16];
    char json[8192];
    char digest[RS_DIGEST_TEXT_BYTES];
    const char *media_type;
};

struct yard {
    struct rs_db *db;
    struct rs_arena arena; /* of the last operation's result */
    struct yard_thing things[YARD_THINGS_MAX];
    size_t n_things;
    int64_t seen_event;
    int64_t seen_record;
    char text[16384]; /* what the last yard_events() or yard_records() gave */
    struct rs_admitted admitted;
    struct rs_decided decided;
    struct rs_reported reported;
    struct rs_err err; /* of the last operation */
};

/* A new catalog in that file. */
void yard_open(struct yard *y, const char *path);
void yard_close(struct yard *y);
/* One policy for everything, in front of all others. */
void yard_policy(struct yard *y, const char *rules);

/* ---- things ---- */

/* An image of one config and one layer of its own; with `layer` of that text's layer. */
const struct yard_thing *yard_image(struct yard *y, const char *name);
const struct yard_thing *yard_image_with(struct yard *y, const char *name, const char *layer,
                                         const struct yard_thing *subject);
/* An artifact with the empty config and one blob (`content` of it, or one of its own). */
const struct yard_thing *yard_attachment(struct yard *y, const char *name,
                                         const struct yard_thing *subject);
const struct yard_thing *yard_attachment_with(struct yard *y, const char *name,
                                              const struct yard_thing *subject,
                                              const char *content);
/* Over up to four manifests; NULL ends them. */
const struct yard_thing *yard_index(struct yard *y, const char *name, const struct yard_thing *a,
                                    const struct yard_thing *b, const struct yard_thing *c);
/* "sha256-<hex><suffix>" of a thing. */
const char *yard_fallback(const struct yard_thing *subject, const char *suffix);

/* ---- operations: their status; details in y->err, y->admitted, ... ---- */

/* Upload what it names, then push it under a tag (NULL: by digest). */
enum rs_status yard_push(struct yard *y, const struct yard_who *who, const struct yard_thing *thing,
                         const char *tag);
/* The manifest alone. */
enum rs_status yard_put(struct yard *y, const struct yard_who *who, const struct yard_thing *thing,
                        const char *const *tags, size_t n_tags);
/* The blobs of a thing are now in the repository. */
void yard_upload(struct yard *y, const struct yard_who *who, const struct yard_thing *thing);
enum rs_status yard_release(struct yard *y, const struct yard_who *who,
                            const struct yard_thing *thing);
enum rs_status yard_fail(struct yard *y, const struct yard_who *who,
                         const struct yard_thing *thing);
/* Any decision about a thing: the rest of *d is filled in. */
enum rs_status yard_decide(struct yard *y, const struct yard_who *who,
                           const struct yard_thing *thing, struct rs_decision *d);
enum rs_status yard_report(struct yard *y, const struct yard_who *who,
                           const struct yard_thing *thing, const char *check,
                           enum rs_check_state state, const char *claim);
enum rs_status yard_delete(struct yard *y, const struct yard_thing *thing);
enum rs_status yard_delete_tag(struct yard *y, const char *tag);
/* Statements that no operation makes. */
void yard_sql(struct yard *y, const char *sql);

/* ---- what came of it ---- */

/* "quarantined", "failed", "released" or "none". */
const char *yard_state(struct yard *y, const struct yard_thing *thing);
/* "<live>/<staged>" names of things, "-" for none. */
const char *yard_tag(struct yard *y, const char *tag);
/* Events since the last call: "quarantine:v1:a push::b" (type:tag:name), in order. */
const char *yard_events(struct yard *y);
/* Records since the last call: "quarantined:a[v1] released:b[]". */
const char *yard_records(struct yard *y);
/* May everybody read the layer (for an attachment: the blob) of a thing? */
bool yard_is_open(struct yard *y, const struct yard_thing *thing);
/* One number of the catalog. */
int64_t yard_number(struct yard *y, const char *sql);

#define assert_status(y, s, expected) yard_assert_status((y), (s), (expected), __FILE__, __LINE__)
void yard_assert_status(const struct yard *y, enum rs_status s, enum rs_status expected,
                        const char *file, int line);

#endif
