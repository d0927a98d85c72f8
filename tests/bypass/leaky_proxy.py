"""A proxy in front of a registry that leaks on purpose, to prove that the suite notices.

Each leak is a predicate on a request; a request that matches is sent on with the processor's credentials instead of
the caller's, or its answer is changed on the way back.  Everything else passes as it is.
"""

import base64
import http.client
import http.server
import re
import threading
import urllib.parse

BLOB = re.compile(r"/v2/.+/blobs/sha\d+:[0-9a-f]+$")
MANIFEST = re.compile(r"/v2/.+/manifests/[^/]+$")


def is_blob(method, path, headers):
    return bool(BLOB.search(path))


def is_manifest(method, path, headers):
    return bool(MANIFEST.search(path))


# name -> (which requests go on as the processor, rows that must notice)
ELEVATIONS = {
    "blob-get": (lambda m, p, h: m == "GET" and is_blob(m, p, h), ("T01", "T09", "T10")),
    "blob-head": (lambda m, p, h: m == "HEAD" and is_blob(m, p, h), ("T02",)),
    "range": (lambda m, p, h: "Range" in h and is_blob(m, p, h), ("T03",)),
    "conditional": (lambda m, p, h: "If-None-Match" in h, ("T03",)),
    "manifest-by-digest": (lambda m, p, h: m == "GET" and is_manifest(m, p, h) and "/manifests/sha" in p, ("T04", "T10", "T16")),
    "manifest-by-tag": (lambda m, p, h: m == "GET" and is_manifest(m, p, h) and "/manifests/sha" not in p, ("T03", "T27", "T30")),
    "manifest-head": (lambda m, p, h: m == "HEAD" and is_manifest(m, p, h), ("T05",)),
    "mount": (lambda m, p, h: m == "POST" and "mount=" in p, ("T06", "T08")),
    "referrers": (lambda m, p, h: "/referrers/" in p, ("T19",)),
    "tags": (lambda m, p, h: p.split("?")[0].endswith("/tags/list"), ("T20",)),
    "catalog": (lambda m, p, h: p.startswith("/v2/_catalog"), ("T21",)),
    "events": (lambda m, p, h: p.startswith("/v2/_roadstead/events"), ("T22", "T45")),
    "worklist": (lambda m, p, h: p.startswith("/v2/_roadstead/quarantine"), ("T22",)),
    "anonymous": (lambda m, p, h: "Authorization" not in h and p.startswith("/v2/") and m in ("GET", "HEAD"), ("T33",)),
    "decide": (lambda m, p, h: m == "PATCH" and "_roadstead/quarantine" in p, ("T37",)),
    "azure-decide": (lambda m, p, h: m == "PATCH" and p.startswith("/acr/"), ("T37",)),
    "bearer": (lambda m, p, h: h.get("Authorization", "").startswith("Bearer") and m == "GET" and is_manifest(m, p, h), ("T32", "T35")),
}


def cacheable(status, headers, body):
    """No Cache-Control on denials."""
    return [(k, v) for k, v in headers if k.lower() != "cache-control" or status < 400], body


def tell_etag(status, headers, body):
    """A denial names a digest."""
    return (headers + [("ETag", '"sha256:0"')] if status == 403 else headers), body


# name -> (what happens to an answer, rows that must notice)
CHANGES = {"cacheable": (cacheable, ("T01", "T41")), "etag": (tell_etag, ("T01", "T05"))}


class LeakyProxy(http.server.ThreadingHTTPServer):
    """Serves until close(); `leak` is a name out of ELEVATIONS or CHANGES, or None for an honest proxy."""

    daemon_threads = True

    def __init__(self, target, processor, leak=None):
        self.target = urllib.parse.urlsplit(target)
        self.processor = "Basic " + base64.b64encode(":".join(processor).encode()).decode()
        self.elevate = ELEVATIONS[leak][0] if leak in ELEVATIONS else lambda m, p, h: False
        self.change = CHANGES[leak][0] if leak in CHANGES else lambda status, headers, body: (headers, body)
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self):
        super().setup()
        target = self.server.target
        self.upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=120)

    def finish(self):
        self.upstream.close()
        super().finish()

    def log_message(self, *args):
        pass

    def _ask(self, body, headers):
        """The registry's answer, on a connection that is kept for this client."""
        for last in (False, True):
            try:
                self.upstream.request(self.command, self.path, body=body or None, headers=headers)
                answer = self.upstream.getresponse()
                return answer, answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.upstream.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def _forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
        headers["Host"] = self.server.target.netloc
        if self.server.elevate(self.command, self.path, headers):
            headers["Authorization"] = self.server.processor
        answer, data = self._ask(body, headers)
        sent = [(k, v) for k, v in answer.getheaders() if k.lower() not in ("connection", "date", "transfer-encoding")]
        sent, data = self.server.change(answer.status, sent, data)
        self.send_response_only(answer.status)
        for name, value in sent:
            self.send_header(name, value)
        if "content-length" not in {k.lower() for k, _ in sent} and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward

