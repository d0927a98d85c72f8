#include "audit/tree.h"

#include <string.h>

#include "crypto/hash.h"

/* SHA-256(0x01 || left || right); `out` may be one of both. */
static void node_hash(const unsigned char left[RS_AUDIT_HASH_BYTES],
                      const unsigned char right[RS_AUDIT_HASH_BYTES],
                      unsigned char out[RS_AUDIT_HASH_BYTES])
{
    unsigned char in[1 + 2 * RS_AUDIT_HASH_BYTES];
    in[0] = 0x01;
    memcpy(in + 1, left, RS_AUDIT_HASH_BYTES);
    memcpy(in + 1 + RS_AUDIT_HASH_BYTES, right, RS_AUDIT_HASH_BYTES);
    rs_hash_sha256(in, sizeof(in), out);
}

void rs_tree_init(struct rs_tree *t)
{
    memset(t, 0, sizeof(*t));
}

static bool has_node(const struct rs_tree *t, unsigned level)
{
    return (t->size >> level & 1) != 0;
}

bool rs_tree_add(struct rs_tree *t, const unsigned char leaf[RS_AUDIT_HASH_BYTES])
{
    unsigned char h[RS_AUDIT_HASH_BYTES];
    unsigned level = 0;
    if (t->size >= (UINT64_C(1) << RS_TREE_LEVELS) - 1)
        return false;
    memcpy(h, leaf, sizeof(h));
    for (; has_node(t, level); level++)
        node_hash(t->node[level], h, h);
    memcpy(t->node[level], h, sizeof(h));
    t->size++;
    return true;
}

void rs_tree_root(const struct rs_tree *t, unsigned char out[RS_AUDIT_HASH_BYTES])
{
    bool has_root = false;
    if (t->size == 0) {
        rs_hash_sha256("", 0, out);
        return;
    }
    for (unsigned level = 0; level < RS_TREE_LEVELS; level++) {
        if (!has_node(t, level))
            continue;
        if (has_root)
            node_hash(t->node[level], out, out);
        else
            memcpy(out, t->node[level], RS_AUDIT_HASH_BYTES);
        has_root = true;
    }
}

void rs_tree_save(const struct rs_tree *t, unsigned char out[RS_TREE_FRONTIER_BYTES_MAX],
                  size_t *ret_n)
{
    size_t n = 0;
    for (unsigned level = RS_TREE_LEVELS; level-- > 0;) {
        if (!has_node(t, level))
            continue;
        memcpy(out + n, t->node[level], RS_AUDIT_HASH_BYTES);
        n += RS_AUDIT_HASH_BYTES;
    }
    *ret_n = n;
}

bool rs_tree_load(struct rs_tree *t, uint64_t size, struct rs_str frontier)
{
    size_t n = 0;
    if (size >> RS_TREE_LEVELS != 0 ||
        frontier.n != (size_t)__builtin_popcountll(size) * RS_AUDIT_HASH_BYTES)
        return false;
    rs_tree_init(t);
    t->size = size;
    for (unsigned level = RS_TREE_LEVELS; level-- > 0;) {
        if (!has_node(t, level))
            continue;
        memcpy(t->node[level], frontier.p + n, RS_AUDIT_HASH_BYTES);
        n += RS_AUDIT_HASH_BYTES;
    }
    return true;
}
