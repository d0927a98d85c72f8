/* A store of blobs in a scratch directory, and what goes into it. */
#ifndef RS_TESTS_BLOBS_H
#define RS_TESTS_BLOBS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blob/store.h"
#include "crypto/hash.h"

#define REPO "team/app"
#define OWNER ((int64_t)7)

static inline struct rs_blobs *blobs_open(const char *data_dir)
{
    struct rs_blobs *b = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (rs_blobs_open(&(struct rs_blobs_options){.data_dir = data_dir}, &b, &err) != RS_OK)
        fail_msg("rs_blobs_open: %s (%s)", err.message, err.log);
    return b;
}

/* The digest of some bytes, in one of a few static buffers. */
static inline const char *digest_of(enum rs_hash_algorithm algorithm, const void *bytes, size_t n)
{
    static _Thread_local char texts[4][RS_HASH_TEXT_BYTES];
    static _Thread_local unsigned next;
    char *out = texts[next++ % 4];
    rs_hash_text(algorithm, bytes, n, out);
    return out;
}

static inline const char *sha256_of(const char *text)
{
    return digest_of(RS_HASH_SHA256, text, strlen(text));
}

static inline enum rs_status upload_text(struct rs_blobs *b, const char *text, const char *digest,
                                         struct rs_upload_result *ret)
{
    struct rs_upload_info info;
    struct rs_upload *u = NULL;
    enum rs_status s = rs_upload_start(b, REPO, OWNER, "sha256", &info, NULL);
    if (s == RS_OK)
        s = rs_upload_open(b, REPO, OWNER, info.id, &u, NULL);
    if (s == RS_OK)
        s = rs_upload_append(u, text, strlen(text), NULL);
    if (s != RS_OK) {
        rs_upload_close(u);
        return s;
    }
    return rs_upload_commit(u, digest, NULL, NULL, ret, NULL);
}

static inline void put_text(struct rs_blobs *b, const char *text)
{
    struct rs_upload_result result;
    assert_int_equal(upload_text(b, text, sha256_of(text), &result), RS_OK);
    assert_string_equal(result.digest, sha256_of(text));
}

/* Where a blob lies, below the data directory. */
static inline const char *blob_file(const char *data_dir, const char *digest)
{
    static char path[4200];
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%.2s/%s", data_dir, digest + 7, digest + 7);
    return path;
}

static inline void file_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

#endif
