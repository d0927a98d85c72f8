/* The Merkle tree against the vectors of RFC 6962's reference code (the same hashing as RFC 9162),
 * and roots computed by another program. */
#include "../cm.h"

#include <stdio.h>
#include <string.h>

#include "audit/record.h"
#include "audit/tree.h"

static void leaf_add(struct rs_tree *t, const void *bytes, size_t n)
{
    unsigned char leaf[RS_AUDIT_HASH_BYTES];
    assert_int_equal(rs_audit_leaf_hash(rs_str_n(bytes, n), leaf, NULL), RS_OK);
    assert_true(rs_tree_add(t, leaf));
}

static void root_is(const struct rs_tree *t, const char *hex)
{
    unsigned char root[RS_AUDIT_HASH_BYTES];
    char text[2 * RS_AUDIT_HASH_BYTES + 1];
    rs_tree_root(t, root);
    rs_hex_encode(root, sizeof(root), text);
    assert_string_equal(text, hex);
}

static void known_roots(void **state)
{
    static const struct {
        const char *leaf; /* hex */
        const char *root; /* of the tree up to it */
    } rows[] = {
        {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"606162636465666768696a6b6c6d6e6f",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct rs_tree t;
    (void)state;
    rs_tree_init(&t);
    root_is(&t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < RS_ARRAY_LEN(rows); i++) {
        unsigned char bytes[16];
        size_t n = strlen(rows[i].leaf) / 2;
        assert_true(rs_hex_decode(rs_str_of(rows[i].leaf), bytes, n));
        leaf_add(&t, bytes, n);
        root_is(&t, rows[i].root);
    }
}

static void larger_roots(void **state)
{
    static const struct {
        unsigned size;
        const char *root;
    } rows[] = {
        {9, "e10cb99e8a9c48ae8a25e6c37ab3c88e6c93e8cf2a62cf7e4dcac1ea597e77d4"},
        {100, "7a1541f5e93292eb40660749ef8f36ef074d30052102fab1abfd03bf09e5685d"},
        {255, "32f85bcaa87d7bcd05728f09e9aeba350ba6a2f733830087f0597682848be5cb"},
        {256, "828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1"},
        {257, "1eda049a4351d86f76252bd7ec0b7746ad75b7fa0316ad5f541dbda458a312c4"},
        {1000, "638afa98022925bacfddadb15ef22fd0199c1ac99c2973b6158243d13fce05c2"},
    };
    struct rs_tree t;
    size_t row = 0;
    (void)state;
    rs_tree_init(&t);
    for (unsigned i = 0; i < 1000; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        leaf_add(&t, text, strlen(text));
        if (t.size == rows[row].size)
            root_is(&t, rows[row++].root);
    }
    assert_int_equal(row, RS_ARRAY_LEN(rows));
}

/* A tree that goes on from its saved frontier has the same roots. */
static void frontier_goes_on(void **state)
{
    struct rs_tree whole;
    unsigned char saved[RS_TREE_FRONTIER_BYTES_MAX];
    (void)state;
    rs_tree_init(&whole);
    for (unsigned i = 0; i < 130; i++) {
        struct rs_tree resumed;
        unsigned char a[RS_AUDIT_HASH_BYTES];
        unsigned char b[RS_AUDIT_HASH_BYTES];
        size_t n = 0;
        rs_tree_save(&whole, saved, &n);
        assert_true(rs_tree_load(&resumed, i, rs_str_n((const char *)saved, n)));
        leaf_add(&whole, &i, sizeof(i));
        leaf_add(&resumed, &i, sizeof(i));
        rs_tree_root(&whole, a);
        rs_tree_root(&resumed, b);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void frontier_of_another_size_is_refused(void **state)
{
    struct rs_tree t;
    static const char hashes[3 * RS_AUDIT_HASH_BYTES] = {1};
    (void)state;
    assert_true(rs_tree_load(&t, 7, rs_str_n(hashes, sizeof(hashes))));
    assert_false(rs_tree_load(&t, 8, rs_str_n(hashes, sizeof(hashes))));
    assert_false(rs_tree_load(&t, 7, rs_str_n(hashes, sizeof(hashes) - 1)));
    assert_false(rs_tree_load(&t, UINT64_MAX, rs_str_n(hashes, sizeof(hashes))));
    assert_true(rs_tree_load(&t, 0, rs_str_n("", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_roots),
        cmocka_unit_test(larger_roots),
        cmocka_unit_test(frontier_goes_on),
        cmocka_unit_test(frontier_of_another_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
