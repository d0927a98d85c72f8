/* `roadstead process`: a ready-made Quarantine Processor: a command of one's own for each image in
 * quarantine. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "json/write.h"

#define JOBS_MAX 64U
#define LEASE_LEAST_MS UINT64_C(10000)
#define LEASE_MOST_MS UINT64_C(86400000)
#define LEASE_DEFAULT_MS UINT64_C(300000)
#define POLL_DEFAULT_MS UINT64_C(5000)
#define TIME_MOST_MS UINT64_C(2592000000)
#define AGAIN_FIRST_MS UINT64_C(1000)
#define AGAIN_MOST_MS UINT64_C(60000)
#define KILL_AFTER_MS UINT64_C(10000) /* between asking a command to end and ending it */
#define LOOK_MS UINT64_C(1000)
#define NEVER UINT64_MAX

static const struct rs_option options[] = {
    RS_OPTION("check", "NAME", "do this check; without it: decide"),
    RS_OPTION_MANY("repository", "PATTERN", "only these repositories"),
    RS_OPTION("jobs", "N", "run so many commands at a time [1]"),
    RS_OPTION("lease", "TIME", "claim for so long, renewed while the command runs [5m]"),
    RS_OPTION("limit", "TIME", "end a command that runs for longer [none]"),
    RS_OPTION("retries", "N", "run again so often when a command cannot tell [3]"),
    RS_OPTION("poll", "TIME", "ask so often while there is no work [5s]"),
    RS_FLAG("drain", "end when there is no work left"),
    RS_OPTIONS_END,
};

enum job_state {
    JOB_FREE,
    JOB_RUNS,
    JOB_RESTS,   /* its command could not tell: run again at next_ms */
    JOB_REPORTS, /* its command said; the registry is told at next_ms */
};

struct job {
    enum job_state state;
    struct rs_process_claim claim;
    struct rs_process_child child;
    unsigned attempt; /* from 1 */
    bool has_passed;
    /* its claim is gone, or we are stopping: whatever the command says counts for nothing */
    bool is_lost;
    uint64_t next_ms;    /* JOB_RESTS, JOB_REPORTS */
    uint64_t renew_ms;   /* the claim */
    uint64_t expires_ms; /* the claim, unless it is renewed */
    uint64_t limit_ms;   /* ask the command to end */
    uint64_t kill_ms;    /* end it */
    uint64_t again_ms;   /* how long to rest the next time */
};

struct processor {
    struct rs_client *client;
    const char *const *argv;
    struct rs_process_wish wish;
    uint64_t limit_ms;
    uint64_t retries;
    uint64_t poll_ms;
    bool drains;
    struct job *job;
    unsigned n_jobs;
    uint64_t ask_ms;       /* for more work */
    uint64_t ask_again_ms; /* grows while the server cannot be reached */
    unsigned given_up;     /* images that no attempt could tell of */
    bool has_none;         /* the newest answer was: no work */
    enum rs_exit outcome;  /* anything but OK: end */
};

/* ---- signals ---- */

static int wake_fd = -1; /* signal handlers have no argument */
static volatile sig_atomic_t stops;

static void on_signal(int number)
{
    int before = errno;
    if (number != SIGCHLD && stops < 2)
        stops = stops + 1;
    (void)!write(wake_fd, "", 1); /* a full pipe wakes as well */
    errno = before;
}

static bool signals_take(int ends[2])
{
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    wake_fd = ends[1];
    for (size_t i = 0; i < RS_ARRAY_LEN(numbers); i++)
        (void)sigaction(numbers[i], &act, NULL);
    act.sa_handler = SIG_IGN;
    /* a closed standard output ends us by its error, not before the claims are back */
    (void)sigaction(SIGPIPE, &act, NULL);
    return true;
}

/* ---- one job ---- */

static void job_free(struct job *j)
{
    rs_process_child_release(&j->child);
    *j = (struct job){.child = RS_PROCESS_CHILD_INIT};
}

static void job_tell(const struct processor *p, const struct job *j, const char *what)
{
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(4096);
    if (rs_client_wants_json(p->client)) {
        struct rs_jw w = RS_JW_INIT(&text);
        rs_jw_object(&w);
        rs_jw_member_text(&w, "repository", j->claim.repository);
        rs_jw_member_text(&w, "digest", j->claim.digest);
        rs_jw_member_text(&w, "result", what);
        rs_jw_object_end(&w);
        (void)rs_buf_addc(&text, '\n');
    } else {
        (void)rs_buf_addf(&text, "%s@%s: %s\n", j->claim.repository, j->claim.digest, what);
    }
    if (rs_print(&text) != RS_EXIT_OK && stops < 1)
        stops = 1;
}

