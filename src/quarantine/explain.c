#include "quarantine/explain.h"

#include <string.h>

#include "auth/role.h"
#include "json/json.h"
#include "json/write.h"
#include "oci/reference.h"
#include "quarantine/reason.h"
#include "quarantine/resolver_internal.h"

#define SENTENCES_MAX 6U

/* What was found out, on the way to the answer. */
struct finding {
    const struct rs_explain_question *q;
    struct rs_arena *arena;
    enum rs_column column;
    enum rs_status status; /* of the read */
    struct rs_err err;     /* what the read said */
    const char *held;      /* of a manifest that the read gives: its state; NULL when released */
    bool is_blob;
    bool is_out_of_scope;
    const char *because[SENTENCES_MAX];
    size_t n;
    struct rs_err state; /* its detail is the state, where that may be told */
};

static void say(struct finding *f, const char *sentence)
{
    if (sentence != NULL && f->n < SENTENCES_MAX)
        f->because[f->n++] = sentence;
}

/* ---- the read ---- */

static enum rs_status read_blob(struct rs_db *db, struct finding *f)
{
    struct rs_blob_view blob = {0};
    struct rs_err err = RS_ERR_INIT;
    enum rs_status s =
        rs_resolve_blob(db, f->q->subject, f->q->reference, RS_WANT_GET, &blob, &err);
    if (s == RS_BLOB_UNKNOWN || s == RS_UNAUTHORIZED)
        return f->status; /* what the manifest said */
    f->is_blob = true;
    f->status = s;
    f->err = err;
    f->held = s == RS_OK && !blob.is_open ? "not opened by a released manifest" : NULL;
    return s;
}

static enum rs_status read_it(struct rs_db *db, struct finding *f)
{
    RS_AUTO(rs_manifest_view) struct rs_manifest_view view = {0};
    f->status =
        rs_resolve_manifest(db, f->q->subject, f->q->reference, RS_WANT_HEAD, &view, &f->err);
    f->held = view.held;
    if (f->status == RS_MANIFEST_UNKNOWN && strchr(f->q->reference, ':') != NULL)
        return read_blob(db, f);
    return f->status;
}

/* ---- the words ---- */

static const char *column_words(const struct finding *f)
{
    const char *name = f->q->subject->identity->name;
    const char *repository = f->q->subject->repository;
    switch (f->column) {
    case RS_COLUMN_NONE:
        return rs_arena_printf(f->arena,
                               "%s holds nothing in repository %s that opens content: that takes "
                               "pull, push or quarantine-pull, which an admin grants",
                               name, repository);
    case RS_COLUMN_R:
        return rs_arena_printf(f->arena,
                               "%s holds pull in repository %s, and no more: it reads what is "
                               "released",
                               name, repository);
    case RS_COLUMN_W:
        return rs_arena_printf(f->arena,
                               "%s holds push in repository %s, but not quarantine-pull: of what "
                               "is in quarantine it reads back by digest what it pushed itself",
                               name, repository);
    case RS_COLUMN_Q:
        return rs_arena_printf(f->arena,
                               "%s holds quarantine-pull in repository %s: it reads what is in "
                               "quarantine",
                               name, repository);
    }
    return NULL;
}

static void say_permissions(struct finding *f)
{
    say(f, column_words(f));
    if (f->column == RS_COLUMN_R && f->q->subject->access->is_public)
        say(f, "that pull is everybody's: anonymous holds it");
    if (f->is_out_of_scope)
        say(f, "the token that was used does not carry pull for this repository; a new one would");
}

static void say_outcome(struct finding *f)
{
    const bool is_reader = f->column == RS_COLUMN_Q;
    if (f->status == RS_OK && f->held == NULL)
        say(f,
            f->is_blob ? "the blob is opened by a released manifest" : "the manifest is released");
    else if (f->status == RS_OK && is_reader)
        say(f, f->is_blob
                   ? "the blob is open to quarantine-pull only"
                   : rs_arena_printf(f->arena, "the manifest is in quarantine (%s)", f->held));
    else if (f->status == RS_OK)
        say(f, "it pushed or uploaded these very bytes here itself, and gets them back");
    else if (f->column != RS_COLUMN_NONE && !f->is_out_of_scope)
        say(f, f->err.message[0] != '\0' ? rs_arena_strdup(f->arena, f->err.message)
                                         : "there is nothing here that may be told");
}

/* ---- the state, for those who may know it ---- */

static enum rs_status may_tell(struct rs_db_conn *conn, const struct finding *f,
                               const struct rs_policy *policy, int64_t manifest_id, bool *ret,
                               struct rs_err *reterr)
{
    struct rs_manifest_row *row = NULL;
    enum rs_audience audience = RS_AUDIENCE_NONE;
    *ret = false;
    enum rs_status s = rs_catalog_manifest_get(conn, f->arena, manifest_id, &row, reterr);
    if (s == RS_OK && row != NULL)
        s = rs_audience_of(conn, f->q->asker, policy, row, &audience, reterr);
    if (s == RS_OK)
        *ret = audience != RS_AUDIENCE_NONE || (f->q->asker_is_admin && policy->disclose);
    return s;
}

