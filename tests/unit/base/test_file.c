#include "../cm.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/scratch.h"
#include "base/file.h"

static enum rs_status read_back(void *const *state, const char *name, struct rs_buf *out)
{
    return rs_file_read_secret(scratch_path(state, ""), name, out, NULL);
}

static size_t entries(void *const *state)
{
    DIR *d = opendir(scratch_path(state, ""));
    size_t n = 0;
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    assert_int_equal(closedir(d), 0);
    return n - 2; /* "." and ".." */
}

static void a_file_is_replaced_whole(void **state)
{
    const char *dir = scratch_path(state, "");
    struct stat st;
    assert_int_equal(rs_file_replace(dir, "f", 0600, "one", 3, NULL), RS_OK);
    assert_int_equal(rs_file_replace(dir, "f", 0600, "second", 6, NULL), RS_OK);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(100);
    assert_int_equal(read_back(state, "f", &text), RS_OK);
    assert_string_equal(rs_buf_text(&text), "second");
    assert_int_equal(stat(scratch_path(state, "f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(entries(state), 1); /* no temporary file stays behind */
    assert_int_equal(rs_file_replace(dir, "f", 0600, "", 0, NULL), RS_OK);
    rs_buf_clear(&text);
    assert_int_equal(read_back(state, "f", &text), RS_OK);
    assert_int_equal(text.len, 0);
}

static void a_failed_replacement_leaves_the_old_file(void **state)
{
    const char *dir = scratch_path(state, "");
    assert_int_equal(mkdir(scratch_path(state, "taken"), 0700), 0);
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(rs_file_replace(dir, "taken", 0600, "x", 1, &err), RS_IO);
    assert_int_equal(entries(state), 1);
    assert_int_equal(rs_file_replace(scratch_path(state, "nowhere"), "f", 0600, "x", 1, NULL),
                     RS_NOT_FOUND);
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(rs_file_replace(dir, name, 0600, "x", 1, NULL), RS_IO);
}

static void a_link_is_replaced_and_never_written_through(void **state)
{
    const char *dir = scratch_path(state, "");
    assert_int_equal(rs_file_replace(dir, "target", 0600, "old", 3, NULL), RS_OK);
    assert_int_equal(symlink("target", scratch_path(state, "link")), 0);
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(100);
    assert_int_not_equal(read_back(state, "link", &text), RS_OK);
    assert_int_equal(rs_file_replace(dir, "link", 0600, "new", 3, NULL), RS_OK);
    rs_buf_clear(&text);
    assert_int_equal(read_back(state, "target", &text), RS_OK);
    assert_string_equal(rs_buf_text(&text), "old");
}

static void a_secret_is_read_only_when_it_is_one(void **state)
{
    const char *dir = scratch_path(state, "");
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(4);
    assert_int_equal(read_back(state, "nothing", &text), RS_NOT_FOUND);
    assert_int_equal(rs_file_replace(dir, "f", 0640, "x", 1, NULL), RS_OK);
    struct rs_err err = RS_ERR_INIT;
    assert_int_equal(chmod(scratch_path(state, "f"), 0640), 0);
    assert_int_equal(rs_file_read_secret(dir, "f", &text, &err), RS_CORRUPT);
    assert_non_null(strstr(err.message, "chmod 600"));
    assert_int_equal(rs_file_replace(dir, "f", 0600, "1234", 4, NULL), RS_OK);
    assert_int_equal(read_back(state, "f", &text), RS_OK);
    rs_buf_clear(&text);
    assert_int_equal(rs_file_replace(dir, "f", 0600, "12345", 5, NULL), RS_OK);
    assert_int_equal(read_back(state, "f", &text), RS_CORRUPT);
    RS_AUTO(rs_buf) struct rs_buf other = RS_BUF_INIT(100);
    assert_int_equal(mkfifo(scratch_path(state, "fifo"), 0600), 0);
    /* and does not wait for a writer */
    assert_int_equal(read_back(state, "fifo", &other), RS_CORRUPT);
    assert_int_equal(mkdir(scratch_path(state, "dir"), 0700), 0);
    assert_int_equal(read_back(state, "dir", &other), RS_CORRUPT);
}

static void a_directory_is_made_once(void **state)
{
    struct stat st;
    const char *path = scratch_path(state, "d");
    assert_int_equal(rs_file_make_dir(path, 0700, NULL), RS_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(rs_file_make_dir(path, 0700, NULL), RS_OK);
    assert_int_equal(rs_file_replace(path, "f", 0600, "", 0, NULL), RS_OK);
    assert_int_equal(rs_file_make_dir(scratch_path(state, "d/f"), 0700, NULL), RS_IO);
    assert_int_equal(rs_file_make_dir(scratch_path(state, "no/d"), 0700, NULL), RS_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_is_replaced_whole),
        T(a_failed_replacement_leaves_the_old_file),
        T(a_link_is_replaced_and_never_written_through),
        T(a_secret_is_read_only_when_it_is_one),
        T(a_directory_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
