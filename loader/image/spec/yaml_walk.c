/* SPDX-License-Identifier: MIT
 * Finding one's way in a tree.  See yaml_tree.h. */
#include "yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hr_yaml_free(struct hr_yaml *y)
{
    for (size_t i = 0; y && i < y->n; i++) {
        free(y->nodes[i].text);
        free(y->nodes[i].key);
        free(y->nodes[i].anchor);
    }
    free(y);
}

const struct hr_yaml_node *hr_yaml_member(const struct hr_yaml_node *map, const char *key)
{
    if (!map || map->kind != HR_YAML_MAP)
        return NULL;
    for (const struct hr_yaml_node *c = map->first; c; c = c->next)
        if (strcmp(c->key, key) == 0)
            return c;
    return NULL;
}

/* Put "/" and the key in front of *at, escaped as RFC 6901 has it.  False: no room. */
static bool put_key(char *out, size_t *at, const char *key)
{
    for (size_t i = strlen(key); i--;) {
        char c = key[i];
        bool escape = c == '~' || c == '/';
        if (*at < 3) /* an escape and a "/" */
            return false;
        if (escape)
            c = c == '~' ? '0' : '1';
        out[--*at] = c;
        if (escape)
            out[--*at] = '~';
    }
    if (*at)
        out[--*at] = '/';
    return true;
}

void hr_yaml_pointer(const struct hr_yaml_node *n, char out[HR_YAML_POINTER])
{
    char whole[HR_YAML_POINTER];
    size_t at = sizeof(whole) - 1;
    whole[at] = '\0';
    for (; n && n->parent; n = n->parent) {
        char number[16];
        (void)snprintf(number, sizeof(number), "%u", n->index);
        if (!put_key(whole, &at, n->key ? n->key : number))
            break;
    }
    memcpy(out, whole + at, sizeof(whole) - at);
}
