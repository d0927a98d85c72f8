#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

static struct timespec now(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* cannot fail for these clocks */
    return t;
}

int64_t rs_clock_unix_ms(void)
{
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t rs_clock_unix_s(void)
{
    return (int64_t)now(CLOCK_REALTIME).tv_sec;
}

uint64_t rs_clock_mono_ns(void)
{
    struct timespec t = now(CLOCK_BOOTTIME);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t rs_clock_mono_ms(void)
{
    return rs_clock_mono_ns() / 1000000U;
}

/* Days since 1970-01-01 of a civil date, and back (proleptic Gregorian calendar; eras of 400
 * years). */
static int64_t days_of_date(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void rs_clock_format(int64_t unix_ms, char out[RS_TIME_TEXT_BYTES])
{
    /* Years 0..9999 only: anything else (a damaged row) is shown as the nearest end. */
    const int64_t lowest = -62167219200000;
    const int64_t highest = 253402300799999;
    unix_ms = unix_ms < lowest ? lowest : unix_ms > highest ? highest : unix_ms;
    int64_t s = unix_ms / 1000;
    int64_t ms = unix_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        s -= 1;
    }
    time_t t = (time_t)s;
    struct tm tm;
    memset(&tm, 0, sizeof(tm));
    (void)gmtime_r(&t, &tm);
    (void)snprintf(out, RS_TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(tm.tm_year + 1900) % 10000U, (unsigned)(tm.tm_mon + 1) % 100U,
                   (unsigned)tm.tm_mday % 100U, (unsigned)tm.tm_hour % 100U,
                   (unsigned)tm.tm_min % 100U, (unsigned)tm.tm_sec % 100U, (unsigned)ms % 1000U);
}

static bool part(const char *text, size_t at, size_t n, uint64_t lowest, uint64_t max, int64_t *ret)
{
    uint64_t v;
    if (!rs_parse_u64(rs_str_n(text + at, n), max, &v) || v < lowest)
        return false;
    *ret = (int64_t)v;
    return true;
}

/* ".123Z" or "Z" -> milliseconds. */
static bool fraction(const char *text, int64_t *ret_ms)
{
    static const int64_t scale[] = {100, 10, 1};
    *ret_ms = 0;
    if (text[0] == '.') {
        size_t n = strspn(text + 1, "0123456789");
        if (n < 1 || n > 9)
            return false;
        for (size_t i = 0; i < n && i < 3; i++)
            *ret_ms += (text[1 + i] - '0') * scale[i];
        text += 1 + n;
    }
    return strcmp(text, "Z") == 0;
}

_Bool rs_clock_parse(const char *text, int64_t *ret_unix_ms)
{
    int64_t y, mo, d, h, mi, s, ms;
    if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':')
        return false;
    if (!part(text, 0, 4, 0, 9999, &y) || !part(text, 5, 2, 1, 12, &mo) ||
        !part(text, 8, 2, 1, 31, &d) || !part(text, 11, 2, 0, 23, &h) ||
        !part(text, 14, 2, 0, 59, &mi) || !part(text, 17, 2, 0, 59, &s) ||
        !fraction(text + 19, &ms))
        return false;
    int64_t days = days_of_date(y, mo, d);
    if (days >= days_of_date(mo == 12 ? y + 1 : y, mo == 12 ? 1 : mo + 1, 1)) /* 31 February */
        return false;
    *ret_unix_ms = ((days * 24 + h) * 60 + mi) * 60000 + s * 1000 + ms;
    return true;
}
