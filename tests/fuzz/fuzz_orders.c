/* SPDX-License-Identifier: MIT
 * What comes with an order, any bytes of it.  Whatever is taken for a session key must be one that
 * a header can carry, and what jansson reads as a body must give the key that jansson finds. */
#include "sidecar/orders/parse.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int can_be_sent(const char *key)
{
    for (const char *p = key; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return 0;
    return *key && strlen(key) <= HR_SESSION_KEY_MAX;
}

static void check_against_jansson(const char *data, size_t size, const char *found)
{
    json_t *root = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    if (json_is_object(root)) {
        const json_t *first = json_array_get(json_object_get(root, "session_api_keys"), 0);
        const char *key = json_string_value(first);
        int can = key && strlen(key) == json_string_length(first) && can_be_sent(key);
        if (can != (*found != '\0') || (can && strcmp(key, found) != 0))
            abort();
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_order order;
    char key[HR_SESSION_KEY_MAX + 1] = "";
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (hr_order_parse(text, &order) == 0 && !order.starts)
        abort();
    if (hr_order_session_key((const char *)data, size, key) == 0 && !can_be_sent(key))
        abort();
    check_against_jansson((const char *)data, size, key);
    free(text);
    return 0;
}
