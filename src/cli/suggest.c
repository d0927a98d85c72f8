#include "cli/suggest.h"

#include <string.h>

#include "base/text.h"

void rs_suggest_try(struct rs_suggest *s, const char *word)
{
    /* What stands before a '=' is the option's name. */
    size_t d = rs_text_distance(rs_str_n(s->given, strcspn(s->given, "=")), rs_str_of(word));
    /* Of a short word every other short word is a misspelling: half of it must be right. */
    if (d < s->distance && 2 * d <= strlen(word)) {
        s->best = word;
        s->distance = d;
    }
}
