/* SPDX-License-Identifier: MIT
 * Arguments made up from a schema.  They are checked against it before they are given, so what is
 * looked for here is that there are any. */
#include "loader/plugin_tool/sample.h"

#include "check.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *parse(const char *text)
{
    json_t *schema = json_loads(text, 0, NULL);
    assert_non_null(schema);
    return schema;
}

/* The sample of that kind, as JSON; "none" if there is none. */
static void sample_is(const char *schema, enum hr_sample kind, const char *want)
{
    json_t *s = parse(schema);
    json_t *v = hr_sample(s, kind);
    char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
    assert_string_equal(text ? text : "none", want);
    free(text);
    json_decref(v);
    json_decref(s);
}

#define ONE(schema)    "{\"properties\": {\"v\": " schema "}, \"required\": [\"v\"]}"
#define LEAST(s, want) sample_is(ONE(s), HR_SAMPLE_LEAST, "{\"v\":" want "}")
#define FULL(s, want)  sample_is(ONE(s), HR_SAMPLE_FULL, "{\"v\":" want "}")
#define ODD(s, want)   sample_is(ONE(s), HR_SAMPLE_ODD, "{\"v\":" want "}")

static void numbers(void **state)
{
    (void)state;
    LEAST("{\"type\": \"integer\"}", "1");
    LEAST("{\"type\": \"integer\", \"minimum\": 7}", "7");
    LEAST("{\"type\": \"integer\", \"maximum\": -7}", "-7");
    LEAST("{\"type\": \"integer\", \"exclusiveMinimum\": 7}", "8");
    LEAST("{\"type\": \"integer\", \"minimum\": 1, \"multipleOf\": 5}", "5");
    FULL("{\"type\": \"integer\", \"minimum\": 3}", "3");
    FULL("{\"type\": \"integer\", \"minimum\": 3, \"maximum\": 9}", "9");
    FULL("{\"type\": \"integer\", \"exclusiveMaximum\": 9, \"multipleOf\": 5}", "5");
    ODD("{\"type\": \"integer\"}", "-9223372036854775807");
    ODD("{\"type\": \"integer\", \"minimum\": 0}", "9007199254740991");
    ODD("{\"type\": \"integer\", \"exclusiveMinimum\": 0, \"maximum\": 10}", "10");
    ODD("{\"type\": \"number\", \"minimum\": 0}", "9007199254740991");
    json_t *s = parse("{\"type\": \"number\"}");
    json_t *v = hr_sample(s, HR_SAMPLE_ODD);
    assert_true(json_real_value(v) < -1e300);
    json_decref(v);
    json_decref(s);
    /* Bounds that no integer of ours holds. */
    LEAST("{\"type\": \"number\", \"maximum\": 1e300}", "1");
    FULL("{\"type\": \"number\", \"maximum\": 1e300}", "9007199254740991");
    FULL("{\"type\": \"number\", \"minimum\": -1e300, \"maximum\": 9223372036854775807}",
         "9007199254740991");
    sample_is(ONE("{\"type\": \"integer\", \"exclusiveMinimum\": 9223372036854775807}"),
              HR_SAMPLE_LEAST, "none");
}

static void arrays_and_alternatives(void **state)
{
    (void)state;
    LEAST("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}", "[]");
    FULL("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}", "[1]");
    LEAST("{\"type\": \"array\", \"items\": {\"type\": \"boolean\"}, \"minItems\": 2}",
          "[false,false]");
    LEAST("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"integer\"}], \"minItems\": 2}",
          "[1,\"x\"]");
    FULL("{\"type\": [\"string\", \"null\"], \"minLength\": 3}", "\"xxx\"");
    FULL("{\"enum\": [\"a\", \"b\"]}", "\"b\"");
    LEAST("{\"enum\": [\"a\", \"b\"]}", "\"a\"");
    LEAST("{\"const\": 4}", "4");
    LEAST("{\"type\": \"integer\", \"default\": 12}", "12");
    LEAST("{\"anyOf\": [{\"type\": \"null\"}, {\"type\": \"integer\"}]}", "null");
    LEAST("{\"allOf\": [{\"type\": \"string\"}, {\"minLength\": 2}]}", "\"xx\"");
    sample_is("{\"$defs\": {\"n\": {\"type\": \"integer\"}}, \"properties\": {\"v\": {\"$ref\": "
              "\"#/$defs/n\"}}, \"required\": [\"v\"]}",
              HR_SAMPLE_LEAST, "{\"v\":1}");
    sample_is(ONE("{\"type\": \"string\", \"pattern\": \"^[0-9]{4}$\"}"), HR_SAMPLE_LEAST, "none");
}

/* A tree, whose nodes have nodes: left out where it gets too deep, or too large altogether. */
static void schemas_without_an_end(void **state)
{
    static const char tree[] =
        "{\"properties\": {\"a\": {\"$ref\": \"#\"}, \"b\": {\"$ref\": \"#\"}, \"c\": {\"$ref\": "
        "\"#\"}, \"d\": {\"type\": \"array\", \"items\": {\"$ref\": \"#\"}}, \"e\": {\"$ref\": "
        "\"#\"}, \"n\": {\"type\": \"integer\"}}, \"required\": [\"n\"]}";
    (void)state;
    sample_is(tree, HR_SAMPLE_LEAST, "{\"n\":1}");
    for (int kind = HR_SAMPLE_FULL; kind <= HR_SAMPLE_ODD; kind++) {
        json_t *s = parse(tree);
        int64_t began = hr_cpu_us();
        json_t *v = hr_sample(s, (enum hr_sample)kind);
        assert_non_null(v);
        assert_non_null(json_object_get(json_object_get(v, "a"), "n"));
        assert_true(hr_cpu_us() - began < 5000000);
        json_decref(v);
        json_decref(s);
    }
    sample_is("{\"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}",
              HR_SAMPLE_LEAST, "none"); /* nothing is valid for it */
    sample_is("{\"type\": \"array\", \"minItems\": 2, \"items\": {\"$ref\": \"#\"}}",
              HR_SAMPLE_LEAST, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(arrays_and_alternatives),
        cmocka_unit_test(schemas_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
