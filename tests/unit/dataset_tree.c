/* SPDX-License-Identifier: MIT */
#include "dataset_tree.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAX = 128 };

void dataset_tree_make(struct sample_tree *t, const char *more)
{
    sample_tree_make(t, DATASET_PLUGIN, more);
}

/* Of 0 to n - 1, the same in every run. */
static unsigned next(unsigned *state, unsigned n)
{
    *state = *state * 1103515245u + 12345u;
    return (*state >> 16) % n;
}

void dataset_tree_fruit(const struct sample_tree *t, int rows)
{
    static const char *const names[] = {"apple", "lime", "melon"};
    static const char *const colours[] = {"red", "green", "yellow"};
    static const unsigned weights[] = {150, 60, 1200};
    size_t size = (size_t)(rows + 1) * ROW_MAX, len;
    char *csv = malloc(size);
    unsigned state = 7;

    assert_non_null(csv);
    len = (size_t)snprintf(csv, size, "weight,length,colour,shop,fruit\n");
    for (int i = 0; i < rows; i++) {
        unsigned f = next(&state, 3);
        unsigned colour = next(&state, 10) < 9 ? f : next(&state, 3);
        unsigned weight = weights[f] * (80 + next(&state, 41)) / 100;
        len += (size_t)snprintf(csv + len, size - len, "%u.5,%u,%s,%c,%s\n", weight,
                                next(&state, 1000), colours[colour], 'A' + (int)next(&state, 5),
                                names[f]);
    }
    sample_tree_write(t, "fruit.csv", csv, len);
    free(csv);
}

json_t *dataset_tree_call(const struct sample_tree *t, const char *tool, const char *args,
                          const char *text)
{
    handrail_call c;

    sample_tree_ok(t, &c, tool, args);
    if (!strstr(c.text, text))
        fail_msg("%s: answers\n%s", args, c.text);
    json_t *v = json_loads(c.json, 0, NULL);
    assert_non_null(v);
    fake_call_free(&c);
    return v;
}

void dataset_tree_refused(const struct sample_tree *t, const char *csv, const char *tool,
                          const char *args, const char *reason)
{
    sample_tree_text(t, "x.csv", csv);
    sample_tree_refused(t, tool, args, HANDRAIL_E_INVALID, reason);
}
