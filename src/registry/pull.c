#include "registry/pull.h"

#include "catalog/generation.h"

enum rs_status rs_registry_pull_open(const struct rs_viewer *viewer, struct rs_pull_key *ret,
                                     struct rs_err *reterr)
{
    ret->generation = rs_generation_repository(viewer->repository);
    return rs_resolve_manifests(viewer, &ret->sight, reterr);
}

enum rs_status rs_registry_pull(const struct rs_services *services, const struct rs_viewer *viewer,
                                const char *reference, enum rs_want want,
                                struct rs_manifest_view *ret, struct rs_err *reterr)
{
    return rs_resolve_manifest(services->db, viewer, reference, want, ret, reterr);
}
