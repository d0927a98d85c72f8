#include "quarantine/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/id.h"

static pthread_once_t boot_once = PTHREAD_ONCE_INIT;
static char boot_id[64];

static void boot_read(void)
{
    RS_AUTO_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot_id, sizeof(boot_id) - 1);
    size_t len = n > 0 ? strcspn(boot_id, "\n") : 0;
    boot_id[len] = '\0';
    /* Without a name of its boot every start of the daemon counts as one: leases only get longer.
     */
    if (len == 0)
        rs_id_new(boot_id);
}

const char *rs_lease_boot_id(void)
{
    (void)pthread_once(&boot_once, boot_read);
    return boot_id;
}

int64_t rs_lease_now_ms(void)
{
    return (int64_t)rs_clock_mono_ms();
}

bool rs_lease_is_live(const struct rs_claim_row *claim)
{
    return strcmp(claim->boot_id, rs_lease_boot_id()) != 0 ||
           rs_lease_now_ms() < claim->expires_mono_ms;
}

void rs_lease_start(struct rs_claim_row *claim, int64_t lease_ms, int64_t now_ms)
{
    claim->lease_ms = lease_ms;
    claim->boot_id = rs_lease_boot_id();
    claim->expires_mono_ms = rs_lease_now_ms() + lease_ms;
    claim->expires_ms = now_ms + lease_ms;
}

enum rs_status rs_lease_require(const struct rs_change *c, const char *claim, int64_t principal_id,
                                int64_t manifest_id, const char *check, struct rs_err *reterr)
{
    struct rs_claim_row *row = NULL;
    enum rs_status s = rs_catalog_claim_find(c->conn, c->arena, claim, &row, reterr);
    if (s != RS_OK)
        return s;
    if (row == NULL || row->principal_id != principal_id || row->manifest_id != manifest_id ||
        strcmp(row->check_name, check) != 0 || !rs_lease_is_live(row))
        return rs_fail(
            reterr, RS_CONFLICT,
            "the lease of this claim is lost (it ended, was given back, or is for something"
            " else): claim again");
    return RS_OK;
}
