"""An OpenID Connect issuer whose manners a test chooses; everything secret is made and used by the `openssl` program."""

import base64
import http.server
import itertools
import json
import pathlib
import ssl
import subprocess
import threading
import time

from daemon import wait_for
from tokens import b64

CURVES = {"P-256": ("prime256v1", 32), "P-384": ("secp384r1", 48), "P-521": ("secp521r1", 66)}
CONFIGURATION = "/.well-known/openid-configuration"
KEYS = "/keys"
_numbers = itertools.count(1)


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def der_integers(der):
    """The two numbers of an ECDSA signature."""
    found, at = [], 2 if der[1] < 0x80 else 3
    for _ in range(2):
        size = der[at + 1]
        found.append(int.from_bytes(der[at + 2:at + 2 + size], "big"))
        at += 2 + size
    return found


class Key:
    """A private key in a file; `kind` is "RSA" (with `bits`), "Ed25519" or a curve's name."""

    def __init__(self, directory, kind, bits=2048):
        self.kind = kind
        self.file = pathlib.Path(directory) / f"key-{next(_numbers)}.pem"
        how = {"RSA": ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"], "Ed25519": ["-algorithm", "ED25519"]}.get(
            kind) or ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[kind][0]}"]
        openssl("genpkey", *how, "-out", self.file)
        self.public = self.numbers()

    def numbers(self):
        """The members of a JWK that are the key itself."""
        if self.kind == "RSA":
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().removeprefix("Modulus=")
            return {"kty": "RSA", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        der = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")
        if self.kind == "Ed25519":
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        n = CURVES[self.kind][1]
        return {"kty": "EC", "crv": self.kind, "x": b64(der[-2 * n:-n]), "y": b64(der[-n:])}

    def pem(self):
        """The public half as text, as a verifier might hold it."""
        return openssl("pkey", "-in", self.file, "-pubout")

    def sign(self, algorithm, message):
        if algorithm == "EdDSA":
            text = self.file.with_suffix(f".{next(_numbers)}")
            text.write_bytes(message)
            return openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", text)
        padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if algorithm.startswith("PS") else []
        signature = openssl("dgst", f"-sha{algorithm[2:]}", *padding, "-sign", self.file, stdin=message)
        if not algorithm.startswith("ES"):
            return signature
        n = CURVES[self.kind][1]
        return b"".join(number.to_bytes(n, "big") for number in der_integers(signature))


def jws(header, claims, sign):
    """A token; header and claims may be texts, which are taken as they are."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    message = ".".join(b64(part.encode()) for part in parts)
    return message + "." + b64(sign(message.encode()))


class Issuer:
    """Serves discovery and a key set over TLS on a loopback port.  `manner(path, n)` is asked for the n-th request (from 0) and answers with None (as
    it should be), a status, bytes to send with 200, ("redirect", url) or "hang" (until close())."""

    def __init__(self, directory, path="", names="DNS:localhost,IP:127.0.0.1"):
        self.directory = pathlib.Path(directory)
        self.certificate = self.directory / f"issuer-{next(_numbers)}.pem"
        private = self.certificate.with_suffix(".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                "-addext", f"subjectAltName={names}", "-keyout", private, "-out", self.certificate)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, private)
        self.keys = {}  # kid -> (Key, more members)
        self.manner = lambda path, n: None
        self.configuration = {}  # overrides
        self.path = path
        self.requests = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.port = 0
        self.open()

    def open(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"  # no connection outlives its answer: who is away is away
            timeout = 60

            def do_GET(self):
                with issuer.lock:
                    n = len(issuer.requests)
                    issuer.requests.append(self.path)
                issuer.answer(self, issuer.manner(self.path, n))

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that turn away from the certificate

        self.server = Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.allow_reuse_address = True
        self.server.server_bind()
        self.server.server_activate()
        self.port = self.server.server_address[1]
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        """Whoever connects is refused from now on; open() takes the same port again."""
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        self.closing = threading.Event()

    @property
    def url(self):
        return f"https://localhost:{self.port}{self.path}"

    def answer(self, handler, manner):
        body = manner if isinstance(manner, bytes) else self.document(handler.path)
        if manner == "hang":
            self.closing.wait(60)
            handler.close_connection = True
            return
        if isinstance(manner, tuple):
            handler.send_response(302)
            handler.send_header("Location", manner[1])
        else:
            handler.send_response(manner if isinstance(manner, int) else 200 if body is not None else 404)
        handler.send_header("Content-Length", str(len(body or b"")))
        handler.end_headers()
        handler.wfile.write(body or b"")

    def document(self, path):
        if path == self.path.rstrip("/") + CONFIGURATION:
            return json.dumps({"issuer": self.url, "jwks_uri": f"https://localhost:{self.port}{KEYS}", **self.configuration}).encode()
        if path == KEYS:
            return json.dumps({"keys": [{"kid": kid, **key.public, **more} for kid, (key, more) in self.keys.items()]}).encode()
        return None

    def asked(self, path=KEYS):
        """How often."""
        with self.lock:
            return self.requests.count(path)

    def wait_asked(self, n, path=KEYS):
        wait_for(lambda: self.asked(path) >= n, f"the issuer was asked {n} times for {path}")

    def claims(self, **claims):
        now = int(time.time())
        all_of_them = {"iss": self.url, "aud": "registry.test", "sub": "repo:acme/app", "iat": now, "nbf": now, "exp": now + 3600, **claims}
        return {name: value for name, value in all_of_them.items() if value is not ...}  # `...` leaves a claim out

    def token(self, kid, algorithm="ES256", header=None, key=None, **claims):
        """Signed with that key; `claims` replace the usual ones."""
        key = key or self.keys[kid][0]
        return jws({"alg": algorithm, "kid": kid, "typ": "JWT", **(header or {})}, self.claims(**claims),
                   lambda message: key.sign(algorithm, message))


def altered(token, part):
    """The token with one bit of one of its parts (0 to 2) changed."""
    parts = token.split(".")
    data = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    data[len(data) // 2] ^= 1
    parts[part] = b64(bytes(data))
    return ".".join(parts)
