/*
 * audit/tree.h: the Merkle tree over the records, as its frontier.
 * Layer: audit.  Threads: a tree belongs to one thread at a time; plain value.  Spec: RFC 9162
 * section 2.1. The frontier is the root of each perfect subtree, largest first, that together cover
 * the leaves so far: at most 63 hashes, whatever the size, and all that is needed to add leaves and
 * to tell the root.
 */
#ifndef RS_AUDIT_TREE_H
#define RS_AUDIT_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "catalog/audit.h"

#define RS_TREE_LEVELS 63
#define RS_TREE_FRONTIER_BYTES_MAX ((size_t)RS_TREE_LEVELS * RS_AUDIT_HASH_BYTES)

/* node[k] is the root of a perfect subtree of 2^k leaves; it counts exactly when bit k of size is
 * set. */
struct rs_tree {
    uint64_t size;
    unsigned char node[RS_TREE_LEVELS][RS_AUDIT_HASH_BYTES];
};

void rs_tree_init(struct rs_tree *t);
/* false when the tree is full (2^63 - 1 leaves). */
RS_MUST_CHECK bool rs_tree_add(struct rs_tree *t, const unsigned char leaf[RS_AUDIT_HASH_BYTES]);
/* The Merkle tree head; of the empty tree SHA-256(""). */
void rs_tree_root(const struct rs_tree *t, unsigned char out[RS_AUDIT_HASH_BYTES]);

/* The frontier as bytes, largest subtree first; *ret_n of them. */
void rs_tree_save(const struct rs_tree *t, unsigned char out[RS_TREE_FRONTIER_BYTES_MAX],
                  size_t *ret_n);
/* false when the number of hashes does not fit the size. */
RS_MUST_CHECK bool rs_tree_load(struct rs_tree *t, uint64_t size, struct rs_str frontier);

#endif
