"""How each client pushes, pulls, lists, copies and deletes: one small class a client."""

import json
import shutil
import tempfile

import pytest

import engines
import layout
from conftest import find


class Tool:
    """`self.run(who, ...)` runs the client as a principal."""

    name = ""
    # "whole": copies an index with all that it names; "layout": pulls into an OCI layout; "catalog": lists repositories
    can = {"tags", "delete", "whole", "layout"}
    looks_first = False  # at what it is to delete

    def __init__(self, world, transport, work):
        self.world, self.transport, self.work = world, transport, work
        self.program = self.find_program()
        self.host = world.host(transport)
        self.plain = transport == "http"

    def find_program(self):
        return find(self.name)

    def ref(self, repo, tag=None, digest=None):
        return f"{self.host}/{repo}" + (f"@{digest}" if digest else f":{tag}")

    def run(self, who, *args, expect=True):
        return self.world.run(who, self.program, *args, expect=expect)


class Skopeo(Tool):
    name = "skopeo"
    looks_first = True

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "copy", "--all", *(["--dest-tls-verify=false"] if self.plain else []), f"oci:{directory}:{tag}",
                 f"docker://{self.ref(repo, tag)}", **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "copy", "--all", *(["--src-tls-verify=false"] if self.plain else []), f"docker://{self.ref(repo, tag, digest)}",
                 f"oci:{out}:x", **kw)

    def tags(self, who, repo):
        out = self.run(who, "list-tags", *(["--tls-verify=false"] if self.plain else []), f"docker://{self.host}/{repo}")
        return json.loads(out)["Tags"]

    def copy(self, who, source, target, **kw):
        self.run(who, "copy", "--all", *(["--src-tls-verify=false", "--dest-tls-verify=false"] if self.plain else []), f"docker://{source}",
                 f"docker://{target}", **kw)

    def delete(self, who, repo, tag=None, digest=None):
        self.run(who, "delete", *(["--tls-verify=false"] if self.plain else []), f"docker://{self.ref(repo, tag, digest)}")


class Buildah(Tool):
    name = "buildah"
    can = set()

    def __init__(self, world, transport, work):
        super().__init__(world, transport, work)
        self.runs = {}
        self.lists = 0

    def store(self, who):
        # Podman wants the path of its run root to be short.
        run = tempfile.mkdtemp(prefix="run", dir=self.world.short) if who not in self.runs else self.runs[who]
        self.runs[who] = run
        return ["--root", self.work / f"root-{who}", "--runroot", run, "--storage-driver", "vfs"]

    def verify(self):
        return [f"--tls-verify={'false' if self.plain else 'true'}"]

    def push(self, who, directory, tag, repo, **kw):
        if tag == "multi":
            return self.push_index(who, directory, tag, repo, **kw)
        image = self.run(who, *self.store(who), "pull", f"oci:{directory}:{tag}").split()[-1]
        self.run(who, *self.store(who), "push", *self.verify(), image, f"docker://{self.ref(repo, tag)}", **kw)

    def push_index(self, who, directory, tag, repo, **kw):
        self.lists += 1
        name = f"localhost/list{self.lists}"
        self.run(who, *self.store(who), "manifest", "create", name)
        self.run(who, *self.store(who), "manifest", "add", "--all", name, f"oci:{directory}:{tag}")
        self.run(who, *self.store(who), "manifest", "push", "--all", *self.verify(), name, f"docker://{self.ref(repo, tag)}", **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, *self.store(who), "pull", *self.verify(), f"docker://{self.ref(repo, tag, digest)}", **kw)

    def copy(self, who, source, target, expect=True):
        image = self.run(who, *self.store(who), "pull", *self.verify(), f"docker://{source}", expect=expect)
        if expect:
            self.run(who, *self.store(who), "push", *self.verify(), image.split()[-1], f"docker://{target}")


class Podman(Buildah):
    name = "podman"

    def store(self, who):
        return [*super().store(who), "--cgroup-manager", "cgroupfs"]


class Crane(Tool):
    name = "crane"
    can = {"tags", "delete", "whole", "layout", "catalog"}

    def flags(self):
        return ["--insecure"] if self.plain else []

    def push(self, who, directory, tag, repo, **kw):
        """An image it takes from the layout; of an index it takes the layout's own, so that has to be the one."""
        index = []
        if tag == "multi":
            index, copy = ["--index"], self.work / f"{tag}-layout"
            shutil.copytree(directory, copy, dirs_exist_ok=True)
            (copy / "index.json").write_bytes(layout.blob(directory, layout.manifest_digest(directory, tag)))
            directory = copy
        self.run(who, "push", *self.flags(), *index, directory, self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "pull", *self.flags(), "--format=oci", self.ref(repo, tag, digest), out, **kw)

    def tags(self, who, repo):
        return self.run(who, "ls", *self.flags(), f"{self.host}/{repo}").split()

    def repositories(self, who):
        return self.run(who, "catalog", *self.flags(), self.host).split()

    def copy(self, who, source, target, **kw):
        self.run(who, "copy", *self.flags(), source, target, **kw)

    def delete(self, who, repo, tag=None, digest=None):
        self.run(who, "delete", *self.flags(), self.ref(repo, tag, digest))


class Regctl(Tool):
    name = "regctl"
    can = {"tags", "delete", "whole", "layout", "catalog"}

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

    def repositories(self, who):
        return self.run(who, "repo", "ls", self.host).split()

    def copy(self, who, source, target, **kw):
        self.run(who, "image", "copy", source, target, **kw)

    def delete(self, who, repo, tag=None, digest=None):
        self.run(who, *(["tag", "rm"] if tag else ["manifest", "rm"]), self.ref(repo, tag, digest))


