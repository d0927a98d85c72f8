"""Get, take apart and forge tokens."""

import base64
import hashlib
import hmac
import json
import re
import urllib.parse

from client import Client

FORM = "application/x-www-form-urlencoded"


def request_token(client, *scopes, path="/token", **query):
    """GET /token as this client; the whole answer."""
    pairs = [("service", "roadstead"), *query.items(), *(("scope", s) for s in scopes)]
    return client.get(path + "?" + urllib.parse.urlencode(pairs))


def token(client, *scopes, **kw):
    got = request_token(client, *scopes, **kw)
    assert got.status == 200, got
    return got.json()["token"]


def with_token(client, *scopes, **kw):
    """A client on a connection of its own that uses a token of this principal for these scopes."""
    return Client(client.base.geturl(), token(client, *scopes, **kw))


def post_form(client, path, **fields):
    return client.request("POST", path, body=urllib.parse.urlencode(fields), content_type=FORM)


def challenge(response):
    """(scheme, parameters) of WWW-Authenticate; parameters must be quoted."""
    header = response.headers["WWW-Authenticate"]
    scheme, _, rest = header.partition(" ")
    found = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    assert rest == ",".join(f'{k}="{v}"' for k, v in found.items()), header
    return scheme, found


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(jwt):
    """(header, payload, signature) of a token."""
    header, payload, signature = jwt.split(".")
    return json.loads(unb64(header)), json.loads(unb64(payload)), unb64(signature)


def access(jwt):
    """{repository: {actions}} of a token."""
    return {a["name"]: set(a["actions"]) for a in parts(jwt)[1]["access"]}


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def sign(header, payload, key):
    """A token over these (bytes, or JSON values) signed with HMAC-SHA256; no signature for key None."""
    header, payload = (v if isinstance(v, bytes) else dumps(v) for v in (header, payload))
    text = b64(header) + "." + b64(payload)
    return text + "." + (b64(hmac.new(key, text.encode(), hashlib.sha256).digest()) if key is not None else "")


def signing_key(daemon):
    """(kid, secret) of the newest key, as its owner can read it on disk."""
    lines = (daemon.data / "keys" / "token-keys").read_text().splitlines()
    kid, _, secret = lines[-1].split()
    return kid, bytes.fromhex(secret)
