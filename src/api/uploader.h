/*
 * api/uploader.h: who uploads, as the use cases of uploads want to know it.
 * Layer: api.
 */
#ifndef RS_API_UPLOADER_H
#define RS_API_UPLOADER_H

#include "http/request.h"
#include "registry/upload.h"

/* Of a request on a route with {name}; lives as long as the request. */
static inline struct rs_uploader rs_api_uploader(struct rs_request *r)
{
    return (struct rs_uploader){
        .services = rs_request_services(r),
        .identity = rs_request_identity(r),
        .access = rs_request_access(r),
        .actor = rs_request_actor(r),
        .repository = rs_request_param(r, "name"),
        .arena = rs_request_arena(r),
    };
}

#endif
