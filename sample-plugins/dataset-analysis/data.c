/* SPDX-License-Identifier: MIT */
#include "data.h"

#include "csv.h"
#include "kit/place.h"
#include "number.h"
#include "stop.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS_PER_POLL = 256, ROWS_AT_FIRST = 1024 };

struct reading {
    struct da_data *data;
    const struct da_settings *settings;
    const struct da_args *args;
    struct kit_watch *watch;
    struct da_csv *csv;
    int64_t size; /* of the file, in bytes */
    bool keep;
};

static handrail_status bad_line(const struct reading *r, int64_t line, const char *why)
{
    return kit_fail(&r->watch->call, HANDRAIL_E_INVALID, "%.300s, line %lld: %s", r->args->path,
                    (long long)line, why);
}

static handrail_status bad_csv(const struct reading *r, int error)
{
    if (error == -EILSEQ)
        return bad_line(r, r->csv->line, r->csv->why);
    if (error == -ENOMEM)
        return da_stop_memory(r->watch);
    return kit_fail(&r->watch->call, HANDRAIL_E_FAILED, "%.300s cannot be read: %s", r->args->path,
                    strerror(-error));
}

/* A column without a name, as tools write it that number their rows, gets one. */
static int start_column(struct reading *r, size_t i)
{
    char number[32];
    size_t len;
    const char *name = da_csv_value(r->csv, i, &len);

    if (len == 0) {
        len = (size_t)snprintf(number, sizeof(number), "column %zu", i + 1);
        name = number;
    }
    return da_column_start(&r->data->columns[r->data->ncolumns++], name, len,
                           r->keep ? DA_CATEGORIES_MAX : DA_DISTINCT_MAX);
}

static handrail_status check_names(const struct reading *r)
{
    const struct da_data *d = r->data;
    size_t numbers = 0;
    double ignored;

    for (size_t i = 0; i < d->ncolumns; i++) {
        numbers += da_number_parse(d->columns[i].name, strlen(d->columns[i].name), &ignored);
        for (size_t j = 0; j < i; j++)
            if (strcmp(d->columns[i].name, d->columns[j].name) == 0)
                return kit_fail(&r->watch->call, HANDRAIL_E_INVALID,
                                "%.300s has two columns called \"%.64s\": rename one",
                                r->args->path, d->columns[i].name);
    }
    if (d->ncolumns == 1 && strpbrk(d->columns[0].name, ",;|\t"))
        return bad_line(r, r->csv->record_line,
                        "there is one column only, and its name looks like several: set delimiter "
                        "to what stands between them");
    if (numbers == d->ncolumns)
        return bad_line(r, r->csv->record_line,
                        "there are only numbers, no names of columns: add a line with names");
    return HANDRAIL_OK;
}

static handrail_status start_columns(struct reading *r)
{
    r->data->columns = calloc(r->csv->count, sizeof(*r->data->columns));
    if (!r->data->columns)
        return da_stop_memory(r->watch);
    for (size_t i = 0; i < r->csv->count; i++)
        if (start_column(r, i) < 0)
            return da_stop_memory(r->watch);
    return check_names(r);
}

static int make_room(struct da_data *d)
{
    size_t room = d->room ? 2 * d->room : ROWS_AT_FIRST;

    if (d->rows < d->room)
        return 0;
    for (size_t i = 0; i < d->ncolumns; i++)
        if (da_column_reserve(&d->columns[i], room) < 0)
            return -ENOMEM;
    d->room = room;
    return 0;
}

static handrail_status add_row(struct reading *r)
{
    struct da_data *d = r->data;
    char why[128];

    if (r->csv->count != d->ncolumns) {
        (void)snprintf(why, sizeof(why),
                       "it has %zu values and there are %zu columns: quote values that contain the "
                       "delimiter",
                       r->csv->count, d->ncolumns);
        return bad_line(r, r->csv->record_line, why);
    }
    if (r->keep && make_room(d) < 0)
        return da_stop_memory(r->watch);
    for (size_t i = 0; i < d->ncolumns; i++) {
        size_t len;
        const char *value = da_csv_value(r->csv, i, &len);
        if (da_column_add(&d->columns[i], d->rows, value, len) < 0)
            return da_stop_memory(r->watch);
    }
    d->rows++;
    return HANDRAIL_OK;
}

