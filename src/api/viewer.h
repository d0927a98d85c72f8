/*
 * api/viewer.h: who asks, as the resolver wants to know it.
 * Layer: api.
 */
#ifndef RS_API_VIEWER_H
#define RS_API_VIEWER_H

#include "http/request.h"
#include "quarantine/resolver.h"
#include "registry/services.h"

/* Of a request on a route with {name}; lives as long as the request. */
static inline struct rs_viewer rs_api_viewer(struct rs_request *r)
{
    return (struct rs_viewer){
        .identity = rs_request_identity(r),
        .access = rs_request_access(r),
        .repository = rs_request_param(r, "name"),
        .arena = rs_request_arena(r),
        .audit = rs_request_services(r)->audit,
        .actor = rs_request_actor(r),
    };
}

#endif
