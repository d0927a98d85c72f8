/*
 * push_load: small image pushes as fast as a registry takes them, for the benchmark.
 *
 *   push_load HOST PORT USER:PASSWORD|- CLIENTS SECONDS PREFIX
 *
 * Every client pushes images of its own over one keep-alive connection: a config and a layer (POST, then PUT each) and a manifest
 * by tag.  All bytes differ, so nothing is deduplicated.  Prints "images seconds" and exits with 1 when any answer was not 2xx.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536
#define LAYER_BYTES 2048

static const char *host, *port, *prefix;
static char authorization[512];
static double seconds;
static _Atomic unsigned long images;
static _Atomic bool failed;

struct client {
    pthread_t thread;
    int number;
    int fd;
    char answer[ANSWER_MAX];
    char location[1024];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    int one = 1;
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    freeaddrinfo(found);
    return fd;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Read one whole answer; the status, or 0 when the connection broke. */
static int read_answer(struct client *c)
{
    size_t have = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(c->fd, c->answer + have, ANSWER_MAX - 1 - have, 0);
        if (got <= 0)
            return 0;
        have += (size_t)got;
        c->answer[have] = '\0';
        end = strstr(c->answer, "\r\n\r\n");
    }
    size_t body = 0;
    c->location[0] = '\0';
    for (char *line = c->answer; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
        if (strncasecmp(line, "Location:", 9) == 0)
            sscanf(line + 9, " %1023[^\r\n]", c->location);
    }
    size_t want = (size_t)(end - c->answer) + 4 + body;
    while (have < want) {
        ssize_t got = recv(c->fd, c->answer + (have < ANSWER_MAX / 2 ? have : 0), ANSWER_MAX / 2, 0);
        if (got <= 0)
            return 0;
        have += (size_t)got;
    }
    return atoi(c->answer + 9);
}

static bool ask(struct client *c, const char *method, const char *path, const char *type, const char *body, size_t n)
{
    char head[2048];
    int len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s:%s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                       method, path, host, port, authorization, type, n);
    char packet[8192];
    memcpy(packet, head, (size_t)len);
    memcpy(packet + len, body, n);
    if (!send_all(c->fd, packet, (size_t)len + n))
        return false;
    int status = read_answer(c);
    if (status / 100 != 2)
        fprintf(stderr, "push_load: %s %s: %d\n", method, path, status);
    return status / 100 == 2;
}

static void digest_of(const char *data, size_t n, char out[72])
{
    unsigned char raw[32];
    EVP_Digest(data, n, raw, NULL, EVP_sha256(), NULL);
    strcpy(out, "sha256:");
    for (int i = 0; i < 32; i++)
        snprintf(out + 7 + 2 * i, 3, "%02x", raw[i]);
}

static bool push_blob(struct client *c, const char *repo, const char *data, size_t n, char digest[72])
{
    char path[2048];
    digest_of(data, n, digest);
    snprintf(path, sizeof(path), "/v2/%s/blobs/uploads/", repo);
    if (!ask(c, "POST", path, "application/octet-stream", "", 0))
        return false;
    const char *at = strstr(c->location, "/v2/");
    if (at == NULL)
        return false;
    snprintf(path, sizeof(path), "%s%cdigest=%s", at, strchr(at, '?') ? '&' : '?', digest);
    return ask(c, "PUT", path, "application/octet-stream", data, n);
}

static bool push_image(struct client *c, unsigned long number)
{
    char repo[128], config[512], layer[LAYER_BYTES], manifest[2048], path[2048], config_digest[72], layer_digest[72];
    snprintf(repo, sizeof(repo), "%s/c%d", prefix, c->number);
    int n_config = snprintf(config, sizeof(config),
                            "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"%s %d %lu\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
                            prefix, c->number, number);
    memset(layer, 'x', sizeof(layer));
    snprintf(layer, sizeof(layer), "%s %d %lu", prefix, c->number, number);
    if (!push_blob(c, repo, config, (size_t)n_config, config_digest) || !push_blob(c, repo, layer, sizeof(layer), layer_digest))
        return false;
    int n = snprintf(manifest, sizeof(manifest),
                     "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":"
                     "\"application/vnd.docker.container.image.v1+json\",\"size\":%d,\"digest\":\"%s\"},\"layers\":[{\"mediaType\":"
                     "\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":%d,\"digest\":\"%s\"}]}",
                     n_config, config_digest, LAYER_BYTES, layer_digest);
    snprintf(path, sizeof(path), "/v2/%s/manifests/v%lu", repo, number);
    return ask(c, "PUT", path, "application/vnd.docker.distribution.manifest.v2+json", manifest, (size_t)n);
}

static void *run(void *arg)
{
    struct client *c = arg;
    double end = now() + seconds;
    c->fd = dial();
    for (unsigned long i = 0; now() < end && !failed; i++) {
        if (c->fd < 0 || !push_image(c, i))
            failed = true;
        else
            images++;
    }
    if (c->fd >= 0)
        close(c->fd);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: push_load HOST PORT USER:PASSWORD|- CLIENTS SECONDS PREFIX\n");
        return 2;
    }
    host = argv[1];
    port = argv[2];
    if (strcmp(argv[3], "-") != 0) {
        char encoded[400];
        if (strlen(argv[3]) > 256)
            return 2;
        EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)argv[3], (int)strlen(argv[3]));
        snprintf(authorization, sizeof(authorization), "Authorization: Basic %s\r\n", encoded);
    }
    int n = atoi(argv[4]);
    seconds = atof(argv[5]);
    prefix = argv[6];
    struct client *clients = calloc((size_t)n, sizeof(*clients));
    double start = now();
    for (int i = 0; i < n; i++) {
        clients[i].number = i;
        pthread_create(&clients[i].thread, NULL, run, &clients[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join(clients[i].thread, NULL);
    printf("%lu %.3f\n", images, now() - start);
    free(clients);
    return failed ? 1 : 0;
}
