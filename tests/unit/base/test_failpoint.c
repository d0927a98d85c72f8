#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cm.h"

#define NAMES "once:2:on,later:3+:on,always:*:on,deadly:1:abort"

static void points_are_hit_as_the_environment_says(void **state)
{
    (void)state;
#ifdef RS_FAILPOINTS
    static const bool once[] = {false, true, false, false};
    static const bool later[] = {false, false, true, true};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rs_failpoint("once"), once[i]);
        assert_int_equal(rs_failpoint("later"), later[i]);
        assert_true(rs_failpoint("always"));
        assert_false(rs_failpoint("no such point"));
    }
#else
    assert_false(rs_failpoint("always")); /* compiled out, whatever the environment says */
#endif
}

static void abort_ends_the_process_at_once(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)rs_failpoint("deadly");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
#ifdef RS_FAILPOINTS
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
#else
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

/* Nothing counts before the file is there. */
static void a_fault_begins_when_it_is_told_to(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    /* the environment is read once in a process: this is a new one, but not a new program */
    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t) "test", (char *)(uintptr_t) "child", NULL};
        (void)setenv("RS_FAILPOINT_AFTER", "/nonexistent", 1);
        (void)execv("/proc/self/exe", argv);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_hit_as_the_environment_says),
        cmocka_unit_test(abort_ends_the_process_at_once),
        cmocka_unit_test(a_fault_begins_when_it_is_told_to),
    };
    (void)argv;
    (void)setenv("RS_FAILPOINT", NAMES, 1);
    if (argc > 1)
        return rs_failpoint("always") || rs_failpoint("deadly");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
