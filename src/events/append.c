#include "events/append.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "catalog/event.h"
#include "events/bell.h"
#include "events/counters.h"
#include "events/type.h"
#include "json/write.h"

#define PAYLOAD_BYTES_MAX ((size_t)65536)

/* What the decision said, by whom; its details are kept apart, for they have an audience of their
 * own. */
static void decision_write(struct rs_jw *w, const struct rs_event *event)
{
    bool is_failure = event->type == RS_EVENT_QUARANTINE_FAILED;
    rs_jw_key(w, "decision");
    if (!is_failure && (event->type != RS_EVENT_PUSH ||
                        (event->decision == NULL && event->quarantine_event_id == NULL))) {
        rs_jw_null(w);
        return;
    }
    rs_jw_object(w);
    rs_jw_member_text(w, "by", event->actor->name);
    rs_jw_member_text(w, "state", is_failure ? "failed" : "released");
    rs_jw_object_end(w);
}

static enum rs_status payload_write(const struct rs_event *event, const char *id, int64_t at_ms,
                                    struct rs_buf *out)
{
    struct rs_jw w = RS_JW_INIT(out);
    rs_jw_object(&w);
    rs_jw_member_text(&w, "id", id);
    rs_jw_member_text(&w, "type", rs_event_type_name(event->type));
    rs_jw_member_time(&w, "timestamp", at_ms);
    rs_jw_member_text(&w, "repository", event->repository);
    rs_jw_member_text(&w, "tag", event->tag);
    rs_jw_member_text(&w, "digest", event->digest);
    rs_jw_member_text(&w, "actor", event->actor->name);
    rs_jw_member_text(&w, "publisher", event->publisher);
    rs_jw_member_int(&w, "size", event->size);
    rs_jw_member_text(&w, "mediaType", event->media_type);
    rs_jw_member_text(&w, "artifactType", event->artifact_type);
    rs_jw_member_text(&w, "subject", event->subject);
    rs_jw_member_text(&w, "quarantineEvent", event->quarantine_event_id);
    decision_write(&w, event);
    rs_jw_member_text(&w, "requestId", event->actor->request_id);
    rs_jw_object_end(&w);
    return rs_buf_status(out);
}

static void counted(void *arg)
{
    (void)arg;
    rs_event_count();
}

enum rs_status rs_event_append(struct rs_db_conn *conn, const struct rs_event *event,
                               char ret_id[RS_ID_TEXT_BYTES], struct rs_err *reterr)
{
    char id[RS_ID_TEXT_BYTES];
    int64_t seq = 0;
    int64_t at_ms = rs_clock_unix_ms();
    RS_AUTO(rs_buf) struct rs_buf payload = RS_BUF_INIT(PAYLOAD_BYTES_MAX);
    rs_assert(event->actor != NULL && event->repository != NULL && event->digest != NULL);
    rs_id_new(id);
    enum rs_status s = payload_write(event, id, at_ms, &payload);
    if (s != RS_OK)
        return rs_fail(reterr, s, NULL);
    struct rs_event_row row = {
        .id = id,
        .type = rs_event_type_name(event->type),
        .repository = event->repository,
        .tag = event->tag,
        .digest = event->digest,
        .is_held = event->is_held,
        .created_ms = at_ms,
        .payload = rs_buf_text(&payload),
        .decision = event->decision,
    };
    s = rs_catalog_event_insert(conn, &row, &seq, reterr);
    if (s != RS_OK)
        return s;
    rs_db_after_commit(conn, counted, NULL);
    rs_bell_ring_after_commit(conn);
    if (ret_id != NULL)
        memcpy(ret_id, id, sizeof(id));
    return RS_OK;
}
