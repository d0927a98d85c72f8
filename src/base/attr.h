/*
 * base/attr.h: compiler attributes and scope cleanup.
 * Layer: base.  Threads: n/a.
 */
#ifndef RS_BASE_ATTR_H
#define RS_BASE_ATTR_H

#include <stddef.h>

#define RS_MUST_CHECK __attribute__((warn_unused_result))
#define RS_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define RS_NORETURN __attribute__((noreturn))
#define RS_UNUSED __attribute__((unused))
/* Documents that a parameter's ownership passes to the callee, even when the callee fails. */
#define RS_TAKES
#define RS_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Says which lock guards a field. For the reader: clang's own attribute takes no member of the same
 * struct in C (Debian 12), and no pthread_mutex_t; ThreadSanitizer is what checks the locks. */
#define RS_GUARDED_BY(mu)

/**
 * RS_AUTO(type): declare a variable whose destructor `type##_auto` runs at scope exit.
 * A destructor is defined once per type with RS_DEFINE_AUTO.  Always initialise at declaration; do
 * not jump over such a declaration.
 */
#define RS_AUTO(type) __attribute__((cleanup(type##_auto)))
#define RS_DEFINE_AUTO(type, decl, release)           \
    static inline RS_UNUSED void type##_auto(decl *p) \
    {                                                 \
        release(p);                                   \
    }
/* For heap objects: the variable is a pointer, `free_fn` takes that pointer. */
#define RS_DEFINE_AUTO_PTR(type, free_fn)                     \
    static inline RS_UNUSED void type##_auto(struct type **p) \
    {                                                         \
        free_fn(*p);                                          \
    }

/* Hand a pointer over: evaluates to the old value and clears the variable. */
#define RS_TAKE(p)                  \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

#include <stdlib.h>
#include <unistd.h>

static inline RS_UNUSED void rs_free_auto(void *p)
{
    free(*(void **)p);
}
/* `RS_AUTO_FREE char *p = NULL;` frees p at scope exit. */
#define RS_AUTO_FREE __attribute__((cleanup(rs_free_auto)))

static inline RS_UNUSED void rs_fd_auto(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing can be done about a failing close of a scratch descriptor */
}
/* `RS_AUTO_FD int fd = -1;` closes fd at scope exit; set it to -1 to hand it over. */
#define RS_AUTO_FD __attribute__((cleanup(rs_fd_auto)))

#endif
