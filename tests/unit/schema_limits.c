/* SPDX-License-Identifier: MIT
 * Input that means harm: every answer comes soon, and nothing crashes. */
#include "check.h"
#include "schema_help.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { SOON_MS = 5000 }; /* with sanitizers, on a busy machine; each limit is far below */

static int64_t cpu_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The instance is taken.  says: part of the report. */
static void answer(const char *schema, json_t *instance, int result, const char *says)
{
    int64_t start = cpu_ms();
    int rc = check_json(schema, instance);
    int64_t took = cpu_ms() - start;
    json_decref(instance);
    if (rc != result || !strstr(report, says))
        fail_msg("%s: %d: %s", schema, rc, report);
    if (took > SOON_MS)
        fail_msg("%s: %lld ms", schema, (long long)took);
}

static void long_strings(void **state)
{
    static const char too_much[] = "matching strings against patterns takes more than";
    (void)state;
    answer("{'pattern':'^(a|b)*$'}", long_string(100000, 'a', ""), 0, "");
    answer("{'pattern':'^(a|b)*$'}", long_string(100000, 'a', "c"), -EINVAL, "got \"aaaa");
    answer("{'pattern':'^(?:a|b)+$'}", long_string(100000, 'b', ""), 0, "");
    answer("{'pattern':'^[\\\\s\\\\S]*$'}", long_string(1000000, 'b', ""), 0, "");
    answer("{'minLength':1000000}", long_string(1000000, 'b', ""), 0, "");
    answer("{'pattern':'^(a+)+$'}", long_string(27, 'a', "!"), -E2BIG, too_much);
    answer("{'pattern':'^(a|a)*$'}", long_string(100, 'a', "!"), -E2BIG, too_much);
    answer("{'pattern':'(x+x+)+y'}", long_string(5000, 'x', ""), -EINVAL, "expected a string");
    answer("{'pattern':'(x+x+)+[yz]'}", long_string(5000, 'x', ""), -E2BIG, too_much);
    /* One item tried, but the whole string passed over, at each place. */
    answer("{'pattern':'a*[bc]'}", long_string(1000000, 'a', ""), -E2BIG, too_much);
    answer("{'pattern':'(a*)\\\\1[bc]'}", long_string(1000000, 'a', ""), -E2BIG, too_much);
    answer("{'pattern':'(?=(a*))\\\\1[bc]'}", long_string(1000000, 'a', ""), -E2BIG, too_much);
    answer("{'pattern':'^(a|b|ab)*$'}", long_string(1000000, 'a', ""), -E2BIG, "KiB");
    answer("{'pattern':'a'}", long_string(2000000, 'a', ""), -E2BIG, "longer than 1048576 bytes");
    answer("{'patternProperties':{'^(a+)+$':true}}",
           json_pack("{s:i}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 1), -E2BIG,
           too_much);
}

/* Each string is cheap; all of them are not. */
static void many_strings(void **state)
{
    (void)state;
    json_t *all = json_array();
    for (int i = 0; i < 20000; i++)
        assert_int_equal(json_array_append_new(all, long_string(12, 'a', "!")), 0);
    answer("{'items':{'pattern':'^(a+)+$|!$'}}", all, -E2BIG, "matching strings against patterns");
}

static json_t *nested(size_t levels)
{
    json_t *v = json_array();
    for (size_t i = 0; v && i < levels; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, v), 0);
        v = outer;
    }
    return v;
}

/* Release without recursion, which jansson's own way of it is. */
static void release(json_t *v)
{
    while (v) {
        json_t *inner = json_incref(json_array_get(v, 0));
        json_decref(v);
        v = inner;
    }
}

