/* SPDX-License-Identifier: MIT */
#include "csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What get() answers besides a byte. */
enum { END = -1, FAILED = -2 };

static const char nul_byte[] = "there is a NUL byte: this is no text, or UTF-16: save it as UTF-8";

struct da_csv *da_csv_new(int fd, char delimiter)
{
    struct da_csv *csv = calloc(1, sizeof(*csv));

    if (!csv)
        return NULL;
    csv->fd = fd;
    csv->delimiter = delimiter;
    csv->line = 1;
    csv->record.max = DA_RECORD_MAX;
    return csv;
}

/* Fill the buffer.  0 or -errno; csv->end is set at the end. */
static int fill(struct da_csv *csv)
{
    ssize_t n;

    do
        n = read(csv->fd, csv->buffer, sizeof(csv->buffer));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    csv->at = 0;
    csv->len = (size_t)n;
    csv->end = n == 0;
    if (csv->bytes == 0 && n >= 3 && memcmp(csv->buffer, "\xef\xbb\xbf", 3) == 0)
        csv->at = 3;
    csv->bytes += n;
    return 0;
}

/* The next byte without taking it; a line's end is '\n' however it is written. */
static int peek(struct da_csv *csv)
{
    if (csv->at == csv->len && !csv->end && fill(csv) < 0)
        return FAILED;
    return csv->end ? END : (unsigned char)csv->buffer[csv->at];
}

static int get(struct da_csv *csv)
{
    int c = peek(csv);

    if (c < 0)
        return c;
    csv->at++;
    if (c == '\r') {
        if (peek(csv) == '\n')
            csv->at++;
        c = '\n';
    }
    csv->line += c == '\n';
    return c;
}

static int wrong(struct da_csv *csv, int64_t line, const char *why)
{
    csv->why = why;
    csv->line = line;
    return -EILSEQ;
}

static void add(struct da_csv *csv, int c)
{
    const char byte = (char)c;

    kit_text_add(&csv->record, &byte, 1);
}

/* After the quote that opens a value, up to and with the one that closes it.  0 or -errno. */
static int quoted(struct da_csv *csv)
{
    int64_t opened = csv->line;

    for (;;) {
        int c = get(csv);
        if (c == FAILED)
            return -EIO;
        if (c == END)
            return wrong(csv, opened, "a quote is opened and never closed");
        if (c == '\0')
            return wrong(csv, csv->line, nul_byte);
        if (c == '"' && peek(csv) != '"')
            return 0;
        if (c == '"')
            (void)get(csv);
        add(csv, c);
        if (csv->record.error)
            return 0; /* which the caller looks at */
    }
}

/* One value.  What ended it: the delimiter, '\n' or END; or -errno below FAILED. */
static int value(struct da_csv *csv)
{
    int c = get(csv);
    int rc = 0;

    if (c == '"') {
        rc = quoted(csv);
        c = rc < 0 ? END : get(csv);
        if (c == FAILED)
            return -EIO;
        if (rc == 0 && !csv->record.error && c != csv->delimiter && c != '\n' && c != END)
            return wrong(csv, csv->line,
                         "something follows a quote that was closed: write a quote "
                         "inside a quoted value twice");
        return rc < 0 ? rc : c;
    }
    for (; c != csv->delimiter && c != '\n' && c != END; c = get(csv)) {
        if (c == FAILED)
            return -EIO;
        if (c == '\0')
            return wrong(csv, csv->line, nul_byte);
        add(csv, c);
        if (csv->record.error)
            break;
    }
    return c;
}

static int record(struct da_csv *csv)
{
    int ended;

    csv->record.len = 0;
    csv->count = 0;
    csv->record_line = csv->line;
    do {
        if (csv->count == DA_COLUMNS_MAX)
            return wrong(csv, csv->record_line,
                         "there are more than 1000 values: this plugin "
                         "takes at most 1000 columns");
        ended = value(csv);
        if (ended < END)
            return ended;
        if (csv->record.error == -E2BIG)
            return wrong(csv, csv->record_line,
                         "the line is longer than 1 MiB: is a quote missing?");
        if (csv->record.error)
            return csv->record.error;
        csv->ends[csv->count++] = csv->record.len;
    } while (ended == csv->delimiter);
    return 0;
}

int da_csv_next(struct da_csv *csv)
{
    int c = peek(csv);

    if (c == FAILED)
        return -EIO;
    if (c == END)
        return 0;
    int rc = record(csv);
    if (rc < 0)
        return rc;
    if (csv->count == 1 && csv->record.len == 0)
        csv->count = 0;
    return 1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

const char *da_csv_value(const struct da_csv *csv, size_t i, size_t *ret_len)
{
    size_t start = i ? csv->ends[i - 1] : 0;
    size_t end = csv->ends[i];

    while (start < end && is_space(csv->record.data[start]))
        start++;
    while (end > start && is_space(csv->record.data[end - 1]))
        end--;
    *ret_len = end - start;
    return end > start ? csv->record.data + start : "";
}

void da_csv_free(struct da_csv *csv)
{
    if (!csv)
        return;
    kit_text_free(&csv->record);
    free(csv);
}
