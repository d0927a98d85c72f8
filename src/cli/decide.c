#include "cli/decide.h"

#include <string.h>

#include "cli/reference.h"
#include "cli/table.h"
#include "json/write.h"

#define BODY_BYTES_MAX ((size_t)262144)

const struct rs_option rs_decide_options[] = {
    RS_DETAILS_OPTIONS,
    RS_OPTION("expect", "STATE", "decide only if this is its state now: quarantined or failed"),
    RS_OPTION("claim", "ID", "the claim that this decision belongs to"),
    RS_OPTION("reason", "TEXT", "why missing checks are overridden (needs quarantine-override)"),
    RS_OPTIONS_END,
};

static enum rs_exit write_body(const struct rs_args *args, const char *state, struct rs_buf *body)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT(BODY_BYTES_MAX);
    static const char *const members[] = {"expect", "claim", "reason"};
    struct rs_jw w = RS_JW_INIT(body);
    bool given = false;
    enum rs_exit e = rs_read_details(args, &details, &given);
    if (e != RS_EXIT_OK)
        return e;
    rs_jw_object(&w);
    rs_jw_member_text(&w, "state", state);
    if (given)
        rs_jw_member_raw(&w, "details", rs_buf_text(&details));
    for (size_t i = 0; i < RS_ARRAY_LEN(members); i++)
        if (rs_args_text(args, members[i]) != NULL)
            rs_jw_member_text(&w, members[i], rs_args_text(args, members[i]));
    rs_jw_object_end(&w);
    if (rs_buf_status(body) != RS_OK)
        return rs_usage("the details are too large");
    return RS_EXIT_OK;
}

/* For people: what happened, and to what. */
static enum rs_exit print_outcome(struct rs_client *c, const struct rs_image *image,
                                  const struct rs_json *answer)
{
    bool changed = true;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT((size_t)16 << 20);
    const char *state = rs_json_text(rs_json_get(answer, "state"));
    if (rs_client_wants_json(c))
        return rs_print_json(answer);
    if (!rs_json_bool(rs_json_get(answer, "changed"), &changed))
        changed = true; /* an answer that does not say so is one to a change */
    (void)rs_buf_addf(&text, "%s@%s: %s%s\n", image->name, image->digest,
                      state == NULL ? "decided" : state, changed ? "" : " (as it was before)");
    const struct rs_json *released = rs_json_get(answer, "released");
    if (rs_json_len(released) > 0) {
        (void)rs_buf_adds(&text, "released:\n");
        (void)rs_table_write_tree(released, 2, &text);
    }
    const struct rs_json *held = rs_json_get(answer, "held");
    if (rs_json_len(held) > 0) {
        (void)rs_buf_adds(&text, "still held:\n");
        (void)rs_table_write_tree(held, 2, &text);
    }
    return rs_print(&text);
}

enum rs_exit rs_decide_send(const struct rs_args *args, const char *state)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_buf) struct rs_buf path = RS_BUF_INIT(RS_PATH_BYTES_MAX);
    RS_AUTO(rs_answer) struct rs_answer a = RS_ANSWER_INIT;
    struct rs_image image;
    enum rs_exit e = write_body(args, state, &body);
    if (e == RS_EXIT_OK)
        e = rs_client_open(args, &c);
    if (e == RS_EXIT_OK)
        e = rs_image_resolve(c, args->positional[0], &image);
    if (e != RS_EXIT_OK)
        return e;
    rs_image_path(&image, &path);
    struct rs_call call = {
        .method = "PATCH", .path = rs_buf_text(&path), .body = rs_buf_text(&body)};
    e = rs_client_send(c, &call, &a);
    return e == RS_EXIT_OK ? print_outcome(c, &image, a.json) : e;
}
