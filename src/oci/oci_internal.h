/*
 * oci/oci_internal.h: what manifest.c and descriptor.c share.  Layer: oci, private to it.
 */
#ifndef RS_OCI_INTERNAL_H
#define RS_OCI_INTERNAL_H

#include "json/json.h"
#include "oci/manifest.h"

/* Where in a manifest a descriptor stands, for messages: "config", or "layers" and an index. */
struct rs_place {
    const char *member;
    size_t index;
    bool is_element;
};

/**
 * rs_descriptor_parse(): one descriptor by the rules of the image-spec and SPEC section 2.
 * @ret_other_data  set to true when it carries a `data` other than the two bytes {}; never cleared
 */
RS_MUST_CHECK enum rs_status rs_descriptor_parse(const struct rs_json *node, struct rs_place place,
                                                 struct rs_arena *arena, struct rs_descriptor *ret,
                                                 bool *ret_other_data, struct rs_err *reterr);

/* Refuses a member whose name is one of `keys` in everything but the case of its letters: decoders
 * that ignore case would take it for that member, and others would not. */
RS_MUST_CHECK enum rs_status rs_descriptor_check_keys(const struct rs_json *object,
                                                      const char *const *keys,
                                                      struct rs_err *reterr);

/* An object of strings as canonical JSON in the arena; NULL in *ret when absent or null. */
RS_MUST_CHECK enum rs_status rs_descriptor_annotations(const struct rs_json *owner,
                                                       struct rs_arena *arena, const char **ret,
                                                       struct rs_err *reterr);

/* An `artifactType`: NULL in *ret when absent, null or empty. */
RS_MUST_CHECK enum rs_status rs_descriptor_artifact_type(const struct rs_json *owner,
                                                         struct rs_arena *arena, const char **ret,
                                                         struct rs_err *reterr);

#endif