static void job_start(struct processor *p, struct job *j, uint64_t now)
{
    j->attempt++;
    if (!rs_process_child_start(&j->child, p->argv, rs_client_server(p->client), p->wish.check,
                                &j->claim, j->attempt)) {
        rs_process_claim_return(p->client, &j->claim);
        job_free(j);
        p->outcome = RS_EXIT_USAGE;
        return;
    }
    j->state = JOB_RUNS;
    j->limit_ms = p->limit_ms == 0 ? NEVER : now + p->limit_ms;
    j->kill_ms = NEVER;
}

static void job_claimed(struct processor *p, struct job *j, uint64_t now)
{
    j->renew_ms = now + p->wish.lease_ms / 3;
    j->expires_ms = now + p->wish.lease_ms;
}

static uint64_t rest(struct job *j)
{
    uint64_t ms = j->again_ms == 0 ? AGAIN_FIRST_MS : j->again_ms;
    j->again_ms = ms * 2 < AGAIN_MOST_MS ? ms * 2 : AGAIN_MOST_MS;
    return ms;
}

/* No attempt could tell.  The claim is kept until its lease ends: given back, this image would be
 * handed out again at once, before all others. */
static void job_give_up(struct processor *p, struct job *j)
{
    job_tell(p, j, "not decided, it stays in quarantine");
    p->given_up++;
    job_free(j);
}

static void trouble_tell(const struct job *j, int status)
{
    if (WIFSIGNALED(status))
        rs_tell("%s@%s: the command was ended by signal %d", j->claim.repository, j->claim.digest,
                WTERMSIG(status));
    else
        rs_tell("%s@%s: the command ended with %d, which says nothing about the image",
                j->claim.repository, j->claim.digest, WEXITSTATUS(status));
}

static void job_ended(struct processor *p, struct job *j, enum rs_process_verdict verdict,
                      int status, uint64_t now)
{
    if (j->is_lost) {
        if (stops > 0)
            rs_process_claim_return(p->client, &j->claim);
        job_free(j);
        return;
    }
    if (verdict != RS_PROCESS_TROUBLE) {
        j->state = JOB_REPORTS;
        j->has_passed = verdict == RS_PROCESS_PASSED;
        j->again_ms = 0;
        j->next_ms = now;
        return;
    }
    trouble_tell(j, status);
    if (j->attempt > p->retries) {
        job_give_up(p, j);
        return;
    }
    j->state = JOB_RESTS;
    j->next_ms = now + rest(j);
}

static void job_report(struct processor *p, struct job *j, uint64_t now)
{
    RS_AUTO(rs_buf) struct rs_buf details = RS_BUF_INIT((size_t)1 << 20);
    if (rs_process_child_details(&j->child, &details) != RS_OK) {
        rs_buf_clear(&details);
        (void)rs_buf_adds(&details, "null");
    }
    switch (rs_process_claim_report(p->client, &j->claim, p->wish.check, j->has_passed,
                                    rs_buf_text(&details))) {
    case RS_PROCESS_DONE:
        job_tell(p, j, j->has_passed ? "passed" : "failed");
        job_free(j);
        break;
    case RS_PROCESS_LATER:
        if (now < j->expires_ms) {
            j->next_ms = now + rest(j);
            break;
        }
        job_give_up(p, j);
        break;
    case RS_PROCESS_NOTHING:
    case RS_PROCESS_LOST:
    case RS_PROCESS_IMPOSSIBLE: /* told */
        job_give_up(p, j);
        break;
    }
}

static void job_renew(struct processor *p, struct job *j, uint64_t now)
{
    switch (rs_process_claim_renew(p->client, &j->claim, p->wish.lease_ms)) {
    case RS_PROCESS_DONE:
        job_claimed(p, j, now);
        return;
    case RS_PROCESS_LATER:
        if (now < j->expires_ms) {
            j->renew_ms = now + AGAIN_FIRST_MS;
            return;
        }
        break;
    case RS_PROCESS_NOTHING:
    case RS_PROCESS_LOST:
    case RS_PROCESS_IMPOSSIBLE:
        break;
    }
    job_tell(p, j, "the claim was lost");
    j->renew_ms = NEVER;
    j->is_lost = true;
    if (j->state != JOB_RUNS)
        job_free(j);
}

/* A command that takes too long, or whose work counts no more, is asked to end, and then ended. */
static void job_limit(struct job *j, uint64_t now)
{
    if (j->kill_ms == NEVER && (now >= j->limit_ms || j->is_lost)) {
        rs_process_child_signal(&j->child, SIGTERM);
        j->kill_ms = now + KILL_AFTER_MS;
    } else if (now >= j->kill_ms) {
        rs_process_child_signal(&j->child, SIGKILL);
        j->kill_ms = now + KILL_AFTER_MS;
    }
}