class Oras(Tool):
    name = "oras"
    looks_first = True
    can = {"tags", "delete", "whole", "layout", "catalog"}

    def flags(self, prefix=""):
        return [f"--{prefix}plain-http"] if self.plain else []

    def push(self, who, directory, tag, repo, **kw):
        self.run(who, "cp", "--no-tty", *self.flags("to-"), "--from-oci-layout", f"{directory}:{tag}", self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.run(who, "cp", "--no-tty", *self.flags("from-"), self.ref(repo, tag, digest), "--to-oci-layout", f"{out}:x", **kw)

    def tags(self, who, repo):
        return self.run(who, "repo", "tags", *self.flags(), f"{self.host}/{repo}").split()

    def repositories(self, who):
        return self.run(who, "repo", "ls", *self.flags(), self.host).split()

    def copy(self, who, source, target, **kw):
        self.run(who, "cp", "--no-tty", *self.flags("from-"), *self.flags("to-"), source, target, **kw)

    def delete(self, who, repo, tag=None, digest=None):
        self.run(who, "manifest", "delete", "--force", *self.flags(), self.ref(repo, tag, digest))


class Ctr(Tool):
    """containerd's own client.  A namespace for each principal: nothing that one pulled is there for another."""

    name = "ctr"
    engine = engines.Containerd
    can = {"whole"}

    def __init__(self, world, transport, work):
        super().__init__(world, transport, work)
        self.daemon = world.engine(self.engine)

    def find_program(self):
        return None  # the daemon brings it

    def ctr(self, who, *args, **kw):
        return self.world.run(who, *self.daemon.ctr(f"{self.work.name}-{who}"), *args, **kw)

    def remote(self, who):
        user = ["--user", ":".join(self.world.registry.credentials[who])]
        return [*user, *(["--plain-http"] if self.plain else ["--hosts-dir", self.daemon.root / "hosts"])]

    def push(self, who, directory, tag, repo, **kw):
        archive = shutil.make_archive(str(self.work / tag), "tar", directory)
        self.ctr(who, "images", "import", "--all-platforms", "--no-unpack", "--base-name", f"{self.host}/{repo}", archive)
        self.ctr(who, "images", "push", *self.remote(who), self.ref(repo, tag), **kw)

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.ctr(who, "images", "pull", "--all-platforms", "--snapshotter", "native", *self.remote(who), self.ref(repo, tag, digest), **kw)

    def copy(self, who, source, target, expect=True):
        self.ctr(who, "images", "pull", "--all-platforms", "--snapshotter", "native", *self.remote(who), source, expect=expect)
        if expect:
            self.ctr(who, "images", "tag", "--force", source, target)
            self.ctr(who, "images", "push", *self.remote(who), target)


class Ctr2(Ctr):
    name = "ctr2"
    engine = engines.Containerd2


class Docker(Tool):
    """The engine keeps its images for everybody: they are forgotten before each pull."""

    name = "docker"
    can = set()

    def __init__(self, world, transport, work):
        super().__init__(world, transport, work)
        self.daemon = world.engine(engines.Docker)

    def find_program(self):
        return None  # the daemon brings it

    def docker(self, who, *args, **kw):
        return self.world.run(who, *self.daemon.docker(), *args, **kw)

    def load(self, who, directory, tag, name, arch=()):
        archive = self.work / f"{tag}.tar"
        archive.unlink(missing_ok=True)
        self.world.run(who, find("skopeo"), *arch, "copy", f"oci:{directory}:{tag}", f"docker-archive:{archive}:{name}")
        self.docker(who, "load", "--quiet", "--input", archive)

    def push(self, who, directory, tag, repo, **kw):
        if tag == "multi":
            return self.push_index(who, directory, tag, repo, **kw)
        self.load(who, directory, tag, self.ref(repo, tag))
        self.docker(who, "push", self.ref(repo, tag), **kw)

    def push_index(self, who, directory, tag, repo, **kw):
        """Each architecture under a tag of its own, then a list that names them by digest: the publisher's client reads them back."""
        if not self.plain:
            pytest.skip("docker manifest takes every loopback address for one without TLS")
        parts = []
        for arch in ("amd64", "arm64"):
            name = self.ref(repo, f"{tag}-{arch}")
            self.load(who, directory, tag, name, ["--override-arch", arch])
            self.docker(who, "push", name)
            inspected = json.loads(self.docker(who, "image", "inspect", name))
            parts += [d for d in inspected[0]["RepoDigests"] if d.startswith(f"{self.host}/{repo}@")]
        self.docker(who, "manifest", "create", "--insecure", "--amend", self.ref(repo, tag), *parts)
        self.docker(who, "manifest", "push", "--insecure", self.ref(repo, tag), **kw)

    def forget(self, who):
        self.docker(who, "image", "prune", "--all", "--force")

    def pull(self, who, repo, out, tag=None, digest=None, **kw):
        self.forget(who)
        self.docker(who, "pull", self.ref(repo, tag, digest), **kw)

    def copy(self, who, source, target, expect=True):
        self.forget(who)
        self.docker(who, "pull", source, expect=expect)
        if expect:
            self.docker(who, "tag", source, target)
            self.docker(who, "push", target)


ALL = [Skopeo, Buildah, Podman, Crane, Regctl, Oras, Ctr, Ctr2, Docker]


def name_of(tool):
    return tool.name


def that(ability):
    return [tool for tool in ALL if ability in tool.can]
