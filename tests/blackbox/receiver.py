"""A webhook receiver whose manners a test chooses, and the check of Standard Webhooks signatures."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import struct
import threading


class Delivery:
    """One request that the receiver got."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def id(self):
        return self.headers["webhook-id"]

    def json(self):
        return json.loads(self.body)

    def signed_by(self, secret):
        """Is one of its signatures made with this secret?"""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        want = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return want in self.headers["webhook-signature"].split(" ")


class Receiver:
    """Listens on a loopback port, a free one by default.  `manners(delivery, n)` is asked for the n-th request (from 0) and answers with a status, or
    ("redirect", url), "hang" (until close()), "reset" (after the request was taken), "huge" (an endless body)."""

    def __init__(self, manners=lambda delivery, n: 204, port=0):
        self.manners = manners
        self.deliveries = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivery = Delivery(self.path, self.headers, body)
                with receiver.lock:
                    n = len(receiver.deliveries)
                    receiver.deliveries.append(delivery)
                receiver.answer(self, receiver.manners(delivery, n))

            do_GET = do_POST

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # clients that go away are part of the tests

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def answer(self, handler, what):
        if what == "hang":
            self.closing.wait()
            handler.close_connection = True
            return
        if what == "reset":
            # Linger 0: the peer gets a reset, after the request was taken in whole.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            return
        if what == "huge":
            handler.send_response(200)
            handler.end_headers()
            with contextlib.suppress(OSError):
                while not self.closing.is_set():
                    handler.wfile.write(b"x" * 65536)
            handler.close_connection = True
            return
        if isinstance(what, tuple):
            handler.send_response(301)
            handler.send_header("Location", what[1])
        else:
            handler.send_response(what)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def taken(self):
        with self.lock:
            return list(self.deliveries)

    def ids(self):
        return [d.id for d in self.taken()]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
