/* Payload stamps and numbers of a fixed width: frames of one length can be counted by it. */
#include "load.h"

#include <string.h>

void stamp_write(char *payload, uint64_t publisher, uint64_t sequence)
{
    memcpy(payload, &publisher, 8);
    memcpy(payload + 8, &sequence, 8);
}

void stamp_read(const char *payload, uint64_t *publisher, uint64_t *sequence)
{
    memcpy(publisher, payload, 8);
    memcpy(sequence, payload + 8, 8);
}

void fixed_digits(char *where, int width, uint64_t number)
{
    for (int i = width - 1; i >= 0; i--, number /= 10)
        where[i] = (char)('0' + number % 10);
}

uint64_t parse_digits(const char *where, int width)
{
    uint64_t number = 0;
    for (int i = 0; i < width; i++) {
        if (where[i] < '0' || where[i] > '9')
            return UINT64_MAX;
        number = number * 10 + (uint64_t)(where[i] - '0');
    }
    return number;
}