static void job_step(struct processor *p, struct job *j, uint64_t now)
{
    enum rs_process_verdict verdict;
    int status = 0;
    if (j->state == JOB_RUNS) {
        rs_process_child_read(&j->child);
        if (rs_process_child_ended(&j->child, &verdict, &status))
            job_ended(p, j, verdict, status, now);
    }
    if (j->state != JOB_FREE && now >= j->renew_ms)
        job_renew(p, j, now);
    if (j->state == JOB_RUNS)
        job_limit(j, now);
    else if (j->state == JOB_RESTS && now >= j->next_ms)
        job_start(p, j, now);
    else if (j->state == JOB_REPORTS && now >= j->next_ms)
        job_report(p, j, now);
}

/* The first stop lets commands end (asking them to) and gives everything back; what was said
 * already is still reported. */
static void job_stop(struct processor *p, struct job *j)
{
    if (j->state == JOB_RUNS)
        j->is_lost = true;
    if (j->state == JOB_RUNS && stops > 1)
        rs_process_child_signal(&j->child, SIGKILL);
    if (j->state == JOB_RESTS || (j->state == JOB_REPORTS && stops > 1)) {
        rs_process_claim_return(p->client, &j->claim);
        job_free(j);
    }
}

/* ---- all of them ---- */

static unsigned busy(const struct processor *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_jobs; i++)
        n += p->job[i].state != JOB_FREE;
    return n;
}

static void work_take(struct processor *p, uint64_t now)
{
    for (unsigned i = 0;
         i < p->n_jobs && now >= p->ask_ms && p->outcome == RS_EXIT_OK && stops == 0; i++) {
        struct job *j = &p->job[i];
        if (j->state != JOB_FREE)
            continue;
        p->has_none = false;
        switch (rs_process_claim_take(p->client, &p->wish, &j->claim)) {
        case RS_PROCESS_DONE:
            p->ask_again_ms = 0;
            job_claimed(p, j, now);
            job_start(p, j, now);
            break;
        case RS_PROCESS_NOTHING:
            p->ask_again_ms = 0;
            p->has_none = true;
            p->ask_ms = now + p->poll_ms;
            break;
        case RS_PROCESS_LATER:
            p->ask_again_ms = p->ask_again_ms == 0                  ? AGAIN_FIRST_MS
                              : p->ask_again_ms * 2 < AGAIN_MOST_MS ? p->ask_again_ms * 2
                                                                    : AGAIN_MOST_MS;
            p->ask_ms = now + p->ask_again_ms;
            break;
        case RS_PROCESS_LOST:
        case RS_PROCESS_IMPOSSIBLE:
            p->outcome = RS_EXIT_DENIED;
            break;
        }
    }
}

/* Until a signal, output of a command, or the next thing that is due. */
static void sleep_until_due(const struct processor *p, int signals, uint64_t now)
{
    struct pollfd fds[JOBS_MAX + 1] = {{.fd = signals, .events = POLLIN}};
    uint64_t wait = LOOK_MS;
    nfds_t n = 1;
    char drain[64];
    if (busy(p) < p->n_jobs && stops == 0)
        wait = p->ask_ms > now ? (p->ask_ms - now < wait ? p->ask_ms - now : wait) : 0;
    for (unsigned i = 0; i < p->n_jobs; i++) {
        const struct job *j = &p->job[i];
        if (j->state == JOB_RUNS && j->child.fd >= 0)
            fds[n++] = (struct pollfd){.fd = j->child.fd, .events = POLLIN};
        if (j->state == JOB_RESTS || j->state == JOB_REPORTS)
            wait = j->next_ms > now ? (j->next_ms - now < wait ? j->next_ms - now : wait) : 0;
    }
    (void)poll(fds, n, (int)wait); /* whatever ends it, everything is looked at */
    while (read(signals, drain, sizeof(drain)) > 0)
        continue;
}

static enum rs_exit loop(struct processor *p, int signals)
{
    for (;;) {
        uint64_t now = rs_clock_mono_ms();
        unsigned before = busy(p);
        if (p->outcome != RS_EXIT_OK && stops == 0)
            stops = 1;
        for (unsigned i = 0; i < p->n_jobs; i++) {
            if (stops > 0)
                job_stop(p, &p->job[i]);
            job_step(p, &p->job[i], rs_clock_mono_ms());
        }
        if (busy(p) < before) { /* what was decided may have made more ready */
            p->ask_ms = now;
            p->has_none = false;
        }
        work_take(p, now);
        bool is_idle = busy(p) == 0;
        if (is_idle && (stops > 0 || (p->drains && p->has_none)))
            break;
        sleep_until_due(p, signals, rs_clock_mono_ms());
    }
    if (p->outcome != RS_EXIT_OK)
        return p->outcome;
    return p->given_up > 0 ? RS_EXIT_NO : RS_EXIT_OK;
}

