/* SPDX-License-Identifier: MIT
 * The object "confinement".  See confinement.h. */
#include "confinement.h"

#include "nearest.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum type { BOOL, NUMBER, PATH, PATHS, PORTS, NAMES };

struct key {
    const char *name;
    enum type type;
    size_t offset; /* of the member */
    json_int_t min, max;
    const char *expected;
};

#define AT(member) offsetof(struct hr_confinement, member)
#define MIB_MAX    ((json_int_t)16 * 1024 * 1024) /* 16 TiB */
#define FILES_MAX  ((json_int_t)1024 * 1024)

/* Lists say what each of their items has to be. */
static const struct key keys[] = {
    {"required", BOOL, AT(required), 0, 0, "true or false"},
    {"network", BOOL, AT(network), 0, 0, "true or false"},
    {"exec", BOOL, AT(exec), 0, 0, "true or false"},
    {"read", PATHS, AT(read), 0, 0, "an absolute path"},
    {"write", PATHS, AT(write), 0, 0, "an absolute path"},
    {"tcp_connect", PORTS, AT(tcp_connect), 0, 0, "a port, 0 to 65535"},
    {"tcp_bind", PORTS, AT(tcp_bind), 0, 0, "a port, 0 to 65535"},
    {"syscalls", NAMES, AT(syscalls), 0, 0, "the name of a system call"},
    {"environment", NAMES, AT(environment), 0, 0, "the name of a variable"},
    {"working_directory", PATH, AT(working_directory), 0, 0, "an absolute path"},
    {"memory_mib", NUMBER, AT(memory_mib), 0, MIB_MAX, "MiB, or 0 for no limit"},
    {"file_mib", NUMBER, AT(file_mib), 0, MIB_MAX, "MiB, or 0 for no limit"},
    {"open_files", NUMBER, AT(open_files), HR_CONFINEMENT_FILES_MIN, FILES_MAX,
     "a number, 64 to 1048576"},
    {"cpu_seconds", NUMBER, AT(cpu_seconds), 0, INT32_MAX, "seconds, or 0 for no limit"},
    {"nice", NUMBER, AT(nice), 0, 19, "a number, 0 to 19"},
};

static const struct hr_confinement defaults = {
    .working_directory = "/",
    .memory_mib = 1024,
    .file_mib = 1024,
    .open_files = 1024,
};

struct reader {
    hr_confinement_problem *problem;
    void *arg;
    int problems;
};

static void say(struct reader *r, const char *pointer, const char *expected, const json_t *came)
{
    r->problems++;
    r->problem(r->arg, pointer, expected, came);
}

static const struct key *find(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* Say that there is no such key, with the one that was probably meant. */
static void say_unknown(struct reader *r, const char *name)
{
    const struct key *nearest = NULL;
    unsigned least = UINT_MAX;
    char pointer[80];
    char expected[80];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        unsigned d = hr_word_distance(name, keys[i].name);
        if (d < least && hr_word_is_near(name, d)) {
            least = d;
            nearest = &keys[i];
        }
    }
    (void)snprintf(pointer, sizeof(pointer), "/%.64s", name);
    (void)snprintf(expected, sizeof(expected), "a key of confinement%s%s",
                   nearest ? ", such as " : "", nearest ? nearest->name : "");
    say(r, pointer, expected, NULL);
}

static bool is_path(const json_t *v)
{
    return json_is_string(v) && json_string_value(v)[0] == '/' && json_string_length(v) < PATH_MAX;
}

/* Of a system call or of a variable. */
static bool is_name(const json_t *v)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = json_string_length(v);
    return n >= 1 && n <= 128 && strspn(json_string_value(v), allowed) == n;
}

/* A whole number, which may be written 40.0: so has it JSON Schema. */
static bool is_number(const json_t *v, json_int_t min, json_int_t max)
{
    double d = json_number_value(v);
    return json_is_number(v) && d >= (double)min && d <= (double)max && (double)(json_int_t)d == d;
}

static bool item_ok(enum type type, const json_t *v)
{
    return type == PATHS ? is_path(v) : type == PORTS ? is_number(v, 0, 65535) : is_name(v);
}

static void read_list(struct reader *r, const struct key *k, const json_t *v, const json_t **ret)
{
    char pointer[64];
    if (!json_is_array(v) || json_array_size(v) > HR_CONFINEMENT_LIST_MAX) {
        (void)snprintf(pointer, sizeof(pointer), "/%s", k->name);
        say(r, pointer, "an array of at most 64 items", v);
        return;
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (item_ok(k->type, json_array_get(v, i)))
            continue;
        (void)snprintf(pointer, sizeof(pointer), "/%s/%zu", k->name, i);
        say(r, pointer, k->expected, json_array_get(v, i));
    }
    *ret = v;
}

static void read_value(struct reader *r, const struct key *k, const json_t *v, void *member)
{
    char pointer[64];
    (void)snprintf(pointer, sizeof(pointer), "/%s", k->name);
    switch (k->type) {
    case BOOL:
        if (!json_is_boolean(v))
            say(r, pointer, k->expected, v);
        *(bool *)member = json_is_true(v);
        break;
    case NUMBER:
        if (!is_number(v, k->min, k->max))
            say(r, pointer, k->expected, v);
        *(json_int_t *)member = is_number(v, k->min, k->max) ? (json_int_t)json_number_value(v) : 0;
        break;
    case PATH:
        if (!is_path(v))
            say(r, pointer, k->expected, v);
        *(const char **)member = json_string_value(v);
        break;
    case PATHS:
    case PORTS:
    case NAMES: read_list(r, k, v, member); break;
    }
}

/* Ports narrow a network that is granted; alone they would seem to grant what they do not. */
static void check_ports(struct reader *r, const struct hr_confinement *c)
{
    if (!c->network && c->tcp_connect)
        say(r, "/tcp_connect", "\"network\": true beside it", c->tcp_connect);
    if (!c->network && c->tcp_bind)
        say(r, "/tcp_bind", "\"network\": true beside it", c->tcp_bind);
}

int hr_confinement_read(const json_t *o, hr_confinement_problem *problem, void *arg,
                        struct hr_confinement *ret)
{
    struct reader r = {.problem = problem, .arg = arg};
    struct hr_confinement c = defaults;
    const char *name = NULL;
    json_t *v = NULL;
    if (!json_is_object(o))
        say(&r, "", "an object", o);
    /* jansson's iteration takes no const object, and changes nothing */
    json_object_foreach ((json_t *)(uintptr_t)o, name, v) {
        const struct key *k = find(name);
        if (k)
            read_value(&r, k, v, (char *)&c + k->offset);
        else
            say_unknown(&r, name);
    }
    check_ports(&r, &c);
    if (r.problems)
        return -EINVAL;
    *ret = c;
    return 0;
}
