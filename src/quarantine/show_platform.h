/*
 * quarantine/show_platform.h: what a manifest is for: the platform in an image's config, the
 * platforms in an index.
 * Layer: quarantine.  Threads: any; reads the catalog and a file of at most a MiB.
 * Spec: SPEC section 4.  This is content, so the resolver is asked for it: who sees a state alone,
 * or has a token without pull, is told nothing here.
 */
#ifndef RS_QUARANTINE_SHOW_PLATFORM_H
#define RS_QUARANTINE_SHOW_PLATFORM_H

#include "blob/store.h"
#include "catalog/manifest.h"
#include "json/write.h"
#include "quarantine/resolver.h"

/* So many entries of an index are told at most. */
#define RS_PLATFORM_REFERENCES_MAX ((size_t)128)

struct rs_platform_source {
    struct rs_db *db;
    struct rs_blobs *blobs;
    const struct rs_viewer *viewer;
};

/**
 * rs_show_platform(): add the members `architecture` and `os` of an image, or `references`
 * ([{digest, architecture, os}]) of an index, to an open object.  What is not there, not readable
 * for this viewer or no use adds nothing: these are extras, and no list fails for them.
 * @refs  the manifest's references
 */
void rs_show_platform(const struct rs_platform_source *source, const struct rs_manifest_row *row,
                      const struct rs_ref_row *refs, size_t n, struct rs_jw *w);

#endif
