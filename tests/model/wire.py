"""HTTP as plain as it gets, for runs of millions of requests: one connection, several requests in one go (pipelined), raw answers."""

import base64
import socket
import urllib.parse


class Answer:
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Closed(Exception):
    """The server closed the connection before it answered everything."""


class Connection:
    def __init__(self, url, auth=None, timeout=60):
        self.base = urllib.parse.urlsplit(url)
        self.timeout = timeout
        self.fixed = f"Host: {self.base.netloc}\r\n"
        if auth:
            self.fixed += "Authorization: Basic " + base64.b64encode(":".join(auth).encode()).decode() + "\r\n"
        self.sock = None
        self.rest = b""

    def close(self):
        if self.sock is not None:
            self.sock.close()
        self.sock, self.rest = None, b""

    def one(self, method, path, body=None, content_type=None, **headers):
        return self.many([(method, path, body, {**({"Content-Type": content_type} if content_type else {}), **headers})])[0]

    def reads(self, requests):
        """[(method, path)] -> [Answer]"""
        return self.many([(method, path, None, {"Accept": "*/*"}) for method, path in requests])

    def many(self, requests):
        """All are sent before the first answer is read; once more on a new connection when the server had closed the old one."""
        is_new = self.sock is None
        try:
            return self._exchange(requests)
        except (Closed, ConnectionError):
            self.close()
            if is_new:
                raise
            return self._exchange(requests)

    def _exchange(self, requests):
        if self.sock is None:
            self.sock = socket.create_connection((self.base.hostname, self.base.port), timeout=self.timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(b"".join(self._bytes(*r) for r in requests))
        answers = [self._answer(r[0]) for r in requests]
        if answers[-1].headers.get("connection", "").lower() == "close":
            self.close()
        return answers

    def _bytes(self, method, path, body, headers):
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        if body is not None or method in ("POST", "PUT", "PATCH"):
            lines += f"Content-Length: {len(body or b'')}\r\n"
        return f"{method} {path} HTTP/1.1\r\n{self.fixed}{lines}\r\n".encode() + (body or b"")

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise Closed
        self.rest += data

    def _answer(self, method):
        while True:
            end = self.rest.find(b"\r\n\r\n")
            if end >= 0:
                break
            self._more()
        first, *lines = self.rest[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(first.split(" ", 2)[1])
        has_body = method != "HEAD" and status not in (204, 304)
        length = int(headers.get("content-length", 0)) if has_body else 0
        assert "transfer-encoding" not in headers or not has_body, f"{method} is answered in chunks: {headers}"
        while len(self.rest) < end + 4 + length:
            self._more()
        body = self.rest[end + 4:end + 4 + length]
        self.rest = self.rest[end + 4 + length:]
        return Answer(status, headers, body)
