/* SPDX-License-Identifier: MIT */
#include "cell.h"

#include "kit/json.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Integers beyond are rounded by readers that keep numbers as doubles, which most do. */
static const sqlite3_int64 exact_most = (sqlite3_int64)1 << 53;

static json_t *integer(sqlite3_int64 v, struct sq_cell_notes *notes)
{
    char digits[32];

    if (v <= exact_most && v >= -exact_most)
        return json_integer(v);
    notes->quoted = true;
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)v);
    return json_string(digits);
}

static json_t *real(double v, struct sq_cell_notes *notes)
{
    if (isfinite(v))
        return json_real(v);
    notes->quoted = true;
    return json_string(v > 0 ? "Infinity" : "-Infinity"); /* SQLite has no NaN */
}

/* Cut between characters: at most three bytes follow the first one. */
static json_t *string(const char *text, size_t len, struct sq_cell_notes *notes)
{
    size_t shown = len;

    if (len > SQ_CELL_MAX) {
        notes->cut = true;
        shown = SQ_CELL_MAX;
        for (int i = 0; i < 3 && ((unsigned char)text[shown] & 0xc0) == 0x80; i++)
            shown--;
    }
    return kit_json_string(text, shown);
}

static json_t *blob(const unsigned char *data, int len, struct sq_cell_notes *notes)
{
    char shown[2 * SQ_BLOB_MAX + 64];
    size_t at = (size_t)snprintf(shown, sizeof(shown), "x'");
    int n = len < SQ_BLOB_MAX ? len : SQ_BLOB_MAX;

    notes->blob = true;
    for (int i = 0; i < n; i++, at += 2)
        (void)snprintf(shown + at, sizeof(shown) - at, "%02x", data[i]);
    (void)snprintf(shown + at, sizeof(shown) - at, "%s' (%d bytes)", n < len ? "..." : "", len);
    return json_string(shown);
}

json_t *sq_cell_json(sqlite3_stmt *stmt, int column, struct sq_cell_notes *notes)
{
    const void *data;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL: return json_null();
    case SQLITE_INTEGER: return integer(sqlite3_column_int64(stmt, column), notes);
    case SQLITE_FLOAT: return real(sqlite3_column_double(stmt, column), notes);
    case SQLITE_BLOB:
        data = sqlite3_column_blob(stmt, column);
        return blob(data, data ? sqlite3_column_bytes(stmt, column) : 0, notes);
    default:
        data = sqlite3_column_text(stmt, column);
        return data ? string(data, (size_t)sqlite3_column_bytes(stmt, column), notes) : NULL;
    }
}

void sq_cell_text(struct kit_text *t, const json_t *cell)
{
    char number[64];

    switch (json_typeof(cell)) {
    case JSON_NULL: kit_text_add(t, "NULL", 4); break;
    case JSON_INTEGER: kit_text_addf(t, "%lld", (long long)json_integer_value(cell)); break;
    case JSON_REAL: /* SQLite's own, which no locale changes */
        sqlite3_snprintf((int)sizeof(number), number, "%!.15g", json_real_value(cell));
        kit_text_add(t, number, strlen(number));
        break;
    default: kit_text_add_cell(t, json_string_value(cell), json_string_length(cell)); break;
    }
}
