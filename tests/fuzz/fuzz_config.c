/* The configuration file: it is loaded, or refused with a message that names the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rs_config *config = NULL;
    struct rs_err err = RS_ERR_INIT;
    char path[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct rs_config_sources sources = {.path = path};
    enum rs_status s = rs_config_load(&sources, &config, &err);
    if (s == RS_OK && (config == NULL || config->listen.n + config->tls_listen.n == 0))
        abort();
    if (s != RS_OK && (config != NULL || err.message[0] == '\0'))
        abort();
    rs_config_free(config);
    (void)close(fd);
    return 0;
}
