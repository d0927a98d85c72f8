/* Every key of the code stands in docs/configuration.md, with its preset and its one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cm.h"
#include "base/buf.h"
#include "config/config.h"

static void read_documentation(struct rs_buf *out)
{
    char path[4096];
    const char *here = getenv("RS_TEST_DATA");
    assert_non_null(here);
    (void)snprintf(path, sizeof(path), "%s/../../../docs/configuration.md", here);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        assert_int_equal(rs_buf_add(out, block, n), RS_OK);
    (void)fclose(f);
}

static void every_key(void **state)
{
    (void)state;
    RS_AUTO(rs_buf) struct rs_buf text = RS_BUF_INIT(1U << 20);
    read_documentation(&text);
    struct rs_config_key_info key;
    size_t n = 0;
    for (; rs_config_key_info(n, &key); n++) {
        RS_AUTO(rs_buf) struct rs_buf row = RS_BUF_INIT(2000);
        (void)rs_buf_addf(&row, "| `%s` | ", key.key);
        for (const char *p = key.kind; *p != '\0'; p++)
            (void)rs_buf_adds(&row, *p == '|' ? ", " : (char[]){*p, '\0'});
        (void)rs_buf_addf(&row, " | %s%s%s | %s |", key.preset[0] == '\0' ? "" : "`", key.preset,
                          key.preset[0] == '\0' ? "" : "`", key.help);
        assert_int_equal(rs_buf_status(&row), RS_OK);
        if (strstr(rs_buf_text(&text), rs_buf_text(&row)) == NULL)
            fail_msg("docs/configuration.md has no line\n%s", rs_buf_text(&row));
    }
    assert_true(n > 40);
    /* and no key that the code does not have */
    for (const char *p = rs_buf_text(&text); (p = strstr(p, "\n| `")) != NULL; p++) {
        char name[64] = "";
        size_t len = strcspn(p + 4, "`");
        assert_true(len < sizeof(name));
        memcpy(name, p + 4, len);
        bool known = false;
        for (size_t i = 0; !known && rs_config_key_info(i, &key); i++)
            known = strcmp(key.key, name) == 0;
        if (!known)
            fail_msg("docs/configuration.md tells of %s, which there is not", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
