#include "events/backoff.h"

uint64_t rs_backoff_delay(const struct rs_backoff *b, int64_t attempts, uint32_t random)
{
    uint64_t delay = b->first_ms;
    for (int64_t i = 1; i < attempts && delay < b->most_ms; i++)
        delay *= 2;
    if (delay > b->most_ms)
        delay = b->most_ms;
    uint64_t half = delay / 2;
    return delay - (half == 0 ? 0 : random % (half + 1));
}

bool rs_backoff_is_over(const struct rs_backoff *b, int64_t attempts, int64_t first_ms,
                        int64_t now_ms)
{
    return attempts >= RS_BACKOFF_ATTEMPTS_LEAST && now_ms > first_ms &&
           (uint64_t)(now_ms - first_ms) >= b->give_up_ms;
}

uint64_t rs_backoff_wait(const struct rs_backoff *b, int64_t next_ms, int64_t now_ms)
{
    if (next_ms <= now_ms)
        return 0;
    uint64_t wait = (uint64_t)next_ms - (uint64_t)now_ms;
    return wait > b->most_ms ? 0 : wait;
}
