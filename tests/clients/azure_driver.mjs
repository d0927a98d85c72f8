// Does what it is told with Azure's SDK for JavaScript, one process a principal: a JSON line in (operation and arguments), a JSON line
// out.  The first argument is where the SDK is installed.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [installed, endpoint, secret] = process.argv.slice(2);
const sdk = createRequire(`${installed}/`)("@azure/container-registry");

// A TokenCredential that gives a token of the registry's own in the place of one of Azure's directory.
const credential = secret ? { getToken: async () => ({ token: secret, expiresOnTimestamp: Date.now() + 3600e3 }) } : undefined;
const options = { retryOptions: { maxRetries: 0 } };
const client = credential
  ? new sdk.ContainerRegistryClient(endpoint, credential, options)
  : new sdk.ContainerRegistryClient(endpoint, options);
const contents = {};
const content = (repo) => (contents[repo] ??= new sdk.ContainerRegistryContentClient(endpoint, repo, credential, options));

const can = (p) => [p.canDelete, p.canWrite, p.canList, p.canRead];
const times = (p) => ({ created: p.createdOn.getTime(), updated: p.lastUpdatedOn.getTime(), can: can(p) });
const manifest = (p) => ({
  digest: p.digest, tags: [...(p.tags ?? [])].sort(), architecture: p.architecture ?? null, os: p.operatingSystem ?? null,
  size: p.sizeInBytes ?? null, ...times(p),
  related: (p.relatedArtifacts ?? []).map((r) => [r.digest, r.architecture ?? null, r.operatingSystem ?? null]),
});
const tag = (p) => ({ name: p.name, digest: p.digest, ...times(p) });
const orders = { none: undefined, timeasc: "LastUpdatedOnAscending", timedesc: "LastUpdatedOnDescending" };

async function pages(list, page) {
  const found = [];
  for await (const part of list.byPage({ maxPageSize: page })) found.push(...part);
  return found;
}

async function bytes(stream) {
  const hash = createHash("sha256");
  let size = 0;
  for await (const part of stream) {
    hash.update(part);
    size += part.length;
  }
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

const operations = {
  names: (page) => pages(client.listRepositoryNames(), page),
  repository: async (repo) => {
    const p = await client.getRepository(repo).getProperties();
    return { name: p.name, manifests: p.manifestCount, tags: p.tagCount, ...times(p) };
  },
  tags: async (repo, page, order) => {
    const any = client.getArtifact(repo, "any"); // tags are listed from an artifact, but all of the repository's are
    return (await pages(any.listTagProperties({ order: orders[order] }), page)).map(tag);
  },
  tag: async (repo, name) => tag(await client.getArtifact(repo, name).getTagProperties(name)),
  manifests: async (repo, page, order) =>
    (await pages(client.getRepository(repo).listManifestProperties({ order: orders[order] }), page)).map(manifest),
  manifest: async (repo, reference) => manifest(await client.getArtifact(repo, reference).getManifestProperties()),
  get: async (repo, reference) => {
    const got = await content(repo).getManifest(reference);
    return { digest: got.digest, type: got.mediaType, manifest: got.manifest };
  },
  download: async (repo, digest) => bytes((await content(repo).downloadBlob(digest)).content),
  upload: async (repo, path) => {
    const done = await content(repo).uploadBlob(createReadStream(path));
    return { digest: done.digest, size: done.sizeInBytes };
  },
  set: async (repo, body, name) => (await content(repo).setManifest(body, name === null ? {} : { tag: name })).digest,
  update: (kind, repo, reference) => {
    const change = { canWrite: false };
    if (kind === "repository") return client.getRepository(repo).updateProperties(change);
    const artifact = client.getArtifact(repo, reference);
    return kind === "tag" ? artifact.updateTagProperties(reference, change) : artifact.updateManifestProperties(change);
  },
  delete_tag: (repo, name) => client.getArtifact(repo, name).deleteTag(name),
  delete_manifest: (repo, reference) => client.getArtifact(repo, reference).delete(),
  delete_repository: (repo) => client.deleteRepository(repo),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...args] = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await operations[what](...args)) ?? null };
  } catch (e) {
    answer = { status: e.statusCode ?? 0, said: `${e.name}: ${e.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
