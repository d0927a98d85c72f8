/* The command that `roadstead process` runs for each image. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/write.h"

#define DETAILS_BYTES_MAX ((size_t)60000) /* the registry takes 64 KiB */
#define VARIABLES 8U
#define EXIT_TEMPORARY 75 /* sysexits' EX_TEMPFAIL */
#define EXIT_LAST_OWN 124 /* from 125 on shells and wrappers speak, not the command */

/* ---- environment ---- */

static bool is_ours(const char *variable, char *const *ours)
{
    for (unsigned i = 0; ours[i] != NULL; i++) {
        size_t n = strcspn(ours[i], "=") + 1;
        if (strncmp(variable, ours[i], n) == 0)
            return true;
    }
    return false;
}

static char *variable(const char *name, const char *value)
{
    char *text = NULL;
    return asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text;
}

/* Our variables before the inherited ones.  *ret_own are to be freed, up to the first NULL, and so
 * is the result. */
static char **environment(char *own[VARIABLES + 1], const char *server, const char *check,
                          const struct rs_process_claim *claim, unsigned attempt)
{
    const char *host = strstr(server, "://");
    char number[16];
    RS_AUTO(rs_buf) struct rs_buf image = RS_BUF_INIT(2048);
    host = host != NULL ? host + 3 : server;
    (void)snprintf(number, sizeof(number), "%u", attempt);
    (void)rs_buf_addf(&image, "%s/%s@%s", host, claim->repository, claim->digest);
    own[0] = variable("ROADSTEAD_SERVER", server);
    own[1] = variable("ROADSTEAD_HOST", host);
    own[2] = variable("ROADSTEAD_REPOSITORY", claim->repository);
    own[3] = variable("ROADSTEAD_DIGEST", claim->digest);
    own[4] = variable("ROADSTEAD_IMAGE", rs_buf_text(&image));
    own[5] = variable("ROADSTEAD_CHECK", check != NULL ? check : "");
    own[6] = variable("ROADSTEAD_CLAIM", claim->id);
    own[7] = variable("ROADSTEAD_ATTEMPT", number);
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **all = calloc(n + VARIABLES + 1, sizeof(*all));
    if (all == NULL)
        return NULL;
    size_t k = 0;
    for (; k < VARIABLES; k++)
        if ((all[k] = own[k]) == NULL) {
            free(all);
            return NULL;
        }
    for (size_t i = 0; i < n; i++)
        if (!is_ours(environ[i], own))
            all[k++] = environ[i];
    return all;
}

/* ---- starting ---- */

/* A descriptor as that number, kept over exec. */
static bool place(int fd, int number)
{
    return fd == number ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, number) >= 0;
}

/* We handle and ignore some; the command begins with none of that. */
static bool signals_reset(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &plain, NULL); /* a few cannot be set, and need not be */
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Without its processor a command works for nobody, while the image is handed to another one.
 * SIGKILL: nobody is left who could ask twice. */
static bool die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
    if (getppid() != parent) /* it died before the kernel knew */
        _exit(EXIT_TEMPORARY);
    return true;
}

/* In the child: becomes the command, or writes to `told` why it cannot. */
static _Noreturn void become(pid_t parent, int out, int told, const char *const *argv, char **envp)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* a group of its own: all that it starts can be ended with it */
    if (in >= 0 && place(in, STDIN_FILENO) && place(out, STDOUT_FILENO) && setpgid(0, 0) == 0 &&
        die_with(parent) && signals_reset())
        (void)execvpe(argv[0], (char *const *)(uintptr_t)argv, envp);
    int why = errno;
    (void)!write(told, &why, sizeof(why)); /* unheard, it ends all the same */
    _exit(EXIT_TEMPORARY);
}

/* Why the child could not become the command, or 0: exec closed the other end. */
static int answer_read(int fd)
{
    int why = 0;
    ssize_t n = 0;
    do
        n = read(fd, &why, sizeof(why));
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(why) ? why : 0;
}

/* posix_spawn() cannot tie the child's life to ours. */
static int spawn(pid_t *pid, int out, const char *const *argv, char **envp)
{
    const pid_t self = getpid();
    sigset_t all;
    sigset_t before;
    int told[2];
    if (pipe2(told, O_CLOEXEC) != 0)
        return errno;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    pid_t made = fork();
    if (made == 0)
        become(self, out, told[1], argv, envp);
    int rc = made < 0 ? errno : 0;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(told[1]);
    if (rc == 0)
        rc = answer_read(told[0]);
    (void)close(told[0]);
    if (made > 0 && rc != 0)
        while (waitpid(made, NULL, 0) < 0 && errno == EINTR)
            continue;
    if (rc == 0)
        *pid = made;
    return rc;
}