static enum rs_status tell_state(struct rs_db_conn *conn, struct finding *f,
                                 const struct rs_view_manifest *m, struct rs_err *reterr)
{
    struct rs_policy policy;
    bool tell = false;
    if (m->state == RS_STATE_RELEASED)
        return RS_OK;
    enum rs_status s = rs_policy_for(conn, f->q->subject->repository, &policy, reterr);
    if (s == RS_OK)
        s = may_tell(conn, f, &policy, m->id, &tell, reterr);
    if (s != RS_OK || !tell)
        return s;
    const char *what = rs_arena_printf(f->arena, "%s@%s", f->q->subject->repository, m->digest);
    if (what == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    const struct rs_reason reason = {
        .status = RS_DENIED, .what = what, .holder = m, .policy = &policy};
    s = rs_reason_fail(conn, f->arena, &reason, &f->state);
    if (s != RS_DENIED)
        return rs_fail(reterr, s, NULL);
    if (strstr(f->err.message, "is in quarantine since") == NULL) /* the read told it already */
        say(f, rs_arena_strdup(f->arena, f->state.message));
    return RS_OK;
}

/* The manifest in quarantine that the reference is about, whoever may see it. */
static enum rs_status state_by_reference(struct rs_db_conn *conn, struct finding *f,
                                         const struct rs_reference *reference,
                                         struct rs_err *reterr)
{
    const char *repository = f->q->subject->repository;
    struct rs_view_manifest m = {0};
    struct rs_view_tag tag = {0};
    const char *digest = NULL;
    bool found = false;
    enum rs_status s;
    if (!reference->is_digest) {
        s = rs_view_tag(conn, f->arena, repository, reference->tag, &found, &tag, reterr);
        found = found && tag.has_staged;
        m = tag.staged;
    } else {
        s = rs_resolver_canonical(conn, f->arena, &reference->digest, &digest, reterr);
        if (s == RS_OK && digest != NULL)
            s = rs_view_manifest(conn, f->arena, repository, digest, &found, &m, reterr);
    }
    return s == RS_OK && found ? tell_state(conn, f, &m, reterr) : s;
}

/* ---- the answer ---- */

static void permissions_write(struct rs_jw *w, const struct rs_access *access)
{
    rs_jw_key(w, "permissions");
    rs_jw_array(w);
    for (uint32_t bit = RS_PERM_PULL; bit < RS_PERM_CHECK_ANY; bit <<= 1) {
        if ((access->perms & bit) != 0 && rs_perm_name(bit) != NULL)
            rs_jw_text(w, rs_perm_name(bit));
    }
    rs_jw_array_end(w);
}

/* The permission that would have made this read succeed; NULL when none would. */
static const char *missing_of(const struct finding *f)
{
    if (f->status == RS_OK || f->is_out_of_scope)
        return NULL;
    if (f->column == RS_COLUMN_NONE)
        return "pull";
    return f->status == RS_DENIED || f->state.detail[0] != '\0' ? "quarantine-pull" : NULL;
}

static enum rs_status state_write(struct rs_jw *w, const struct finding *f)
{
    RS_AUTO(rs_json) struct rs_json *state = NULL;
    const char *detail = f->state.detail[0] != '\0' ? f->state.detail : f->err.detail;
    struct rs_json_iter it = {0};
    if (detail[0] == '\0')
        return RS_OK;
    enum rs_status s = rs_json_parse_text(detail, RS_INTERNAL, &state, NULL);
    while (s == RS_OK && rs_json_next(state, &it)) {
        rs_jw_key(w, it.key);
        rs_jw_node(w, it.value);
    }
    return s;
}

static enum rs_status answer_write(const struct finding *f, struct rs_buf *out,
                                   struct rs_err *reterr)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "principal", f->q->subject->identity->name);
    rs_jw_member_text(&w, "repository", f->q->subject->repository);
    rs_jw_member_text(&w, "reference", f->q->reference);
    rs_jw_member_bool(&w, "readable", f->status == RS_OK);
    rs_jw_member_int(&w, "status", f->status == RS_OK ? 200 : (int64_t)rs_status_http(f->status));
    permissions_write(&w, f->q->subject->access);
    rs_jw_member_text(&w, "missing", missing_of(f));
    rs_jw_key(&w, "because");
    rs_jw_array(&w);
    for (size_t i = 0; i < f->n; i++)
        rs_jw_text(&w, f->because[i]);
    rs_jw_array_end(&w);
    enum rs_status s = state_write(&w, f);
    rs_jw_object_end(&w);
    if (s == RS_OK)
        s = rs_buf_status(out);
    return s == RS_OK ? s : rs_fail(reterr, s, NULL);
}

enum rs_status rs_explain(struct rs_db *db, const struct rs_explain_question *q, struct rs_buf *out,
                          struct rs_err *reterr)
{
    struct finding f = {
        .q = q,
        .arena = q->subject->arena,
        .column = rs_resolver_column(q->subject->access),
        .is_out_of_scope = (q->subject->access->scope & RS_PERM_PULL) == 0,
    };
    struct rs_reference reference;
    enum rs_status s = rs_reference_parse(q->reference, &reference, NULL);
    if (s == RS_DIGEST_INVALID)
        return rs_fail(reterr, s, "%s is not a valid digest", q->reference);
    const bool is_reference = s == RS_OK;
    s = read_it(db, &f);
    if (s != RS_OK && !rs_resolver_is_denial(s))
        return rs_fail(reterr, s, NULL);
    say_permissions(&f);
    say_outcome(&f);
    RS_AUTO(rs_db_read) struct rs_db_read read = {0};
    s = rs_db_read_begin(db, &read.conn, reterr);
    if (s == RS_OK && is_reference)
        s = state_by_reference(read.conn, &f, &reference, reterr);
    return s == RS_OK ? answer_write(&f, out, reterr) : s;
}
