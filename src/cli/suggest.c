#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_BYTES_MAX 40U

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance (insert, remove, replace a byte) of the word up to a '=' from `b`. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES_MAX + 1];
    size_t a_n = strcspn(a, "=");
    size_t b_n = strlen(b);
    if (a_n > WORD_BYTES_MAX || b_n > WORD_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least_of(replaced, above + 1, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[b_n];
}

void rs_suggest_try(struct rs_suggest *s, const char *word)
{
    size_t d = distance(s->given, word);
    /* Of a short word every other short word is a misspelling: half of it must be right. */
    if (d < s->distance && 2 * d <= strlen(word)) {
        s->best = word;
        s->distance = d;
    }
}