/* Is the record one too many? */
static bool full(struct reading *r)
{
    struct da_data *d = r->data;

    if (r->csv->bytes > r->settings->max_bytes)
        d->end = DA_BYTES;
    else if (r->csv->count == 0)
        return false;
    else if (d->rows >= (size_t)r->args->max_rows)
        d->end = DA_ROWS;
    else if (r->keep && d->columns && d->rows >= DA_CELLS_MAX / d->ncolumns)
        d->end = DA_CELLS;
    return d->end != DA_WHOLE;
}

static handrail_status poll_watch(const struct reading *r)
{
    const double share = r->keep ? 50 : 100; /* percent of the whole call */

    da_stop_progress(r->watch, share * (double)r->csv->bytes / (double)r->size, "reading");
    return kit_watch_spent(r->watch) ? da_stop_fail(r->watch, "read") : HANDRAIL_OK;
}

static handrail_status read_records(struct reading *r)
{
    handrail_status status = HANDRAIL_OK;
    int rc = 0;

    for (size_t n = 1; status == HANDRAIL_OK && (rc = da_csv_next(r->csv)) == 1; n++) {
        if (full(r))
            break;
        if (r->csv->count > 0)
            status = r->data->columns ? add_row(r) : start_columns(r);
        if (status == HANDRAIL_OK && n % RECORDS_PER_POLL == 0)
            status = poll_watch(r);
    }
    if (status != HANDRAIL_OK)
        return status;
    if (rc < 0)
        return bad_csv(r, rc);
    if (r->data->columns)
        return HANDRAIL_OK;
    if (r->data->end == DA_BYTES)
        return kit_fail(&r->watch->call, HANDRAIL_E_INVALID,
                        "%.300s has nothing in its first %lld bytes", r->args->path,
                        (long long)r->settings->max_bytes);
    return kit_fail(&r->watch->call, HANDRAIL_E_INVALID, "%.300s is empty", r->args->path);
}

static handrail_status read_file(struct reading *r, int fd)
{
    r->csv = da_csv_new(fd, r->args->delimiter);
    if (!r->csv)
        return da_stop_memory(r->watch);
    handrail_status status = read_records(r);
    da_csv_free(r->csv);
    return status;
}

/* Open the file, which is to be a regular one.  0 or -errno. */
static int open_file(int root_fd, const char *path, int *ret_fd, int64_t *ret_size)
{
    struct stat st;
    int fd = -1;
    int rc = kit_root_open_below(root_fd, path, 0, &fd);

    if (rc < 0)
        return rc;
    rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EISNAM;
    if (rc < 0) {
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    *ret_size = st.st_size > 0 ? st.st_size : 1; /* it is divided by */
    return 0;
}

handrail_status da_data_read(struct da_data *d, const struct da_settings *s,
                             const struct da_args *a, bool keep, struct kit_watch *w)
{
    struct reading r = {.data = d, .settings = s, .args = a, .watch = w, .keep = keep};
    int root_fd = -1, fd = -1;

    *d = (struct da_data){.columns = NULL};
    handrail_status status = kit_place_open(&w->call, s->root, &root_fd);
    if (status != HANDRAIL_OK)
        return status;
    int rc = open_file(root_fd, a->path, &fd, &r.size);
    close(root_fd);
    if (rc < 0)
        return kit_fail(&w->call, HANDRAIL_E_INVALID,
                        "path \"%.300s\" below %.300s cannot be read: %s", a->path, s->root,
                        kit_place_why(-rc));
    status = read_file(&r, fd);
    close(fd);
    return status;
}

void da_data_free(struct da_data *d)
{
    for (size_t i = 0; i < d->ncolumns; i++)
        da_column_free(&d->columns[i]);
    free(d->columns);
    *d = (struct da_data){.columns = NULL};
}

const char *da_data_end(const struct da_data *d)
{
    static const char *const ends[] = {
        [DA_WHOLE] = NULL,
        [DA_ROWS] = "max_rows says so",
        [DA_BYTES] = "one call reads no more bytes",
        [DA_CELLS] = "one call keeps no more than ten million values",
    };

    return ends[d->end];
}
