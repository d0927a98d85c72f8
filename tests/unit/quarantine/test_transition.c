/* The table of SPEC section 2, and what stands under it: one image through every state. */
#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "../support/scratch.h"
#include "base/attr.h"
#include "yard.h"

/* How the image comes into the state that a row starts from. */
enum from { NONE, QUARANTINED, FAILED, RELEASED };
enum event {
    PUSH,
    PUSH_OFF,
    PUSH_AGAIN,
    PUSH_OTHER_TAG,
    PUSH_DIGEST,
    PASS,
    FAIL,
    QUARANTINE,
    DELETE_TAG,
    DELETE
};

static const struct row {
    enum from from;
    enum event event;
    const struct yard_who *who;
    enum rs_status status;
    const char *state;  /* afterwards */
    const char *tag;    /* "v1" afterwards, live/staged */
    const char *events; /* of this event alone */
    const char *records;
} rows[] = {
    {NONE, PUSH, &PUBLISHER, RS_OK, "quarantined", "-/a", "quarantine:v1:a", "quarantined:a[v1]"},
    {NONE, PUSH_DIGEST, &PUBLISHER, RS_OK, "quarantined", "-/-", "quarantine::a",
     "quarantined:a[]"},
    {NONE, PUSH_OFF, &PUBLISHER, RS_OK, "released", "a/-", "push:v1:a", "pushed:a[v1]"},
    {NONE, PASS, &PROCESSOR, RS_MANIFEST_UNKNOWN, "none", "-/-", "", ""},
    {NONE, DELETE, &PROCESSOR, RS_MANIFEST_UNKNOWN, "none", "-/-", "", ""},
    {NONE, DELETE_TAG, &PROCESSOR, RS_MANIFEST_UNKNOWN, "none", "-/-", "", ""},

    {QUARANTINED, PASS, &PROCESSOR, RS_OK, "released", "a/-", "push:v1:a", "released:a[v1]"},
    {QUARANTINED, FAIL, &PROCESSOR, RS_OK, "failed", "-/a", "quarantine_failed:v1:a",
     "failed:a[v1]"},
    {QUARANTINED, PUSH_AGAIN, &PUBLISHER, RS_OK, "quarantined", "-/a", "", ""},
    {QUARANTINED, PUSH_AGAIN, &PUBLISHER2, RS_OK, "quarantined", "-/a", "", ""},
    {QUARANTINED, PUSH_DIGEST, &PUBLISHER2, RS_OK, "quarantined", "-/a", "", ""},
    {QUARANTINED, PUSH_OFF, &PUBLISHER2, RS_OK, "quarantined", "-/a", "", ""},
    {QUARANTINED, PUSH_OTHER_TAG, &PUBLISHER, RS_OK, "quarantined", "-/a", "quarantine:v2:a",
     "tagged:a[v2]"},
    {QUARANTINED, QUARANTINE, &PROCESSOR, RS_CONFLICT, "quarantined", "-/a", "", ""},
    {QUARANTINED, DELETE_TAG, &PROCESSOR, RS_OK, "quarantined", "-/-", "delete:v1:a",
     "tag-deleted:a[v1]"},
    {QUARANTINED, DELETE, &PROCESSOR, RS_OK, "none", "-/-", "delete::a", "deleted:a[v1]"},

    {FAILED, PASS, &PROCESSOR, RS_OK, "released", "a/-", "push:v1:a", "released:a[v1]"},
    {FAILED, FAIL, &PROCESSOR2, RS_OK, "failed", "-/a", "", "failed:a[v1]"},
    {FAILED, PUSH_AGAIN, &PUBLISHER, RS_OK, "failed", "-/a", "", ""},
    {FAILED, PUSH_OFF, &PUBLISHER, RS_OK, "failed", "-/a", "", ""},
    {FAILED, PUSH_OTHER_TAG, &PUBLISHER, RS_OK, "failed", "-/a", "quarantine:v2:a", "tagged:a[v2]"},
    {FAILED, QUARANTINE, &PROCESSOR, RS_CONFLICT, "failed", "-/a", "", ""},
    {FAILED, DELETE, &PROCESSOR, RS_OK, "none", "-/-", "delete::a", "deleted:a[v1]"},

    {RELEASED, PASS, &PROCESSOR2, RS_OK, "released", "a/-", "", ""},
    {RELEASED, FAIL, &PROCESSOR, RS_CONFLICT, "released", "a/-", "", ""},
    {RELEASED, QUARANTINE, &PROCESSOR, RS_CONFLICT, "released", "a/-", "", ""},
    {RELEASED, PUSH_AGAIN, &PUBLISHER, RS_OK, "released", "a/-", "", ""},
    {RELEASED, PUSH_OFF, &PUBLISHER, RS_OK, "released", "a/-", "", ""},
    {RELEASED, PUSH_DIGEST, &PUBLISHER2, RS_OK, "released", "a/-", "", ""},
    {RELEASED, PUSH_OTHER_TAG, &PUBLISHER, RS_OK, "released", "a/-", "push:v2:a", "tagged:a[v2]"},
    {RELEASED, DELETE_TAG, &PROCESSOR, RS_OK, "released", "-/-", "delete:v1:a",
     "tag-deleted:a[v1]"},
    {RELEASED, DELETE, &PROCESSOR, RS_OK, "none", "-/-", "delete::a", "deleted:a[v1]"},

    /* Who may not is told so (or nothing) whatever the state. */
    {QUARANTINED, PASS, &PUBLISHER, RS_DENIED, "quarantined", "-/a", "", ""},
    {QUARANTINED, PASS, &PUBLISHER2, RS_MANIFEST_UNKNOWN, "quarantined", "-/a", "", ""},
    {QUARANTINED, PASS, &CONSUMER, RS_DENIED, "quarantined", "-/a", "", ""},
    {QUARANTINED, PASS, &STRANGER, RS_MANIFEST_UNKNOWN, "quarantined", "-/a", "", ""},
    {QUARANTINED, PASS, &AUDITOR, RS_DENIED, "quarantined", "-/a", "", ""},
    {QUARANTINED, FAIL, &SCANNER, RS_DENIED, "quarantined", "-/a", "", ""},
    {RELEASED, FAIL, &CONSUMER, RS_DENIED, "released", "a/-", "", ""},
    {RELEASED, FAIL, &STRANGER, RS_MANIFEST_UNKNOWN, "released", "a/-", "", ""},
    {RELEASED, PASS, &PUBLISHER, RS_DENIED, "released", "a/-", "", ""},
};

