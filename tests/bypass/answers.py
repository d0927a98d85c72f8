"""HTTP as one principal, and the watch over everything that comes back.

Every answer that reaches somebody who must not see a secret is searched for it, whatever the request was for: a row
of the suite can forget to look, this cannot.
"""

import base64
import http.client
import json
import secrets
import ssl
import urllib.parse


class Answer:
    """Status, headers and the whole body of one answer, with the request it answers."""

    def __init__(self, request, status, headers, body):
        self.request, self.status, self.headers, self.body = request, status, headers, body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def header(self, name):
        return self.headers.get(name)

    def shape(self, *hidden):
        """Everything an observer could compare, without what differs in any two answers."""
        names = sorted(k.lower() for k in self.headers.keys() if k.lower() not in ("date", "x-request-id"))
        body = self.body
        for text in hidden:
            body = body.replace(text.encode(), b"*")
        return self.status, names, body

    def __str__(self):
        return f"{self.request}: {self.status} {self.body[:120]!r}"


class Watch:
    """The secrets, and who may see each of them.  `seen` collects what came to the wrong eyes."""

    def __init__(self):
        self.secrets = {}
        self.seen = []

    def secret(self, readers, prefix="s"):
        """A new text that only `readers` (role names) may get to see."""
        text = f"{prefix}-{secrets.token_hex(12)}"
        self.secrets[text] = set(readers)
        return text

    def disclose(self, text):
        """The text is no secret any more."""
        self.secrets.pop(text, None)

    def look(self, role, answer):
        whole = answer.body + repr(list(answer.headers.items())).encode()
        for text, readers in self.secrets.items():
            if role not in readers and text.encode() in whole:
                self.seen.append(f"{role} was sent a secret: {answer}")


class Agent:
    """One role with one way to log in: "none", "basic", "bearer"."""

    def __init__(self, base_url, watch, role, scheme, credentials=None, context=None):
        self.base = urllib.parse.urlsplit(base_url)
        self.watch, self.role, self.scheme = watch, role, scheme
        self.credentials, self.context = credentials, context
        self.tokens = {}
        self.conn = None

    def __str__(self):
        return f"{self.role} ({self.scheme})"

    # -- the connection ----------------------------------------------------------------------

    def _connect(self):
        if self.base.scheme == "https":
            return http.client.HTTPSConnection(self.base.hostname, self.base.port, timeout=120,
                                               context=self.context or ssl.create_default_context())
        return http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=120)

    def _exchange(self, method, path, body, headers):
        for last in (False, True):
            fresh = self.conn is None
            self.conn = self.conn or self._connect()
            try:
                return self._once(method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                # An idle keep-alive connection was closed under the request: once more on a new one.
                self.close()
                if last or fresh:
                    raise
        raise AssertionError("unreachable")

    def _once(self, method, path, body, headers):
        try:
            self.conn.request(method, path, body=body, headers=headers)
        except (ConnectionResetError, BrokenPipeError):
            if not body or len(body) < 65536:
                raise
            # A large body was refused before it was all sent: the answer is waiting.
        got = self.conn.getresponse()
        data = got.read()
        if got.will_close:
            self.close()
        return got.status, got.headers, data

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None

    # -- requests ----------------------------------------------------------------------------

    def basic(self):
        return "Basic " + base64.b64encode(":".join(self.credentials).encode()).decode()

    def token(self, *scopes):
        """A token for these scopes; as anonymous without credentials.  None when the service gives none."""
        query = urllib.parse.urlencode([("scope", scope) for scope in scopes])
        headers = {"Authorization": self.basic()} if self.credentials else {}
        status, _, body = self._exchange("GET", f"/token?{query}", None, headers)
        return json.loads(body).get("token") if status == 200 else None

    def authorization(self, repo):
        if self.scheme == "basic":
            return self.basic()
        if self.scheme == "bearer":
            if repo not in self.tokens:
                scopes = [f"repository:{repo}:pull,push,delete"] if repo else []
                self.tokens[repo] = self.token(*scopes)
            return "Bearer " + (self.tokens[repo] or "none")
        return None

    def ask(self, method, path, body=None, headers=None, repo=None, content_type=None):
        """`path` may be absolute (a Location); `repo` is what a token is asked for."""
        if path.startswith("http"):
            parts = urllib.parse.urlsplit(path)
            path = parts.path + ("?" + parts.query if parts.query else "")
        sent = dict(headers or {})
        if isinstance(body, (dict, list)):
            body, content_type = json.dumps(body).encode(), content_type or "application/json"
        if content_type:
            sent["Content-Type"] = content_type
        authorization = self.authorization(repo)
        if authorization and "Authorization" not in sent:
            sent["Authorization"] = authorization
        status, got, data = self._exchange(method, path, body, sent)
        answer = Answer(f"{self} {method} {path} {headers or ''}".rstrip(), status, got, data)
        self.watch.look(self.role, answer)
        return answer

    def get(self, repo, rest, **headers):
        return self.ask("GET", f"/v2/{repo}/{rest}", repo=repo, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def head(self, repo, rest, **headers):
        return self.ask("HEAD", f"/v2/{repo}/{rest}", repo=repo, headers={k.replace("_", "-"): v for k, v in headers.items()})
