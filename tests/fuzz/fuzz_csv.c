/* SPDX-License-Identifier: MIT
 * dataset-analysis' reader of CSV: any file ends, no value lies outside its record, and lines are
 * counted upwards. */
#include "csv.h"
#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_record(const struct da_csv *csv)
{
    size_t end = csv->count > 0 ? csv->ends[csv->count - 1] : 0;

    require(csv->count <= DA_COLUMNS_MAX);
    require(csv->record.len <= DA_RECORD_MAX && csv->record.len == end);
    for (size_t i = 0; i < csv->count; i++) {
        size_t len = 0;
        double number = 0;
        const char *value = da_csv_value(csv, i, &len);
        require(len == 0 ||
                (value >= csv->record.data && value + len <= csv->record.data + csv->record.len));
        if (da_number_parse(value, len, &number))
            require(isfinite(number) && !da_number_missing(value, len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("csv", MFD_CLOEXEC);
    struct da_csv *csv = da_csv_new(fd, size && data[0] % 2 ? ',' : ';');
    int64_t line = 0;
    int rc;

    require(fd >= 0 && csv && da_number_init() == 0);
    require(write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    while ((rc = da_csv_next(csv)) == 1) {
        require(csv->record_line > line && csv->line >= csv->record_line);
        line = csv->record_line;
        check_record(csv);
    }
    require(rc == 0 || (rc == -EILSEQ && csv->why && csv->line >= line));
    require(csv->bytes == (int64_t)size || rc < 0);
    da_csv_free(csv);
    close(fd);
    return 0;
}
