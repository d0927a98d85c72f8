#include "registry/first_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "catalog/principal.h"
#include "crypto/secret.h"
#include "events/webhook.h"
#include "json/json.h"
#include "quarantine/policy.h"
#include "registry/grants.h"
#include "registry/identities.h"

#define CREDENTIALS_BYTES_MAX ((size_t)1 << 20)

/* One user, robot or workload to be created. */
struct seed {
    struct rs_json *json; /* owns the texts */
    struct rs_new_identity identity;
    struct rs_identity_credential credential;
};

struct start {
    const struct rs_config *config;
    struct seed *seeds; /* users, robots, workloads */
    size_t n_seeds;
    struct rs_new_identity admin; /* name NULL when initial.users has one of that name */
    struct rs_identity_credential admin_credential;
    struct rs_actor actor;
};

static void start_release(struct start *st)
{
    for (size_t i = 0; i < st->n_seeds; i++)
        rs_json_free(st->seeds[i].json);
    rs_secret_wipe(st->seeds, st->n_seeds * sizeof *st->seeds);
    rs_secret_wipe(&st->admin_credential, sizeof st->admin_credential);
    free(st->seeds);
}
RS_DEFINE_AUTO(start, struct start, start_release)

/* Say which line of the file an error is about. */
static enum rs_status at_line(const struct rs_config_item *item, const struct rs_err *inner,
                              struct rs_err *reterr)
{
    return rs_fail(reterr, inner->status, "configuration file, line %u: %s", item->line,
                   inner->message);
}

static enum rs_status parse(const struct rs_config_item *item, struct rs_json **ret,
                            struct rs_err *reterr)
{
    struct rs_err inner = RS_ERR_INIT;
    enum rs_status s = rs_json_parse_text(item->json, RS_BAD_REQUEST, ret, &inner);
    return s == RS_OK ? RS_OK : at_line(item, &inner, reterr);
}

/* ---- before the transaction: bodies, hashes, files ---- */

static enum rs_status read_seeds(struct start *st, const struct rs_config_items *items,
                                 enum rs_principal_kind kind, struct rs_err *reterr)
{
    for (size_t i = 0; i < items->n; i++) {
        struct seed *seed = &st->seeds[st->n_seeds];
        struct rs_err inner = RS_ERR_INIT;
        enum rs_status s = parse(&items->item[i], &seed->json, reterr);
        if (s != RS_OK)
            return s;
        st->n_seeds++;
        s = rs_identities_read(seed->json, kind, &seed->identity, &inner);
        if (s == RS_OK)
            s = rs_identities_make_credential(&seed->identity, &seed->credential, &inner);
        if (s != RS_OK)
            return at_line(&items->item[i], &inner, reterr);
    }
    return RS_OK;
}

