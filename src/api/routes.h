/*
 * api/routes.h: the one table of all routes.
 * Layer: api.
 */
#ifndef RS_API_ROUTES_H
#define RS_API_ROUTES_H

#include "config/config.h"
#include "http/route.h"

/* The table as it is written, with the largest limits. */
extern const struct rs_route rs_routes[];
extern const unsigned rs_routes_n;

/* A copy (heap, caller frees) whose body limits are the configuration's; NULL without memory. */
struct rs_route *rs_api_routes_configured(const struct rs_config *config);

#endif
