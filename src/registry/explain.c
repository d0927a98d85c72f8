#include "registry/explain.h"

#include <string.h>

#include "auth/auth.h"
#include "quarantine/explain.h"

enum rs_status rs_registry_explain(const struct rs_services *services,
                                   const struct rs_viewer *asker, const char *principal,
                                   const char *reference, struct rs_buf *out, struct rs_err *reterr)
{
    const struct rs_asker who = {.identity = asker->identity, .access = asker->access};
    struct rs_viewer subject = *asker;
    struct rs_identity identity;
    struct rs_access access;
    bool is_admin = false;
    if (reference == NULL || reference[0] == '\0')
        return rs_fail(reterr, RS_BAD_REQUEST, "say what to explain: reference=<tag or digest>");
    enum rs_status s = rs_auth_is_admin(services->auth, asker->identity, &is_admin, reterr);
    if (s != RS_OK)
        return s;
    subject.audit = NULL; /* a question is no read */
    if (principal != NULL && strcmp(principal, asker->identity->name) != 0) {
        if (!is_admin && !rs_access_has(asker->access, RS_PERM_AUDIT_READ))
            return rs_fail(reterr, RS_DENIED,
                           "only admin and audit-read may ask about somebody else");
        s = rs_auth_access_of(services->auth, principal, asker->repository, asker->arena, &identity,
                              &access, reterr);
        if (s != RS_OK)
            return s;
        subject.identity = &identity;
        subject.access = &access;
    }
    const struct rs_explain_question question = {
        .subject = &subject, .reference = reference, .asker = &who, .asker_is_admin = is_admin};
    return rs_explain(services->db, &question, out, reterr);
}