/* ---- the command line ---- */

static enum rs_exit settings_read(const struct rs_args *args, struct processor *p,
                                  const char **patterns)
{
    struct rs_err err = RS_ERR_INIT;
    uint64_t jobs = 1;
    p->wish.check = rs_args_text(args, "check");
    p->wish.lease_ms = LEASE_DEFAULT_MS;
    p->retries = 3;
    p->poll_ms = POLL_DEFAULT_MS;
    p->drains = rs_args_flag(args, "drain");
    if (rs_args_number(args, "jobs", 1, JOBS_MAX, &jobs, &err) != RS_OK ||
        rs_args_number(args, "retries", 0, 1000, &p->retries, &err) != RS_OK ||
        rs_args_duration_ms(args, "lease", LEASE_MOST_MS, &p->wish.lease_ms, &err) != RS_OK ||
        rs_args_duration_ms(args, "limit", TIME_MOST_MS, &p->limit_ms, &err) != RS_OK ||
        rs_args_duration_ms(args, "poll", TIME_MOST_MS, &p->poll_ms, &err) != RS_OK)
        return rs_usage("%s", err.message);
    if (p->wish.lease_ms < LEASE_LEAST_MS)
        return rs_usage("--lease: at least 10s");
    p->n_jobs = (unsigned)jobs;
    for (size_t i = 0; i < RS_ARGS_MAX && rs_args_text_at(args, "repository", i) != NULL; i++)
        patterns[p->wish.n_repositories++] = rs_args_text_at(args, "repository", i);
    p->wish.repositories = patterns;
    return RS_EXIT_OK;
}

static enum rs_exit run(const struct rs_args *args)
{
    RS_AUTO(rs_client) struct rs_client *c = NULL;
    const char *patterns[RS_ARGS_MAX];
    const char *argv[RS_ARGS_MAX + 1] = {NULL};
    struct processor p = {0};
    int ends[2] = {-1, -1};
    enum rs_exit e = settings_read(args, &p, patterns);
    if (e == RS_EXIT_OK)
        e = rs_client_open(args, &c);
    if (e != RS_EXIT_OK)
        return e;
    for (size_t i = 0; i < args->n_positional; i++)
        argv[i] = args->positional[i];
    p.client = c;
    p.argv = argv;
    p.job = calloc(p.n_jobs, sizeof(*p.job));
    if (p.job == NULL || !signals_take(ends)) {
        free(p.job);
        return rs_tell_err(&(struct rs_err){.status = RS_NOMEM});
    }
    for (unsigned i = 0; i < p.n_jobs; i++)
        job_free(&p.job[i]);
    e = loop(&p, ends[0]);
    for (unsigned i = 0; i < p.n_jobs; i++)
        job_free(&p.job[i]);
    free(p.job);
    return e;
}

const struct rs_command rs_command_process = {
    .name = "process",
    .arguments = "-- COMMAND [ARGUMENT...]",
    .summary = "run a command for each image in quarantine, and report what it says",
    .help = "A ready-made Quarantine Processor. Claims one image after the other that needs\n"
            "the check (or, without --check, the decision), runs COMMAND for it, and reports\n"
            "what came out, with the command's standard output as details (JSON stays JSON).\n"
            "No two processors get the same image for the same work at the same time.\n"
            "\n"
            "COMMAND says by its exit status: 0 passed; 1 to 124 failed; 75 (temporary\n"
            "failure), 125 and more, or death by a signal: it could not tell. It is run again\n"
            "then, up to --retries times with growing pauses; after the last one the image\n"
            "stays in quarantine, and is handed out again when the claim's lease has ended.\n"
            "\n"
            "COMMAND finds in its environment: ROADSTEAD_IMAGE (HOST/NAME@DIGEST, for clients\n"
            "like skopeo), ROADSTEAD_SERVER, ROADSTEAD_HOST, ROADSTEAD_REPOSITORY,\n"
            "ROADSTEAD_DIGEST, ROADSTEAD_CHECK, ROADSTEAD_CLAIM, ROADSTEAD_ATTEMPT.\n"
            "\n"
            "On SIGTERM or SIGINT it takes no more work, asks running commands to end, gives\n"
            "their claims back, and ends; on a second one it ends them. When it is killed, its\n"
            "commands are killed as well. With --drain it ends when there is nothing to do;\n"
            "exit status 1 says that some image was not decided.",
    .examples = "roadstead process --check scan --jobs 4 -- ./scan.sh\n"
                "roadstead process --repository 'team/**' --drain -- ./decide.sh",
    .options = options,
    .arguments_min = 1,
    .arguments_max = RS_ARGS_MAX,
    .needs = RS_COMMAND_SERVER,
    .run = run,
};
