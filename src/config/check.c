#include <string.h>
#include <strings.h>

#include "config/config_internal.h"
#include "net/address.h"

/* "HOST:PORT", "[ADDRESS]:PORT" or ":PORT"; whether the host exists is found out by listening. */
static bool is_listen_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || !rs_parse_u64(rs_str_of(colon + 1), 65535, &port))
        return false;
    size_t host_n = (size_t)(colon - text);
    if (text[0] == '[')
        return host_n > 2 && colon[-1] == ']';
    return memchr(text, ':', host_n) == NULL && strpbrk(text, " /") == NULL;
}

static enum rs_status check_addresses(const char *key, struct rs_config_list list,
                                      struct rs_err *reterr)
{
    for (size_t i = 0; i < list.n; i++)
        if (!is_listen_address(list.item[i]))
            return rs_fail(reterr, RS_BAD_REQUEST,
                           "%s: \"%.100s\" is no address to listen on: HOST:PORT, [IPv6]:PORT or"
                           " :PORT is",
                           key, list.item[i]);
    return RS_OK;
}

static enum rs_status check_networks(const char *key, struct rs_config_list list,
                                     struct rs_err *reterr)
{
    struct rs_network network;
    for (size_t i = 0; i < list.n; i++)
        if (!rs_network_parse(list.item[i], &network))
            return rs_fail(reterr, RS_BAD_REQUEST,
                           "%s: \"%.100s\" is no address or network such as 10.0.0.0/8 (with no"
                           " bits set behind the prefix)",
                           key, list.item[i]);
    return RS_OK;
}

/* What goes into a quoted parameter of the challenge.  Some clients look for the last "basic" or
 * "bearer" anywhere in that header, so these words may not be in it. */
static enum rs_status check_challenge_text(const char *key, const char *text, struct rs_err *reterr)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
            return rs_fail(reterr, RS_BAD_REQUEST,
                           "%s: only printable ASCII without quotes and backslashes is possible",
                           key);
    if (strcasestr(text, "basic") != NULL || strcasestr(text, "bearer") != NULL)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "%s: the words \"basic\" and \"bearer\" would confuse clients", key);
    return RS_OK;
}

static enum rs_status check_url(const char *url, struct rs_err *reterr)
{
    if (url[0] == '\0')
        return RS_OK;
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0 || url[scheme] == '\0' || strpbrk(url + scheme, "/?#@ \"\\") != NULL)
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "service.url: \"%.100s\" is not of the form https://HOST or"
                       " https://HOST:PORT",
                       url);
    return check_challenge_text("service.url", url, reterr);
}

static enum rs_status check_tls(const struct rs_config *c, struct rs_err *reterr)
{
    if (c->tls_listen.n > 0 && (c->tls_certificate[0] == '\0' || c->tls_key[0] == '\0'))
        return rs_fail(reterr, RS_BAD_REQUEST,
                       "tls.listen needs tls.certificate and tls.key as well");
    if (c->listen.n + c->tls_listen.n == 0)
        return rs_fail(reterr, RS_BAD_REQUEST, "listen and tls.listen are both empty");
    return RS_OK;
}

enum rs_status rs_config_check(const struct rs_config *c, struct rs_err *reterr)
{
    enum rs_status s = check_addresses("listen", c->listen, reterr);
    if (s == RS_OK)
        s = check_addresses("tls.listen", c->tls_listen, reterr);
    if (s == RS_OK)
        s = check_tls(c, reterr);
    if (s == RS_OK)
        s = check_networks("trusted_proxies", c->trusted_proxies, reterr);
    if (s == RS_OK)
        s = check_networks("webhooks.private_networks", c->webhook_private_networks, reterr);
    if (s == RS_OK)
        s = check_networks("oidc.private_networks", c->oidc_private_networks, reterr);
    if (s == RS_OK)
        s = check_challenge_text("service.name", c->service_name, reterr);
    if (s == RS_OK)
        s = check_challenge_text("service.realm", c->service_realm, reterr);
    return s == RS_OK ? check_url(c->service_url, reterr) : s;
}
