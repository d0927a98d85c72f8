/* `roadstead serve`: the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/daemon.h"

extern char **environ;

static const struct rs_option options[] = {
    {"config", "FILE", "the configuration, a YAML file; every key is optional", false},
    {"data", "DIR", "the directory that holds everything (key data)", false},
    {"listen", "ADDRESS:PORT", "plain HTTP; port 0 takes a free one (key listen)", true},
    {"tls-listen", "ADDRESS:PORT", "HTTPS (key tls.listen)", true},
    {"tls-certificate", "FILE", "PEM, with the chain (key tls.certificate)", false},
    {"tls-key", "FILE", "PEM (key tls.key)", false},
    {"ready-file", "FILE", "gets the URLs, one a line, once requests are accepted", false},
    {"log-level", "LEVEL", "debug, info, warn or error (key log.level)", false},
    {"set", "KEY=VALUE", "any other key of the configuration", true},
    {.name = NULL},
};

#define FLAGS_MAX 128U
#define LIST_TEXT_BYTES ((size_t)16384)

/* ---- the configuration ---- */

struct flags {
    struct rs_config_flag flag[FLAGS_MAX];
    size_t n;
    char keys[FLAGS_MAX][64]; /* of --set */
    struct rs_buf listen;
    struct rs_buf tls_listen;
};

static void add_flag(struct flags *f, const char *key, const char *value)
{
    if (value != NULL && f->n < FLAGS_MAX)
        f->flag[f->n++] = (struct rs_config_flag){.key = key, .value = value};
}

/* All values of an option that repeats, as one list. */
static void add_list(struct flags *f, const struct rs_args *args, const char *option,
                     const char *key, struct rs_buf *text)
{
    const char *value;
    for (size_t i = 0; (value = rs_args_text_at(args, option, i)) != NULL; i++)
        (void)rs_buf_addf(text, "%s%s", i > 0 ? "," : "", value);
    if (text->len > 0)
        add_flag(f, key, rs_buf_text(text));
}

static enum rs_status add_settings(struct flags *f, const struct rs_args *args,
                                   struct rs_err *reterr)
{
    const char *setting;
    for (size_t i = 0; (setting = rs_args_text_at(args, "set", i)) != NULL; i++) {
        const char *eq = strchr(setting, '=');
        size_t n = eq == NULL ? 0 : (size_t)(eq - setting);
        if (n == 0 || n >= sizeof(f->keys[0]) || f->n == FLAGS_MAX)
            return rs_fail(reterr, RS_BAD_REQUEST, "--set takes KEY=VALUE, not '%.100s'", setting);
        memcpy(f->keys[f->n], setting, n);
        f->keys[f->n][n] = '\0';
        add_flag(f, f->keys[f->n], eq + 1);
    }
    return RS_OK;
}

static enum rs_status load_config(const struct rs_args *args, struct rs_config **ret,
                                  struct rs_err *reterr)
{
    struct flags f = {.listen = RS_BUF_INIT(LIST_TEXT_BYTES),
                      .tls_listen = RS_BUF_INIT(LIST_TEXT_BYTES)};
    add_flag(&f, "data", rs_args_text(args, "data"));
    add_flag(&f, "tls.certificate", rs_args_text(args, "tls-certificate"));
    add_flag(&f, "tls.key", rs_args_text(args, "tls-key"));
    add_flag(&f, "ready_file", rs_args_text(args, "ready-file"));
    add_flag(&f, "log.level", rs_args_text(args, "log-level"));
    add_list(&f, args, "listen", "listen", &f.listen);
    add_list(&f, args, "tls-listen", "tls.listen", &f.tls_listen);
    enum rs_status s = add_settings(&f, args, reterr);
    const struct rs_config_sources sources = {
        .path = rs_args_text(args, "config"),
        .environment = (const char *const *)environ,
        .flags = f.flag,
        .n_flags = f.n,
    };
    if (s == RS_OK)
        s = rs_config_load(&sources, ret, reterr);
    rs_buf_release(&f.listen);
    rs_buf_release(&f.tls_listen);
    return s;
}

/* ---- the process ---- */

/* One line, for whoever started it. */
static void complain(const struct rs_err *err)
{
    (void)fprintf(stderr, "roadstead: %s%s%s\n", err->message, err->log[0] != '\0' ? ": " : "",
                  err->log);
}

static void prepare_process(void)
{
    struct rlimit files;
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* Every connection and upload is a descriptor. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* A heap of its own for each of many workers would cost more memory than it saves time. */
    (void)mallopt(M_ARENA_MAX, 4);
}

