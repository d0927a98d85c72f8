/*
 * Certificates.  GnuTLS asks for one in each handshake, by a callback that gets the session alone:
 * its pointer leads to the listener's rs_tls.  A reload puts a new pair in place; handshakes that
 * run have the old one, so that it is kept for longer than any handshake lives.
 */
#include "http/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define CHAIN_MAX 16U
#define PEM_BYTES_MAX ((size_t)1 << 20)
/* A handshake is cut after the idle timeout at the latest. */
#define RETIRED_MS ((uint64_t)600000)

struct pair {
    struct pair *next; /* retired before this one */
    uint64_t retired_ms;
    unsigned chain_n;
    gnutls_pcert_st chain[CHAIN_MAX];
    gnutls_privkey_t key;
};

struct rs_tls {
    const char *cert_file; /* borrowed from the options */
    const char *key_file;
    pthread_mutex_t mu;
    struct pair *pairs; /* under mu: the one in use, then the retired ones */
};

static void pair_free(struct pair *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->chain_n; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    if (p->key != NULL)
        gnutls_privkey_deinit(p->key);
    free(p);
}

static enum rs_status read_file(const char *path, struct rs_buf *out, struct rs_err *reterr)
{
    RS_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    char block[4096];
    while (n > 0) {
        n = read(fd, block, sizeof(block));
        if (n > 0 && rs_buf_add(out, block, (size_t)n) != RS_OK)
            return rs_fail(reterr, rs_buf_status(out), "%s is too large for a certificate or key",
                           path);
    }
    if (n == 0)
        return RS_OK;
    char text[128];
    return rs_fail(reterr, RS_IO, "cannot read %s: %s", path,
                   strerror_r(errno, text, sizeof(text)));
}

static enum rs_status load_chain(const char *path, struct pair *p, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf pem = RS_BUF_INIT(PEM_BYTES_MAX);
    enum rs_status s = read_file(path, &pem, reterr);
    if (s != RS_OK)
        return s;
    gnutls_datum_t datum = {.data = (unsigned char *)pem.data, .size = (unsigned)pem.len};
    unsigned n = CHAIN_MAX;
    int e = gnutls_pcert_list_import_x509_raw(p->chain, &n, &datum, GNUTLS_X509_FMT_PEM, 0);
    if (e != GNUTLS_E_SUCCESS)
        return rs_fail(reterr, RS_IO, "%s holds no PEM certificate chain that can be used: %s",
                       path, gnutls_strerror(e));
    p->chain_n = n;
    return RS_OK;
}

static enum rs_status load_key(const char *path, struct pair *p, struct rs_err *reterr)
{
    RS_AUTO(rs_buf) struct rs_buf pem = RS_BUF_INIT(PEM_BYTES_MAX);
    enum rs_status s = read_file(path, &pem, reterr);
    if (s != RS_OK)
        return s;
    gnutls_datum_t datum = {.data = (unsigned char *)pem.data, .size = (unsigned)pem.len};
    int e = gnutls_privkey_init(&p->key);
    if (e == GNUTLS_E_SUCCESS)
        e = gnutls_privkey_import_x509_raw(p->key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (pem.data != NULL)
        explicit_bzero(pem.data, pem.len);
    if (e != GNUTLS_E_SUCCESS)
        return rs_fail(reterr, RS_IO, "%s holds no PEM private key that can be used: %s", path,
                       gnutls_strerror(e));
    return RS_OK;
}

static bool key_fits(const struct pair *p)
{
    unsigned char of_cert[64];
    unsigned char of_key[64];
    size_t cert_n = sizeof(of_cert);
    size_t key_n = sizeof(of_key);
    gnutls_pubkey_t public_key;
    if (gnutls_pubkey_init(&public_key) != GNUTLS_E_SUCCESS)
        return false;
    bool ok = gnutls_pubkey_import_privkey(public_key, p->key, 0, 0) == GNUTLS_E_SUCCESS &&
              gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, of_key, &key_n) ==
                  GNUTLS_E_SUCCESS &&
              gnutls_pubkey_get_key_id(p->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert,
                                       &cert_n) == GNUTLS_E_SUCCESS;
    gnutls_pubkey_deinit(public_key);
    return ok && cert_n == key_n && memcmp(of_cert, of_key, key_n) == 0;
}

static enum rs_status load_pair(const struct rs_tls *tls, struct pair **ret, struct rs_err *reterr)
{
    struct pair *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    enum rs_status s = load_chain(tls->cert_file, p, reterr);
    if (s == RS_OK)
        s = load_key(tls->key_file, p, reterr);
    if (s == RS_OK && !key_fits(p))
        s = rs_fail(reterr, RS_IO, "the key in %s does not belong to the first certificate in %s",
                    tls->key_file, tls->cert_file);
    if (s != RS_OK) {
        pair_free(p);
        return s;
    }
    *ret = p;
    return RS_OK;
}

enum rs_status rs_tls_new(const char *cert_file, const char *key_file, struct rs_tls **ret,
                          struct rs_err *reterr)
{
    struct rs_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return rs_fail(reterr, RS_NOMEM, NULL);
    tls->cert_file = cert_file;
    tls->key_file = key_file != NULL ? key_file : cert_file; /* one file may hold both */
    enum rs_status s = load_pair(tls, &tls->pairs, reterr);
    if (s != RS_OK) {
        free(tls);
        return s;
    }
    (void)pthread_mutex_init(&tls->mu, NULL);
    *ret = tls;
    return RS_OK;
}

enum rs_status rs_tls_reload(struct rs_tls *tls, struct rs_err *reterr)
{
    struct pair *fresh;
    enum rs_status s = load_pair(tls, &fresh, reterr);
    if (s != RS_OK)
        return s;
    uint64_t now_ms = rs_clock_mono_ms();
    (void)pthread_mutex_lock(&tls->mu);
    tls->pairs->retired_ms = now_ms;
    fresh->next = tls->pairs;
    tls->pairs = fresh;
    struct pair **link = &fresh->next;
    while (*link != NULL && now_ms - (*link)->retired_ms < RETIRED_MS)
        link = &(*link)->next;
    struct pair *old = *link; /* retired in this order: all that follow are older */
    *link = NULL;
    (void)pthread_mutex_unlock(&tls->mu);
    while (old != NULL) {
        struct pair *next = old->next;
        pair_free(old);
        old = next;
    }
    return RS_OK;
}

void rs_tls_free(struct rs_tls *tls)
{
    if (tls == NULL)
        return;
    while (tls->pairs != NULL) {
        struct pair *next = tls->pairs->next;
        pair_free(tls->pairs);
        tls->pairs = next;
    }
    (void)pthread_mutex_destroy(&tls->mu);
    free(tls);
}

static int on_handshake(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_names_n,
                        const gnutls_pk_algorithm_t *algorithms, int algorithms_n,
                        gnutls_pcert_st **chain, unsigned *chain_n, gnutls_privkey_t *key)
{
    struct rs_tls *tls = gnutls_session_get_ptr(session);
    (void)ca_names;
    (void)ca_names_n;
    (void)algorithms;
    (void)algorithms_n;
    if (tls == NULL)
        return -1;
    (void)pthread_mutex_lock(&tls->mu);
    struct pair *p = tls->pairs;
    (void)pthread_mutex_unlock(&tls->mu);
    *chain = p->chain;
    *chain_n = p->chain_n;
    *key = p->key;
    return 0;
}

rs_tls_callback rs_tls_handshake_callback(void)
{
    return on_handshake;
}
