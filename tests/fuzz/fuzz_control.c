/* SPDX-License-Identifier: MIT
 * The orders to PID 1, on any bytes, held against a JSON library: what our reader takes, and only
 * that, must be an order to the library too, and mean the same. */
#include "loader/supervisor/control_parse.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

/* What the library makes of it.  Nonzero: an order, in *ret. */
static int expected(const char *text, size_t n, struct hr_control_order *ret)
{
    static const char *const keys[HR_NORDERS] = {
        [HR_ORDER_RESTART] = "service", [HR_ORDER_DRAIN] = "on", [HR_ORDER_CRASH] = "number"};
    int good = 0;
    if (memchr(text, '\0', n)) /* the library loses one that follows a number */
        return 0;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "order"));
    for (int i = 0; name && i < HR_NORDERS; i++) {
        const json_t *arg = keys[i] ? json_object_get(root, keys[i]) : NULL;
        if (strcmp(name, hr_order_name((enum hr_order)i)) != 0)
            continue;
        *ret = (struct hr_control_order){.order = (enum hr_order)i};
        good = json_object_size(root) == (keys[i] ? 2u : 1u);
        if (i == HR_ORDER_RESTART) {
            size_t len = json_string_length(arg);
            good = good && len > 0 && len < sizeof(ret->service);
            if (good)
                memcpy(ret->service, json_string_value(arg), len);
        } else if (i == HR_ORDER_DRAIN) {
            good = good && json_is_boolean(arg);
            ret->on = json_is_true(arg);
        } else if (i == HR_ORDER_CRASH) {
            good = good && json_is_integer(arg) && json_integer_value(arg) >= 1;
            ret->number = (uint64_t)json_integer_value(arg);
        }
    }
    json_decref(root);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_control_order got = {.number = 7};
    struct hr_control_order want = {.number = 0};
    char error[HR_ORDER_ERROR] = "";
    char *copy = calloc(1, size ? size : 1); /* exact, so that one byte too far is seen */
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    int err = hr_control_parse(copy, size, &got, error);
    require(err == 0 || (got.number == 7 && strlen(error) > sizeof("byte ") - 1));
    require(expected(copy, size, &want) == (err == 0));
    if (!err)
        require(got.order == want.order && got.on == want.on && got.number == want.number &&
                strcmp(got.service, want.service) == 0);
    free(copy);
    return 0;
}