static enum rs_status prepare(struct start *st, struct rs_err *reterr)
{
    const struct rs_config *config = st->config;
    size_t n = config->initial_users.n + config->initial_robots.n + config->initial_workloads.n;
    st->seeds = calloc(n + 1, sizeof *st->seeds);
    if (st->seeds == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = read_seeds(st, &config->initial_users, RS_PRINCIPAL_USER, reterr);
    if (s == RS_OK)
        s = read_seeds(st, &config->initial_robots, RS_PRINCIPAL_ROBOT, reterr);
    if (s == RS_OK)
        s = read_seeds(st, &config->initial_workloads, RS_PRINCIPAL_WORKLOAD, reterr);
    if (s != RS_OK)
        return s;
    for (size_t i = 0; i < st->n_seeds; i++) {
        if (strcmp(st->seeds[i].identity.name, "admin") == 0)
            return RS_OK;
    }
    st->admin = (struct rs_new_identity){.kind = RS_PRINCIPAL_USER, .name = "admin"};
    return rs_identities_make_credential(&st->admin, &st->admin_credential, reterr);
}

static enum rs_status write_file(const struct start *st, const char *name, struct rs_buf *text,
                                 struct rs_err *reterr)
{
    enum rs_status s = rs_buf_status(text);
    if (s != RS_OK)
        s = rs_fail(reterr, s, NULL);
    else if (text->len > 0)
        s = rs_file_replace(st->config->data, name, 0600, text->data, text->len, reterr);
    rs_secret_wipe(text->data, text->cap);
    rs_buf_release(text);
    return s;
}

/* The other order could lose the only key of a locked door: the files are durable before the rows
 * are. */
static enum rs_status write_files(const struct start *st, struct rs_err *reterr)
{
    struct rs_buf admin = RS_BUF_INIT(CREDENTIALS_BYTES_MAX);
    struct rs_buf others = RS_BUF_INIT(CREDENTIALS_BYTES_MAX);
    if (st->admin.name != NULL)
        (void)rs_buf_addf(&admin, "%s:%s\n", st->admin.name, st->admin_credential.shown);
    for (size_t i = 0; i < st->n_seeds; i++) {
        if (st->seeds[i].credential.shown[0] != '\0')
            (void)rs_buf_addf(&others, "%s:%s\n", st->seeds[i].identity.name,
                              st->seeds[i].credential.shown);
    }
    enum rs_status s = write_file(st, RS_ADMIN_CREDENTIALS_FILE, &admin, reterr);
    enum rs_status t = write_file(st, RS_INITIAL_CREDENTIALS_FILE, &others, reterr);
    return s != RS_OK ? s : t;
}

/* ---- the transaction ---- */

static enum rs_status add_identities(struct rs_db_conn *conn, const struct start *st,
                                     struct rs_err *reterr)
{
    struct rs_new_grant grant = {.principal = "admin", .what = "admin", .pattern = "**"};
    int64_t id = 0;
    bool added = false;
    enum rs_status s = rs_principal_add_anonymous(conn, rs_clock_unix_ms(), reterr);
    if (s == RS_OK && st->admin.name != NULL)
        s = rs_identities_add_in(conn, &st->actor, &st->admin, &st->admin_credential, reterr);
    for (size_t i = 0; s == RS_OK && i < st->n_seeds; i++)
        s = rs_identities_add_in(conn, &st->actor, &st->seeds[i].identity, &st->seeds[i].credential,
                                 reterr);
    return s == RS_OK ? rs_grants_add_in(conn, &st->actor, &grant, &id, &added, reterr) : s;
}

static enum rs_status add_grants(struct rs_db_conn *conn, const struct start *st,
                                 struct rs_err *reterr)
{
    const struct rs_config_items *items = &st->config->initial_grants;
    for (size_t i = 0; i < items->n; i++) {
        RS_AUTO(rs_json) struct rs_json *json = NULL;
        struct rs_new_grant grant;
        struct rs_err inner = RS_ERR_INIT;
        int64_t id = 0;
        bool added = false;
        enum rs_status s = parse(&items->item[i], &json, reterr);
        if (s != RS_OK)
            return s;
        s = rs_grants_read(json, &grant, &inner);
        if (s == RS_OK)
            s = rs_grants_add_in(conn, &st->actor, &grant, &id, &added, &inner);
        if (s != RS_OK)
            return at_line(&items->item[i], &inner, reterr);
    }
    return RS_OK;
}

static enum rs_status add_policies(struct rs_db_conn *conn, const struct start *st,
                                   struct rs_err *reterr)
{
    const struct rs_config_items *items = &st->config->initial_policies;
    const char **bodies = calloc(items->n + 1, sizeof *bodies);
    if (bodies == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    for (size_t i = 0; i < items->n; i++)
        bodies[i] = items->item[i].json;
    struct rs_err inner = RS_ERR_INIT;
    size_t bad = 0;
    enum rs_status s =
        items->n == 0 ? RS_OK
                      : rs_policy_apply_initial(conn, &st->actor, bodies, items->n, &bad, &inner);
    free(bodies);
    return s == RS_OK ? RS_OK : at_line(&items->item[bad < items->n ? bad : 0], &inner, reterr);
}

static enum rs_status add_webhooks(struct rs_db_conn *conn, const struct start *st,
                                   struct rs_err *reterr)
{
    const struct rs_config *c = st->config;
    struct rs_webhook_rules rules = {
        .allow_http = c->webhook_allow_http,
        .follow_redirects = c->webhook_follow_redirects,
        .private_networks = c->webhook_private_networks.item,
        .n_private_networks = (unsigned)c->webhook_private_networks.n,
    };
    struct rs_webhook *webhook = malloc(sizeof *webhook);
    enum rs_status s = webhook == NULL ? rs_fail(reterr, RS_NOMEM, NULL) : RS_OK;
    for (size_t i = 0; s == RS_OK && i < c->initial_webhooks.n; i++) {
        const struct rs_config_item *item = &c->initial_webhooks.item[i];
        RS_AUTO(rs_json) struct rs_json *json = NULL;
        struct rs_err inner = RS_ERR_INIT;
        char secret[RS_WEBHOOK_SECRET_BYTES];
        s = parse(item, &json, reterr);
        if (s != RS_OK)
            break;
        rs_webhook_init(webhook);
        s = rs_webhook_read(json, &rules, webhook, &inner);
        if (s == RS_OK)
            s = rs_webhook_create_in(conn, webhook, NULL, &st->actor, secret, &inner);
        /* whoever needs it rotates it, and is shown the new one */
        rs_secret_wipe(secret, sizeof secret);
        if (s != RS_OK)
            s = at_line(item, &inner, reterr);
    }
    free(webhook);
    return s;
}

static enum rs_status fill(struct rs_db_conn *conn, void *arg, struct rs_err *reterr)
{
    const struct start *st = arg;
    enum rs_status s = add_identities(conn, st, reterr);
    if (s == RS_OK)
        s = add_grants(conn, st, reterr);
    if (s == RS_OK)
        s = add_policies(conn, st, reterr);
    return s == RS_OK ? add_webhooks(conn, st, reterr) : s;
}

/* `anonymous` is the first row of all, and never leaves. */
static enum rs_status is_filled(struct rs_db *db, bool *ret, struct rs_err *reterr)
{
    struct rs_principal anonymous;
    struct rs_err inner = RS_ERR_INIT;
    RS_AUTO(rs_db_read) struct rs_db_read r = {0};
    enum rs_status s = rs_db_read_begin(db, &r.conn, reterr);
    if (s != RS_OK)
        return s;
    s = rs_principal_by_id(r.conn, RS_ANONYMOUS_ID, &anonymous, &inner);
    *ret = s == RS_OK;
    if (s == RS_OK || s == RS_NOT_FOUND)
        return RS_OK;
    if (reterr != NULL)
        *reterr = inner;
    return s;
}

enum rs_status rs_first_start(struct rs_db *db, const struct rs_config *config, bool *ret_happened,
                              struct rs_err *reterr)
{
    bool filled = false;
    *ret_happened = false;
    enum rs_status s = is_filled(db, &filled, reterr);
    if (s != RS_OK || filled)
        return s;
    RS_AUTO(start)
    struct start st = {
        .config = config,
        .actor = {.principal_id = RS_AUDIT_DAEMON_ID,
                  .name = RS_AUDIT_DAEMON_NAME,
                  .request_id = "",
                  .source = ""},
    };
    s = prepare(&st, reterr);
    if (s == RS_OK)
        s = write_files(&st, reterr);
    if (s == RS_OK)
        s = rs_db_write(db, fill, &st, reterr);
    *ret_happened = s == RS_OK;
    return s;
}