static void deep_values(void **state)
{
    static const struct {
        const char *schema;
        int result;
    } cases[] = {
        {"{'type':'array'}", 0},
        {"true", 0},
        {"{'items':{'$ref':'#'}}", -E2BIG},
        {"{'items':{'$ref':'#'},'unevaluatedItems':false}", -E2BIG},
        {"{'contains':{'$ref':'#'}}", -E2BIG},
        {"{'uniqueItems':true}", 0},
        {"{'const':[[1]]}", -EINVAL},
        {"{'type':'object'}", -EINVAL},
        {"{'not':{'type':'array'}}", -EINVAL},
    };
    (void)state;
    json_t *v = nested(100000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        answer(cases[i].schema, json_incref(v), cases[i].result,
               cases[i].result == -E2BIG ? "nested deeper than 512 levels" : "");
    json_t *twice = json_pack("[O, O]", v, v);
    answer("{'uniqueItems':true}", json_incref(twice), -E2BIG, "nested deeper than 512 levels");
    assert_int_equal(json_array_clear(twice), 0);
    json_decref(twice);
    release(v);
}

/* Each of so many levels tries the next one twice, and the last holds for nothing. */
static void ladder(int levels, int result, const char *says)
{
    struct hr_buf text;
    hr_buf_init(&text, 8192);
    assert_int_equal(hr_buf_adds(&text, "{'$ref':'#/$defs/0','$defs':{"), 0);
    for (int i = 0; i < levels; i++)
        assert_int_equal(
            hr_buf_addf(&text, "'%d':{'anyOf':[{'$ref':'#/$defs/%d'},{'$ref':'#/$defs/%d'}]},", i,
                        i + 1, i + 1),
            0);
    assert_int_equal(hr_buf_addf(&text, "'%d':false}}", levels), 0);
    answer(hr_buf_str(&text), json_true(), result, says);
    hr_buf_free(&text);
}

static void endless_and_exponential(void **state)
{
    (void)state;
    /* Dynamic references are not searched for loops beforehand. */
    answer("{'$dynamicAnchor':'a','$dynamicRef':'#a'}", json_true(), -E2BIG, "nested deeper than");
    ladder(40, -E2BIG, "checking takes more than 10000000 steps");
    ladder(10, -EINVAL,
           "(top level): matches none of the 2 alternatives: (1) (top level): matches");
    ladder(20, -EINVAL, "(top level): does not match the schema"); /* too much to be explained */
}

static void large_arrays(void **state)
{
    (void)state;
    json_t *distinct = json_array();
    json_t *same = json_array();
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(json_array_append_new(distinct, json_integer(i)), 0);
        assert_int_equal(json_array_append_new(same, json_pack("{s:i}", "a", 0)), 0);
    }
    answer("{'uniqueItems':true}", json_incref(distinct), 0, "");
    answer("{'uniqueItems':true}", same, -EINVAL, "items 0 and 1 are equal");
    answer("{'items':{'multipleOf':0.5}}", json_incref(distinct), 0, "");
    answer("{'items':{'allOf':[{'multipleOf':0.5},{'multipleOf':0.2},{'multipleOf':0.1},"
           "{'multipleOf':0.01}]}}",
           json_incref(distinct), -E2BIG, "checking takes more than 10000000 steps");
    answer("{'items':{'enum':['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q',"
           "'r','s','t','u','v','w','x','y','z','1','2','3','4','5','6','7','8','9',"
           "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]}}",
           distinct, -EINVAL, "/0: expected one of");
}

/* Integers that are one as doubles have one hash, so each is compared with each. */
static void equal_hashes(void **state)
{
    (void)state;
    json_t *close = json_array();
    for (int i = 0; i < 500; i++)
        assert_int_equal(json_array_append_new(close, json_integer(INT64_MAX - i)), 0);
    answer("{'uniqueItems':true}", json_incref(close), 0, "");
    struct hr_schema_limits l = hr_schema_default_limits;
    l.steps = 100000;
    struct hr_schema *s = compiled("{'uniqueItems':true}", &l);
    assert_int_equal(hr_schema_validate(s, close, NULL), -E2BIG);
    hr_schema_free(s);
    json_decref(close);
}

