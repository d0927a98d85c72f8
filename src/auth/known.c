#include "auth/known.h"

#include <string.h>

#include "base/clock.h"
#include "catalog/generation.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#define REMEMBER_MS ((uint64_t)5 * 60 * 1000)

void rs_auth_mark_credential(int64_t principal_id, const char *stored_secret,
                             unsigned char out[RS_CREDENTIAL_BYTES])
{
    struct {
        int64_t id;
        unsigned char secret[RS_SHA256_BYTES];
    } in = {.id = principal_id};
    unsigned char hash[RS_SHA256_BYTES];
    rs_hash_sha256(stored_secret, strlen(stored_secret), in.secret);
    rs_hash_sha256(&in, sizeof in, hash);
    memcpy(out, hash, RS_CREDENTIAL_BYTES);
}

enum rs_status rs_known_find(struct rs_auth *auth, const char *name, int64_t id,
                             struct rs_known *ret, struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    ret->generation = rs_generation_access(); /* before the read */
    enum rs_status s = rs_db_read_begin(auth->db, &r.conn, reterr);
    if (s != RS_OK)
        return s;
    struct rs_err local = RS_ERR_INIT;
    s = name != NULL ? rs_principal_by_name(r.conn, name, &ret->row, &local)
                     : rs_principal_by_id(r.conn, id, &ret->row, &local);
    ret->may_cache = rs_db_read_is_fresh(r.conn);
    ret->is_there = s == RS_OK;
    if (s == RS_OK || s == RS_NOT_FOUND)
        return RS_OK;
    if (reterr != NULL)
        *reterr = local;
    return s;
}

void rs_known_identify(const struct rs_known *k, struct rs_identity *ret)
{
    *ret = (struct rs_identity){.principal_id = k->row.id, .has_credentials = true};
    (void)rs_text_copy(ret->name, sizeof ret->name, k->row.name);
    rs_auth_mark_credential(k->row.id, k->row.secret, ret->credential);
}

enum rs_status rs_known_judge(struct rs_auth *auth, struct rs_verified *v, bool *ret_may_cache,
                              struct rs_err *reterr)
{
    struct rs_known k = {0};
    unsigned char now[RS_CREDENTIAL_BYTES];
    enum rs_status s = rs_known_find(auth, NULL, v->identity.principal_id, &k, reterr);
    if (s != RS_OK)
        return s;
    if (k.is_there)
        rs_auth_mark_credential(k.row.id, k.row.secret, now);
    bool is_good = k.is_there && !k.row.is_disabled &&
                   rs_secret_equal(now, v->identity.credential, sizeof now);
    if (is_good)
        (void)rs_text_copy(v->identity.name, sizeof v->identity.name, k.row.name);
    v->generation = k.generation;
    *ret_may_cache = k.may_cache;
    rs_secret_wipe(k.row.secret, sizeof k.row.secret);
    return is_good ? RS_OK
                   : rs_fail(reterr, RS_UNAUTHORIZED, "these credentials have ended: log in again");
}

enum rs_status rs_known_recall(struct rs_auth *auth, const struct rs_verified_key *key,
                               struct rs_arena *arena, struct rs_identity *ret,
                               struct rs_err *reterr)
{
    struct rs_verified v;
    if (!rs_verified_get(auth->verified, key, rs_clock_mono_ms(), rs_clock_unix_s(), arena, &v))
        return RS_NOT_FOUND;
    if (v.generation != rs_generation_access()) {
        bool may_cache = false;
        struct rs_err local = RS_ERR_INIT;
        enum rs_status s = rs_known_judge(auth, &v, &may_cache, &local);
        if (s == RS_UNAUTHORIZED) {
            rs_verified_drop(auth->verified, key);
            return RS_NOT_FOUND;
        }
        if (s != RS_OK) {
            if (reterr != NULL)
                *reterr = local;
            return s;
        }
        if (may_cache)
            rs_verified_put(auth->verified, key, &v);
    }
    *ret = v.identity;
    return RS_OK;
}

/* A password's is put off by every use; a token's never comes later than its own end. */
static uint64_t life_ms(int64_t expires_unix_s)
{
    int64_t left_s = expires_unix_s - rs_clock_unix_s();
    if (left_s <= 0)
        return 0;
    return (uint64_t)left_s < REMEMBER_MS / 1000 ? (uint64_t)left_s * 1000 : REMEMBER_MS;
}

void rs_known_remember(struct rs_auth *auth, const struct rs_verified_key *key,
                       const struct rs_known *k, const struct rs_identity *identity,
                       int64_t expires_unix_s)
{
    struct rs_verified v = {
        .identity = *identity,
        .generation = k->generation,
        .expires_mono_ms = rs_clock_mono_ms() + life_ms(expires_unix_s),
        .extend_ms = expires_unix_s == INT64_MAX ? REMEMBER_MS : 0,
        .expires_unix_s = expires_unix_s,
    };
    if (k->may_cache)
        rs_verified_put(auth->verified, key, &v);
}
