/* `roadstead workload`: programs that log in with a token of an OpenID Connect issuer. */
#include <string.h>

#include "auth/workload_rule.h"
#include "cli/identity.h"
#include "json/write.h"

#define BODY_BYTES_MAX ((size_t)16384)

#define RULE_OPTIONS                                                                               \
    RS_OPTION("issuer", "URL", "the issuer, exactly as its tokens name it (iss)"),                 \
        RS_OPTION_MANY("audience", "TEXT",                                                         \
                       "what tokens must be made out to (aud);\n"                                  \
                       "best this registry's own name"),                                           \
        RS_OPTION_MANY("claim", "NAME=PATTERN",                                                    \
                       "a claim that tokens must have;\n"                                          \
                       "* stands for anything but /, ** for anything"),                            \
        RS_OPTION("claims", "FILE", "the claims as a JSON object instead,\n- for standard input"), \
        RS_OPTIONS_END

static const struct rs_option rule_options[] = {RULE_OPTIONS};

static void write_audience(const struct rs_args *args, struct rs_jw *w)
{
    if (rs_args_text_at(args, "audience", 0) == NULL)
        return;
    rs_jw_key(w, "audience");
    rs_jw_array(w);
    for (size_t i = 0; rs_args_text_at(args, "audience", i) != NULL; i++)
        rs_jw_text(w, rs_args_text_at(args, "audience", i));
    rs_jw_array_end(w);
}

static enum rs_exit write_claim_options(const struct rs_args *args, struct rs_jw *w)
{
    rs_jw_key(w, "claims");
    rs_jw_object(w);
    for (size_t i = 0; rs_args_text_at(args, "claim", i) != NULL; i++) {
        const char *claim = rs_args_text_at(args, "claim", i);
        const char *equals = strchr(claim, '=');
        RS_AUTO(rs_buf) struct rs_buf name = RS_BUF_INIT(BODY_BYTES_MAX);
        if (equals == NULL || equals == claim)
            return rs_usage("--claim is NAME=PATTERN, not \"%s\"", claim);
        if (rs_buf_add(&name, claim, (size_t)(equals - claim)) != RS_OK)
            return rs_usage("the claims are too long");
        rs_jw_key(w, rs_buf_text(&name));
        rs_jw_text(w, equals + 1);
    }
    rs_jw_object_end(w);
    return RS_EXIT_OK;
}

static enum rs_exit write_claims_file(const char *file, struct rs_jw *w)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(BODY_BYTES_MAX);
    RS_AUTO(rs_json) struct rs_json *claims = NULL;
    struct rs_err err = RS_ERR_INIT;
    struct rs_json_limits limits = RS_JSON_LIMITS(BODY_BYTES_MAX);
    if (rs_read_input(file, BODY_BYTES_MAX, &text, &err) != RS_OK ||
        rs_json_parse(text.data, text.len, &limits, &claims, &err) != RS_OK)
        return rs_tell_err(&err);
    rs_jw_key(w, "claims");
    rs_jw_node(w, claims);
    return RS_EXIT_OK;
}

static enum rs_exit write_claims(const struct rs_args *args, struct rs_jw *w)
{
    const char *file = rs_args_text(args, "claims");
    bool has_options = rs_args_text_at(args, "claim", 0) != NULL;
    if (file != NULL && has_options)
        return rs_usage("either --claim or --claims");
    if (file != NULL)
        return write_claims_file(file, w);
    return has_options ? write_claim_options(args, w) : RS_EXIT_OK;
}

/* @name  NULL: it stands in the path */
static enum rs_exit write_body(const struct rs_args *args, const char *name, struct rs_buf *body)
{
    struct rs_jw w = RS_JW_INIT(body);
    const char *issuer = rs_args_text(args, "issuer");
    rs_jw_object(&w);
    if (name != NULL)
        rs_jw_member_text(&w, "name", name);
    if (issuer != NULL)
        rs_jw_member_text(&w, "issuer", issuer);
    write_audience(args, &w);
    enum rs_exit e = write_claims(args, &w);
    rs_jw_object_end(&w);
    if (e == RS_EXIT_OK && rs_buf_status(body) != RS_OK)
        e = rs_usage("the name or the rule is too long");
    return e;
}

static enum rs_exit add(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    enum rs_exit e = write_body(args, args->positional[0], &body);
    struct rs_call call = {
        .method = "POST", .path = rs_identity_workloads.path, .body = rs_buf_text(&body)};
    return e == RS_EXIT_OK ? rs_client_run(args, &call) : e;
}

static enum rs_exit set(const struct rs_args *args)
{
    RS_AUTO(rs_buf) struct rs_buf body = RS_BUF_INIT(BODY_BYTES_MAX);
    enum rs_exit e = write_body(args, NULL, &body);
    return e == RS_EXIT_OK ? rs_identity_send(args, "PATCH", "", rs_buf_text(&body)) : e;
}

static const struct rs_command command_add = {
    .name = "add",
    .arguments = "NAME",
    .summary = "add a workload",
    .help = "Adds a workload without any permission (see roadstead grant add). Whoever has a\n"
            "token of this issuer, made out to one of the audiences and with all the claims,\n"
            "logs in as NAME with that token in place of a password; no secret is kept.",
    .examples =
        "roadstead workload add ci --issuer https://token.actions.githubusercontent.com \\\n"
        "    --audience registry.example.com --claim repository=acme/app \\\n"
        "    --claim ref=refs/heads/main",
    .options = rule_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .run = add,
};
static const struct rs_command command_list = RS_IDENTITY_LIST("workload", rs_identity_workloads);
static const struct rs_command command_show = RS_IDENTITY_SHOW("workload", rs_identity_workloads);
static const struct rs_command command_set = {
    .name = "set",
    .arguments = "NAME",
    .summary = "change whose tokens a workload takes",
    .help = "Replaces the issuer, the audiences, or all the claims; what is not given stays.\n"
            "Whoever is logged in under the old rule is logged out at once.",
    .examples = "roadstead workload set ci --claim repository=acme/app --claim ref=refs/heads/*",
    .options = rule_options,
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = RS_COMMAND_SERVER,
    .subject = &rs_identity_workloads,
    .run = set,
};
static const struct rs_command command_disable =
    RS_IDENTITY_DISABLE("workload", rs_identity_workloads);
static const struct rs_command command_enable =
    RS_IDENTITY_ENABLE("workload", rs_identity_workloads);
static const struct rs_command command_delete =
    RS_IDENTITY_DELETE("workload", rs_identity_workloads);
static const struct rs_command *const subcommands[] = {
    &command_add,     &command_list,   &command_show,   &command_set,
    &command_disable, &command_enable, &command_delete, NULL,
};

const struct rs_command rs_command_workload = {
    .name = "workload",
    .arguments = "COMMAND",
    .summary = "programs that log in with a token of an OpenID Connect issuer",
    .help = "Workloads are kept in the registry's catalog; every change is audited and effective\n"
            "for the next request. All of this needs the role admin.",
    .subcommands = subcommands,
};
