/*
 * An answer in the middle of a request's body.  MHD takes none there, but a client that sends a
 * gigabyte to a full disk has to be told. Nothing of this request's answer has been sent yet (but a
 * complete "100 Continue"), and the connection is closed right afterwards.
 */
#include "http/http_internal.h"

#include <gnutls/gnutls.h>
#include <sys/socket.h>

static void add_line(void *arg, const char *name, const char *value)
{
    (void)rs_buf_addf(arg, "%s: %s\r\n", name, value);
}

void rs_reply_write_now(struct rs_request *r)
{
    struct rs_reply *re = &r->reply;
    struct rs_buf out = RS_BUF_INIT(32768);
    if (re->response == NULL)
        return;
    struct rs_buf error = RS_BUF_INIT(16384);
    bool has_body = rs_error_body(&r->err, &error); /* only failures are answered here */
    (void)rs_buf_addf(
        &out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\nX-Request-Id: %s\r\n",
        re->status, MHD_get_reason_phrase_for(re->status), error.len, r->id);
    rs_reply_each_header(r, add_line, &out);
    (void)rs_buf_adds(&out, "\r\n");
    (void)rs_buf_add(&out, rs_buf_text(&error), error.len);
    if (rs_buf_status(&out) == RS_OK && has_body) {
        /* A few hundred bytes into an empty send buffer; if they do not fit, the client is not
         * reading anyway. */
        const union MHD_ConnectionInfo *tls =
            MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (r->conn->listener->tls != NULL && tls != NULL)
            (void)gnutls_record_send(tls->tls_session, out.data, out.len);
        else
            (void)send(r->conn->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        r->conn->must_linger = true;
        r->phase = RS_PHASE_REPLIED;
    }
    rs_buf_release(&error);
    rs_buf_release(&out);
}