/* Whatever is small, validation stays within it. */
static void limits_are_obeyed(void **state)
{
    (void)state;
    struct hr_schema_limits l = hr_schema_default_limits;
    l.steps = 10;
    l.depth = 3;
    struct hr_schema *s = compiled("{'items':{'items':{'items':{'items':true}}}}", &l);
    json_t *deep = nested(5);
    json_t *wide = json_pack("[i,i,i,i,i,i,i,i,i,i,i]", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    struct hr_buf errors;
    hr_buf_init(&errors, 1000);
    assert_int_equal(hr_schema_validate(s, deep, &errors), -E2BIG);
    assert_string_equal(hr_buf_str(&errors), "the value, or the schema, is nested deeper than 3 "
                                             "levels: send a flatter value\n");
    hr_buf_reset(&errors);
    assert_int_equal(hr_schema_validate(s, wide, &errors), -E2BIG);
    assert_string_equal(hr_buf_str(&errors), "checking takes more than 10 steps: send a smaller or "
                                             "simpler value\n");
    hr_buf_free(&errors);
    json_decref(deep);
    json_decref(wide);
    hr_schema_free(s);
}

/* A long name in the schema is held against each of many objects. */
static void long_names(void **state)
{
    static const char *const schemas[] = {
        "{'items':{'not':{'required':['%s']}}}",
        "{'items':{'dependentRequired':{'%s':[]}}}",
        "{'items':{'dependentSchemas':{'%s':true}}}",
    };
    json_t *items = json_array();
    json_t *name = long_string(400000, 'k', "");
    struct hr_buf text;
    struct hr_schema_limits l = hr_schema_default_limits;
    l.steps = 100000;
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(json_array_append_new(items, json_pack("{s:i}", "b", 1)), 0);
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        hr_buf_init(&text, 500000);
        const char *mark = strstr(schemas[i], "%s");
        (void)hr_buf_add(&text, schemas[i], (size_t)(mark - schemas[i]));
        (void)hr_buf_adds(&text, json_string_value(name));
        assert_int_equal(hr_buf_adds(&text, mark + 2), 0);
        struct hr_schema *s = compiled(hr_buf_str(&text), &l);
        assert_int_equal(hr_schema_validate(s, items, NULL), -E2BIG);
        hr_schema_free(s);
        hr_buf_free(&text);
    }
    json_decref(name);
    json_decref(items);
}

/* A schema with as many names as it may have values, and what looks for one of them. */
static void many_names(void **state)
{
    enum { NAMES = 9000, ITEMS = 200000 };
    char name[16];
    char why[256];
    struct hr_schema *s = NULL;
    json_t *defs = json_object();
    json_t *items = json_array();
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "a%d", i);
        assert_int_equal(json_object_set_new(defs, name, json_pack("{s:s}", "$id", name)), 0);
    }
    json_t *schema = json_pack("{s:o, s:O, s:{s:s}}", "$id", long_string(2000, 'y', "/"), "$defs",
                               defs, "items", "$dynamicRef", "#a0");
    int64_t start = cpu_ms();
    assert_int_equal(hr_schema_compile(schema, NULL, &s, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "there is no \"$anchor\" named \"a0\""));
    const char *key = NULL;
    json_t *def = NULL;
    json_object_foreach (defs, key, def) {
        assert_int_equal(json_object_del(def, "$id"), 0);
        assert_int_equal(json_object_set_new(def, "$dynamicAnchor", json_string(key)), 0);
    }
    assert_int_equal(hr_schema_compile(schema, NULL, &s, why, sizeof(why)), 0);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(json_array_append_new(items, json_null()), 0);
    assert_int_equal(hr_schema_validate(s, items, NULL), 0);
    assert_in_range(cpu_ms() - start, 0, SOON_MS);
    hr_schema_free(s);
    json_decref(items);
    json_decref(defs);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_strings),      cmocka_unit_test(many_strings),
        cmocka_unit_test(deep_values),       cmocka_unit_test(endless_and_exponential),
        cmocka_unit_test(large_arrays),      cmocka_unit_test(equal_hashes),
        cmocka_unit_test(limits_are_obeyed), cmocka_unit_test(many_names),
        cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
