/* Webhooks and their deliveries for those who manage them.  Secrets are in none of it. */
#include "events/webhook.h"

#include "events/webhook_internal.h"
#include "json/write.h"

static enum rs_status webhook_show(void *arg, const struct rs_webhook_row *row,
                                   struct rs_err *reterr)
{
    struct rs_jw *w = arg;
    struct rs_webhook webhook;
    /* A damaged one is shown too, by what its row tells: it must be possible to find and delete it.
     */
    bool is_sound = rs_webhook_load(row, &webhook, NULL) == RS_OK;
    rs_jw_object(w);
    if (is_sound) {
        rs_webhook_write(&webhook, w);
    } else {
        rs_jw_member_text(w, "name", row->name);
        rs_jw_member_text(w, "error",
                          "its stored settings are damaged: delete it and create it anew");
    }
    rs_jw_member_time(w, "created", row->created_ms);
    rs_jw_member_int(w, "cursor", row->cursor);
    rs_jw_member_int(w, "waiting", row->waiting);
    rs_jw_member_int(w, "dead", row->dead);
    rs_jw_object_end(w);
    enum rs_status s = rs_buf_status(w->buf);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

enum rs_status rs_webhook_show(struct rs_db *db, const char *name, struct rs_buf *out,
                               struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct rs_jw w = RS_JW_INIT(out);
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s != RS_OK)
        return s;
    if (name != NULL)
        return rs_catalog_webhook_get(r.conn, name, webhook_show, &w, reterr);
    rs_jw_object(&w);
    rs_jw_key(&w, "webhooks");
    rs_jw_array(&w);
    s = rs_catalog_webhook_each(r.conn, webhook_show, &w, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_array_end(&w);
    rs_jw_object_end(&w);
    s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}

struct deliveries {
    struct rs_jw w;
    unsigned n;
    unsigned n_max;
    int64_t next;
    bool has_more;
};

static enum rs_status delivery_show(void *arg, const struct rs_delivery_row *row,
                                    struct rs_err *reterr)
{
    struct deliveries *d = arg;
    struct rs_jw *w = &d->w;
    (void)reterr;
    if (d->n >= d->n_max) {
        d->has_more = true;
        return RS_OK;
    }
    rs_jw_object(w);
    rs_jw_member_int(w, "sequence", row->event_seq);
    rs_jw_member_text(w, "id", row->event_id);
    rs_jw_member_text(w, "type", row->event_type);
    rs_jw_member_text(w, "repository", row->repository);
    rs_jw_member_text(w, "tag", row->tag);
    rs_jw_member_text(w, "digest", row->digest);
    rs_jw_member_text(w, "state", row->state);
    rs_jw_member_int(w, "attempts", row->attempts);
    rs_jw_member_time(w, "firstAttempt", row->first_ms);
    rs_jw_member_time(w, "nextAttempt", row->next_ms);
    rs_jw_member_text(w, "lastError", row->last_error);
    rs_jw_object_end(w);
    d->next = row->event_seq;
    d->n++;
    return RS_OK;
}

static enum rs_status id_take(void *arg, const struct rs_webhook_row *row, struct rs_err *reterr)
{
    (void)reterr;
    *(int64_t *)arg = row->id;
    return RS_OK;
}

enum rs_status rs_webhook_deliveries(struct rs_db *db, const char *name, const char *state,
                                     int64_t after, unsigned n_max, struct rs_buf *out,
                                     struct rs_err *reterr)
{
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    struct deliveries d = {.w = RS_JW_INIT(out), .n_max = n_max, .next = after};
    int64_t id = 0;
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s == RS_OK)
        s = rs_catalog_webhook_get(r.conn, name, id_take, &id, reterr);
    if (s != RS_OK)
        return s;
    rs_jw_object(&d.w);
    rs_jw_key(&d.w, "deliveries");
    rs_jw_array(&d.w);
    s = rs_catalog_delivery_each(r.conn, id, state, after, (int64_t)n_max + 1, delivery_show, &d,
                                 reterr);
    if (s != RS_OK)
        return s;
    rs_jw_array_end(&d.w);
    rs_jw_member_int(&d.w, "next", d.next);
    rs_jw_member_bool(&d.w, "more", d.has_more);
    rs_jw_object_end(&d.w);
    s = rs_buf_status(out);
    return s == RS_OK ? RS_OK : rs_fail(reterr, s, NULL);
}