/* Signals are taken by sigwaitinfo() here, by no other thread. */
static void block_signals(sigset_t *ret)
{
    (void)sigemptyset(ret);
    (void)sigaddset(ret, SIGTERM);
    (void)sigaddset(ret, SIGINT);
    (void)sigaddset(ret, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static void reload_certificates(struct rs_daemon *d)
{
    struct rs_err err = RS_ERR_INIT;
    if (rs_server_reload_tls(d->server, &err) == RS_OK)
        rs_log(RS_LOG_INFO, "certificates were read again");
    else
        rs_log(RS_LOG_ERROR, "certificates were not read again: the old ones stay in use",
               RS_F("reason", err.message), RS_F("cause", err.log));
}

static void wait_for_stop(struct rs_daemon *d, const sigset_t *signals)
{
    for (;;) {
        int got = sigwaitinfo(signals, NULL);
        if (got == SIGHUP)
            reload_certificates(d);
        else if (got == SIGTERM || got == SIGINT)
            return;
    }
}

/* ---- telling that it is ready ---- */

static enum rs_status write_ready_file(const struct rs_daemon *d, struct rs_err *reterr)
{
    const char *path = d->config->ready_file;
    RS_AUTO(rs_buf) struct rs_buf name = RS_BUF_INIT(4096);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(65536);
    const char *url;
    if (path[0] == '\0')
        return RS_OK;
    for (unsigned i = 0; (url = rs_server_url(d->server, i)) != NULL; i++)
        (void)rs_buf_addf(&text, "%s\n", url);
    (void)rs_buf_addf(&name, "%s.new", path);
    RS_AUTO_FD int fd = open(rs_buf_text(&name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, rs_buf_text(&text), text.len) == (ssize_t)text.len &&
              rename(rs_buf_text(&name), path) == 0; /* there at once, and whole */
    char why[128];
    return ok ? RS_OK
              : rs_fail(reterr, RS_IO, "cannot write the ready file %s: %s", path,
                        strerror_r(errno, why, sizeof(why)));
}

static enum rs_status tell_ready(const struct rs_daemon *d, struct rs_err *reterr)
{
    const char *url;
    for (unsigned i = 0; (url = rs_server_url(d->server, i)) != NULL; i++)
        rs_log(RS_LOG_INFO, "listening", RS_F("url", url));
    enum rs_status s = write_ready_file(d, reterr);
    if (s == RS_OK)
        rs_log(RS_LOG_INFO, "ready", RS_F("version", RS_VERSION), RS_F("data", d->config->data));
    return s;
}

static enum rs_exit run_daemon(const struct rs_config *config)
{
    struct rs_daemon d;
    struct rs_err err = RS_ERR_INIT;
    sigset_t signals;
    block_signals(&signals);
    rs_daemon_init(&d, config);
    enum rs_status s = rs_daemon_start(&d, &err);
    if (s == RS_OK)
        s = tell_ready(&d, &err);
    if (s == RS_OK) {
        wait_for_stop(&d, &signals);
        rs_log(RS_LOG_INFO, "stopping");
    } else {
        complain(&err);
    }
    rs_daemon_release(&d);
    if (s == RS_BAD_REQUEST)
        return RS_EXIT_USAGE;
    return s == RS_OK && !atomic_load(&d.has_failed) ? RS_EXIT_OK : RS_EXIT_SERVER;
}

static enum rs_exit serve(const struct rs_args *args)
{
    RS_AUTO(rs_config) struct rs_config *config = NULL;
    struct rs_err err = RS_ERR_INIT;
    if (load_config(args, &config, &err) != RS_OK) {
        complain(&err);
        return err.status == RS_BAD_REQUEST ? RS_EXIT_USAGE : RS_EXIT_SERVER;
    }
    rs_log_set_level((enum rs_log_level)config->log_level);
    prepare_process();
    return run_daemon(config);
}

const struct rs_command rs_command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "run the registry",
    .help = "Runs the daemon in the foreground until SIGTERM or SIGINT; what is in flight\n"
            "is finished first. SIGHUP reads the TLS certificate and key again, without\n"
            "dropping a connection. Everything is kept in one data directory, which one\n"
            "daemon at a time owns; the first start writes the password of the user\n"
            "`admin` to admin-credentials there.\n"
            "\n"
            "Options win over the environment (ROADSTEAD_DATA and so on), which wins over\n"
            "the file. It logs JSON, one object a line, to standard error.",
    .examples = "roadstead serve --data ./data --listen 127.0.0.1:5000\n"
                "roadstead serve --config /etc/roadstead.yaml --set log.requests=false",
    .options = options,
    .arguments_min = 0,
    .arguments_max = 0,
    .needs = RS_COMMAND_ALONE,
    .run = serve,
};
