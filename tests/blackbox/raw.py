"""Requests as bytes on a socket, for everything that a proper HTTP library would not send."""

import socket
import time
import urllib.parse

DEADLINE_S = 60


class RawResponse:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # [(lower-case name, value)]
        self.body = body

    def header(self, name):
        for key, value in self.headers:
            if key == name.lower():
                return value
        return None

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Raw:
    """One connection.  Every wait ends after DEADLINE_S with a failure."""

    def __init__(self, url, context=None):
        parts = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname=parts.hostname)
        self.buffer = bytearray()
        self.is_closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Send all of it; False when the server has closed meanwhile (what it said can still be read)."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def finish_sending(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self):
        if self.is_closed:
            return False
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_closed = True
            return False
        self.buffer += data
        return True

    def _line(self):
        while b"\r\n" not in self.buffer:
            if not self._more():
                return None
        end = self.buffer.index(b"\r\n")
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        return line

    def _bytes(self, n):
        while len(self.buffer) < n:
            assert self._more(), f"the answer ends after {len(self.buffer)} of {n} bytes"
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def _body(self, response, method):
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return b""
        if (response.header("transfer-encoding") or "").lower() == "chunked":
            body = b""
            while True:
                n = int(self._line(), 16)
                body += self._bytes(n)
                assert self._bytes(2) == b"\r\n"
                if n == 0:
                    return body
        if response.header("content-length") is not None:
            return self._bytes(int(response.header("content-length")))
        while self._more():
            pass
        body = bytes(self.buffer)
        self.buffer.clear()
        return body

    def response(self, method="GET"):
        """The next response, or None when the server closes instead."""
        line = self._line()
        if line is None:
            return None
        assert line.startswith(b"HTTP/1.1 "), line
        headers = []
        while True:
            header = self._line()
            assert header is not None, "the answer ends in its headers"
            if header == b"":
                break
            key, value = header.decode("latin-1").split(":", 1)
            headers.append((key.lower(), value.strip()))
        response = RawResponse(int(line.split()[1]), headers, b"")
        response.body = self._body(response, method)
        return response

    def responses(self):
        """All responses until the server closes."""
        found = []
        while True:
            response = self.response()
            if response is None:
                assert not self.buffer, self.buffer
                return found
            found.append(response)

    def read_until_closed(self):
        """Waits for the server to close; what it sent is thrown away."""
        end = time.monotonic() + DEADLINE_S
        while self._more():
            assert time.monotonic() < end, "the server does not close"
            self.buffer.clear()


def exchange(url, data):
    """Send the bytes, then nothing; all responses until the server closes."""
    with Raw(url) as raw:
        raw.send(data)
        raw.finish_sending()
        return raw.responses()