bool rs_process_child_start(struct rs_process_child *child, const char *const *argv,
                            const char *server, const char *check,
                            const struct rs_process_claim *claim, unsigned attempt)
{
    char *own[VARIABLES + 1] = {NULL};
    int ends[2] = {-1, -1};
    int rc = 0;
    rs_buf_clear(&child->output);
    child->is_cut = false;
    char **envp = environment(own, server, check, claim, attempt);
    if (envp == NULL)
        rc = ENOMEM;
    else if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        rc = errno;
    if (rc == 0)
        rc = spawn(&child->pid, ends[1], argv, envp);
    for (unsigned i = 0; i < VARIABLES; i++)
        free(own[i]);
    free(envp);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    if (rc == 0) {
        child->fd = ends[0];
        return true;
    }
    char why[128];
    rs_tell("%s: %s", argv[0], strerror_r(rc, why, sizeof(why)));
    if (ends[0] >= 0)
        (void)close(ends[0]);
    child->pid = 0;
    return false;
}

/* ---- while it runs, and at its end ---- */

void rs_process_child_read(struct rs_process_child *child)
{
    char block[16384];
    ssize_t n = 0;
    while (child->fd >= 0 && (n = read(child->fd, block, sizeof(block))) > 0) {
        size_t room = child->output.max - child->output.len;
        size_t kept = (size_t)n < room ? (size_t)n : room;
        child->is_cut |= kept < (size_t)n || rs_buf_add(&child->output, block, kept) != RS_OK;
    }
    if (child->fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
        (void)close(child->fd);
        child->fd = -1;
    }
}

static enum rs_process_verdict verdict_of(int status)
{
    if (!WIFEXITED(status))
        return RS_PROCESS_TROUBLE;
    int code = WEXITSTATUS(status);
    if (code == 0)
        return RS_PROCESS_PASSED;
    return code == EXIT_TEMPORARY || code > EXIT_LAST_OWN ? RS_PROCESS_TROUBLE : RS_PROCESS_FAILED;
}

bool rs_process_child_ended(struct rs_process_child *child, enum rs_process_verdict *ret,
                            int *ret_wait_status)
{
    int status = 0;
    pid_t pid = waitpid(child->pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return false;
    rs_process_child_read(child);
    if (child->fd >= 0)
        /* something that it left behind still has it; its output counts no more */
        (void)close(child->fd);
    child->fd = -1;
    child->pid = 0;
    *ret_wait_status = status;
    *ret = pid < 0 ? RS_PROCESS_TROUBLE : verdict_of(status);
    return true;
}

void rs_process_child_signal(const struct rs_process_child *child, int signal)
{
    if (child->pid > 0)
        (void)kill(-child->pid, signal); /* it may just have ended */
}

/* As a JSON string of at most DETAILS_BYTES_MAX: the beginning, where the whole does not fit
 * (escapes grow). */
static enum rs_status text_details(struct rs_str text, bool is_cut, struct rs_buf *out)
{
    size_t n = text.n < DETAILS_BYTES_MAX ? text.n : DETAILS_BYTES_MAX;
    for (;; n /= 2) {
        RS_AUTO(rs_buf) struct rs_buf whole = RS_BUF_INIT(2 * DETAILS_BYTES_MAX);
        rs_buf_clear(out);
        (void)rs_buf_add(&whole, text.p, n);
        if (is_cut || n < text.n)
            (void)rs_buf_adds(&whole, "\n... (cut)");
        enum rs_status s = rs_jw_quote(out, rs_str_n(rs_buf_text(&whole), whole.len));
        if (n == 0 || (s == RS_OK && out->len <= DETAILS_BYTES_MAX))
            return s;
    }
}

enum rs_status rs_process_child_details(const struct rs_process_child *child, struct rs_buf *out)
{
    struct rs_str text = rs_str_n(rs_buf_text(&child->output), child->output.len);
    RS_AUTO(rs_json) struct rs_json *value = NULL;
    struct rs_json_limits limits = RS_JSON_LIMITS(DETAILS_BYTES_MAX);
    limits.depth_max--; /* it is sent in an object */
    if (!child->is_cut && rs_json_parse(text.p, text.n, &limits, &value, NULL) == RS_OK &&
        rs_json_dump_canonical(value, out) == RS_OK && out->len <= DETAILS_BYTES_MAX)
        return RS_OK;
    while (text.n > 0 && strchr("\r\n", text.p[text.n - 1]) != NULL)
        text.n--;
    return text_details(text, child->is_cut, out);
}

void rs_process_child_release(struct rs_process_child *child)
{
    if (child->pid > 0) {
        rs_process_child_signal(child, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (child->fd >= 0)
        (void)close(child->fd);
    rs_buf_release(&child->output);
    *child = (struct rs_process_child)RS_PROCESS_CHILD_INIT;
}
