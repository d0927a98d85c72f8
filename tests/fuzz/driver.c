/*
 * Runs a fuzz target without libFuzzer: over every file of the directories that are given, over all
 * their beginnings, and over mutations of them.  The mutations come from a fixed seed, so that a
 * failure comes back; RS_FUZZ_SEED sets another one.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define FILE_BYTES_MAX 65536
#define BEGINNINGS_MAX 2000
#define MUTATIONS 1500

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* In memory of its own, so that a read past its end is seen. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    if (exact == NULL)
        abort();
    if (n > 0)
        memcpy(exact, data, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

/* Change one thing; returns the new length. */
static size_t mutate(uint8_t *data, size_t n)
{
    static const char *const pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         "\"",
                                         ":",
                                         ",",
                                         "\\u0000",
                                         "\\ud800",
                                         "\xff",
                                         "null",
                                         "-",
                                         "/",
                                         "..",
                                         "sha256:",
                                         "9",
                                         "99999999999999999999",
                                         "\n",
                                         " ",
                                         "\r",
                                         "*",
                                         "\xc5\xbf"};
    size_t at = n == 0 ? 0 : next_random() % n;
    const char *piece = pieces[next_random() % (sizeof(pieces) / sizeof(pieces[0]))];
    size_t len = strlen(piece);
    switch (next_random() % 5) {
    case 0: /* a bit */
        if (n > 0)
            data[at] ^= (uint8_t)(1U << next_random() % 8);
        return n;
    case 1: /* another byte */
        if (n > 0)
            data[at] = (uint8_t)next_random();
        return n;
    case 2: /* less */
        len = n == 0 ? 0 : next_random() % (n - at);
        memmove(data + at, data + at + len, n - at - len);
        return n - len;
    case 3: /* a part twice */
        len = n == 0 ? 0 : next_random() % (n - at);
        if (n + len > FILE_BYTES_MAX)
            return n;
        memmove(data + at + len, data + at, n - at);
        return n + len;
    default: /* something more */
        if (n + len > FILE_BYTES_MAX)
            return n;
        memmove(data + at + len, data + at, n - at);
        memcpy(data + at, piece, len);
        return n + len;
    }
}

static void run_file(const uint8_t *data, size_t n)
{
    static uint8_t work[FILE_BYTES_MAX];
    run(data, n);
    for (size_t i = 0; i < n && i < BEGINNINGS_MAX; i++)
        run(data, i);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t len = n;
        memcpy(work, data, n);
        for (uint64_t changes = 1 + next_random() % 4; changes > 0; changes--)
            len = mutate(work, len);
        run(work, len);
    }
}

static bool read_file(const char *directory, const char *name, uint8_t *data, size_t *ret_n)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    *ret_n = fread(data, 1, FILE_BYTES_MAX, f);
    return fclose(f) == 0;
}

static unsigned run_directory(const char *directory)
{
    static uint8_t data[FILE_BYTES_MAX];
    unsigned n_files = 0;
    DIR *d = opendir(directory);
    struct dirent *entry;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        size_t n = 0;
        if (entry->d_name[0] == '.')
            continue;
        if (!read_file(directory, entry->d_name, data, &n)) {
            (void)fprintf(stderr, "%s/%s cannot be read\n", directory, entry->d_name);
            return 0;
        }
        run_file(data, n);
        n_files++;
    }
    if (d != NULL)
        (void)closedir(d);
    return n_files;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("RS_FUZZ_SEED");
    random_state = seed == NULL ? 88172645463325252U : strtoull(seed, NULL, 10) | 1U;
    for (int i = 1; i < argc; i++) {
        unsigned n = run_directory(argv[i]);
        if (n == 0) {
            (void)fprintf(stderr, "%s: no corpus\n", argv[i]);
            return 1;
        }
        (void)printf("%s: %u files, their beginnings and %u mutations of each\n", argv[i], n,
                     MUTATIONS);
    }
    return argc > 1 ? 0 : 2;
}
