"""How each client pushes, pulls, lists, copies and deletes: one small class a client."""

import json
import tempfile

from conftest import find


class Tool:
    """`self.run(who, ...)` runs the client as a principal."""

    name = ""
    can = {"push", "pull", "tags", "delete", "multi"}

    def __init__(self, world, transport, work):
        self.world, self.transport, self.work = world, transport, work
        self.program = find(self.name)
        self.host = world.host(transport)
        self.plain = transport == "http"

    def ref(self, repo, tag=None, digest=None):
        return f"{self.host}/{repo}" + (f"@{digest}" if digest else f":{tag}")

    def run(self, who, *args, expect=True):
        return self.world.run(who, self.program, *args, expect=expect)


class Skopeo(Tool):
    name = "skopeo"

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "copy", "--all", *(["--dest-tls-verify=false"] if self.plain else []), f"oci:{directory}:{tag}",
                 f"docker://{self.ref(repo, tag)}", **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "copy", "--all", *(["--src-tls-verify=false"] if self.plain else []), f"docker://{self.ref(repo, tag, digest)}",
                 f"oci:{out}:x", **kw)

    def tags(self, who, repo):
        out = self.run(who, "list-tags", *(["--tls-verify=false"] if self.plain else []), f"docker://{self.host}/{repo}")
        return json.loads(out)["Tags"]

    def delete(self, who, repo, tag):
        self.run(who, "delete", *(["--tls-verify=false"] if self.plain else []), f"docker://{self.ref(repo, tag)}")


class Buildah(Tool):
    name = "buildah"
    can = {"push", "pull"}

    def __init__(self, world, transport, work):
        super().__init__(world, transport, work)
        self.runs = {}

    def store(self, who):
        # Podman wants the path of its run root to be short.
        run = tempfile.mkdtemp(prefix="run", dir=self.world.short) if who not in self.runs else self.runs[who]
        self.runs[who] = run
        return ["--root", self.work / f"root-{who}", "--runroot", run, "--storage-driver", "vfs"]

    def verify(self):
        return [f"--tls-verify={'false' if self.plain else 'true'}"]

    def push(self, who, directory, tag, repo, **kw):
        image = self.run(who, *self.store(who), "pull", f"oci:{directory}:{tag}").split()[-1]
        self.run(who, *self.store(who), "push", *self.verify(), image, f"docker://{self.ref(repo, tag)}", **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, *self.store(who), "pull", *self.verify(), f"docker://{self.ref(repo, tag, digest)}", **kw)


class Podman(Buildah):
    name = "podman"

    def store(self, who):
        return [*super().store(who), "--cgroup-manager", "cgroupfs"]


class Crane(Tool):
    name = "crane"

    def flags(self):
        return ["--insecure"] if self.plain else []

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "push", *self.flags(), *(["--index"] if tag == "multi" else []), directory, self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "pull", *self.flags(), "--format=oci", self.ref(repo, tag, digest), out, **kw)

    def tags(self, who, repo):
        return self.run(who, "ls", *self.flags(), f"{self.host}/{repo}").split()

    def delete(self, who, repo, tag):
        self.run(who, "delete", *self.flags(), self.ref(repo, tag))


class Regctl(Tool):
    name = "regctl"

    def run(self, who, *args, expect=True):
        if self.plain:
            super().run(who, "registry", "set", "--tls", "disabled", "--skip-check", self.host)
        else:
            super().run(who, "registry", "set", "--tls", "enabled", "--skip-check", self.host)
        return super().run(who, *args, expect=expect)

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "image", "copy", f"ocidir://{directory}:{tag}", self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "image", "copy", self.ref(repo, tag, digest), f"ocidir://{out}:x", **kw)

    def tags(self, who, repo):
        return self.run(who, "tag", "ls", f"{self.host}/{repo}").split()

    def delete(self, who, repo, tag):
        self.run(who, "tag", "rm", self.ref(repo, tag))


class Oras(Tool):
    name = "oras"

    def flags(self, prefix=""):
        return [f"--{prefix}plain-http"] if self.plain else []

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "cp", "--no-tty", *self.flags("to-"), "--from-oci-layout", f"{directory}:{tag}", self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "cp", "--no-tty", *self.flags("from-"), self.ref(repo, tag, digest), "--to-oci-layout", f"{out}:x", **kw)

    def tags(self, who, repo):
        return self.run(who, "repo", "tags", *self.flags(), f"{self.host}/{repo}").split()

    def delete(self, who, repo, tag):
        self.run(who, "manifest", "delete", "--force", *self.flags(), self.ref(repo, tag))


ALL = [Skopeo, Buildah, Podman, Crane, Regctl, Oras]