static void come_to(struct yard *y, const struct yard_thing *a, enum from from)
{
    if (from == NONE)
        return;
    assert_status(y, yard_push(y, &PUBLISHER, a, "v1"), RS_OK);
    if (from == FAILED)
        assert_status(y, yard_fail(y, &PROCESSOR, a), RS_OK);
    if (from == RELEASED)
        assert_status(y, yard_release(y, &PROCESSOR, a), RS_OK);
}

static enum rs_status happen(struct yard *y, const struct yard_thing *a, const struct row *row)
{
    struct rs_decision d = {.verdict = RS_VERDICT_QUARANTINE};
    switch (row->event) {
    case PUSH_OFF:
        yard_policy(y, "{\"quarantine\":\"off\"}");
        (void)yard_records(y);
        return yard_push(y, row->who, a, "v1");
    case PUSH:
    case PUSH_AGAIN:
        return yard_push(y, row->who, a, "v1");
    case PUSH_OTHER_TAG:
        return yard_push(y, row->who, a, "v2");
    case PUSH_DIGEST:
        return yard_push(y, row->who, a, NULL);
    case PASS:
        return yard_release(y, row->who, a);
    case FAIL:
        return yard_fail(y, row->who, a);
    case QUARANTINE:
        return yard_decide(y, row->who, a, &d);
    case DELETE_TAG:
        return yard_delete_tag(y, "v1");
    case DELETE:
        break;
    }
    return yard_delete(y, a);
}

static void row_try(const char *path, const struct row *row)
{
    static struct yard y;
    yard_open(&y, path);
    const struct yard_thing *a = yard_image(&y, "a");
    come_to(&y, a, row->from);
    (void)yard_events(&y);
    (void)yard_records(&y);
    assert_status(&y, happen(&y, a, row), row->status);
    assert_string_equal(yard_state(&y, a), row->state);
    assert_string_equal(yard_tag(&y, "v1"), row->tag);
    assert_string_equal(yard_events(&y), row->events);
    assert_string_equal(yard_records(&y), row->records);
    assert_int_equal(yard_is_open(&y, a), strcmp(row->state, "released") == 0);
    yard_close(&y);
}

static void test_every_row(void **state)
{
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "row-%zu.db", i);
        print_message("row %zu\n", i);
        row_try(scratch_path(state, name), &rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_row, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
