/* SPDX-License-Identifier: MIT
 * The words for what is wrong, and what the official suite does not look at. */
#include "common/schema/schema.h"

#include "check.h"
#include "schema_help.h"

#include <errno.h>
#include <string.h>

#define TOOL                                                                                       \
    "{'type':'object','properties':{'path':{'type':'string','minLength':1},"                       \
    "'limit':{'type':'integer','minimum':1,'maximum':100},'mode':{'enum':['a','b']},"              \
    "'tags':{'type':'array','items':{'type':'string'},'uniqueItems':true,'maxItems':3},"           \
    "'deep':{'type':'object','properties':{'a/b':{'type':['string','null']}}}},"                   \
    "'required':['path'],'additionalProperties':false}"
#define EITHER "{'anyOf':[{'type':'string'},{'type':'null'}]}"
#define SHAPES                                                                                     \
    "{'oneOf':[{'type':'object','properties':{'r':{'type':'number'}},'required':['r']},"           \
    "{'type':'object','properties':{'w':{'type':'number'}},'required':['w']},{'type':'null'}]}"

static const struct {
    const char *schema, *instance, *says;
} faults[] = {
    {TOOL, "{}", "(top level): missing required property \"path\"\n"},
    {TOOL, "[1,2]", "(top level): expected object, got an array of 2 items\n"},
    {TOOL, "{'path':''}", "/path: expected at least 1 character, got 0\n"},
    {TOOL, "{'path':'x','limit':250}", "/limit: expected at most 100, got 250\n"},
    {TOOL, "{'path':'x','limit':'10'}", "/limit: expected integer, got string \"10\"\n"},
    {TOOL, "{'path':'x','limit':1.5}", "/limit: expected integer, got number 1.5\n"},
    {TOOL, "{'path':'x','mode':'c'}", "/mode: expected one of \"a\", \"b\", got \"c\"\n"},
    {TOOL, "{'path':'x','mode':{}}", "/mode: expected one of \"a\", \"b\", got an empty object\n"},
    {TOOL, "{'path':'x','x':1}", "/x: unknown property; allowed: path, limit, mode, tags, deep\n"},
    {TOOL, "{'path':'x','tags':['p','q','p']}",
     "/tags: items must be unique, but items 0 and 2 are equal\n"},
    {TOOL, "{'path':'x','tags':['p',2,null,true]}",
     "/tags: expected at most 3 items, got 4\n/tags/1: expected string, got integer 2\n"
     "/tags/2: expected string, got null\n/tags/3: expected string, got boolean true\n"},
    {TOOL, "{'path':'x','deep':{'a/b':1}}", "/deep/a~1b: expected string or null, got integer 1\n"},
    {EITHER, "5", "(top level): expected string or null, got integer 5\n"},
    {SHAPES, "{'r':'x'}",
     "(top level): matches none of the 3 alternatives: (1) /r: expected number, got string \"x\"; "
     "(2) (top level): missing required property \"w\"\n"},
    {SHAPES, "{'r':1,'w':2}",
     "(top level): matches alternatives 1 and 2, but must match only one\n"},
    {"{'anyOf':[{'type':'array'},{'type':'object','required':['a']}]}", "{}",
     "(top level): missing required property \"a\"\n"},
    {"{'const':{'a':1}}", "[]", "(top level): expected {\"a\":1}, got an array of 0 items\n"},
    {"{'not':{'type':'null'}}", "null", "(top level): must not match {\"type\":\"null\"}\n"},
    {"{'items':{'not':{'const':3}}}", "[1,3]", "/1: must not match {\"const\":3}\n"},
    {"{'contains':{'const':1},'minContains':2}", "[1]",
     "(top level): expected at least 2 items matching {\"const\":1}, got 1\n"},
    {"{'prefixItems':[true],'items':false}", "[1,2]",
     "(top level): expected at most 1 item, got 2\n"},
    {"{'propertyNames':{'pattern':'^[a-z]+$'}}", "{'a':1,'B1':2}",
     "(top level): property name \"B1\": expected a string matching the pattern ^[a-z]+$, got "
     "\"B1\"\n"},
    {"{'items':{'propertyNames':{'maxLength':1}}}", "[{'ab':1}]",
     "/0: property name \"ab\": expected at most 1 character, got 2\n"},
    {"{'dependentRequired':{'a':['b']}}", "{'a':1}",
     "(top level): missing required property \"b\", which must be there because \"a\" is\n"},
    {"{'if':{'required':['a']},'then':{'required':['b']}}", "{'a':1}",
     "(top level): missing required property \"b\"\n"},
    {"{'allOf':[{'properties':{'a':true}}],'unevaluatedProperties':false}", "{'a':1,'b':1}",
     "/b: unknown property: the schema does not describe it\n"},
    {"{'properties':{'a':false}}", "{'a':1}", "/a: must not be here\n"},
    {"{'multipleOf':0.01}", "1.005", "(top level): expected a multiple of 0.01, got 1.005\n"},
    {"{'exclusiveMinimum':0}", "0", "(top level): expected more than 0, got 0\n"},
    {"{'maximum':9007199254740992.0}", "9007199254740993",
     "(top level): expected at most 9007199254740992.0, got 9007199254740993\n"},
    {"{'additionalProperties':false,'patternProperties':{'^x-':true}}", "{'y\\n':1}",
     "/y\\n: unknown property; allowed: names matching ^x-\n"},
    {"false", "1", "(top level): must not be here\n"},
};

static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(check_text(faults[i].schema, faults[i].instance), -EINVAL);
        assert_string_equal(report, faults[i].says);
    }
}

static void what_is_right_says_nothing(void **state)
{
    static const struct {
        const char *schema, *instance;
    } cases[] = {
        {TOOL, "{'path':'x','limit':1.0,'mode':'b','tags':[],'deep':{'a/b':null}}"},
        {EITHER, "null"},
        {SHAPES, "{'w':1}"},
        {"{'const':3}", "3.0"},
        {"{'uniqueItems':true}", "[1,true,'1',[1],{'a':1},0,false]"},
        {"{'multipleOf':0.01}", "19.99"},
        {"{'multipleOf':1e-7}", "12391239123"},
        {"{'maxLength':2}", "'\\ud83d\\ude00\\u00e4'"},
        {"{'$schema':'http://json-schema.org/draft-07/schema#','items':[{'type':'null'}],"
         "'additionalItems':false}",
         "[null]"},
        {"{'$schema':'http://json-schema.org/draft-07/schema#','$ref':'#pair','type':'null',"
         "'definitions':{'pair':{'$id':'#pair','items':{'$ref':'#one'}},"
         "'one':{'$id':'#one','type':'integer'}}}",
         "[1]"},
        {"{'properties':{'s':{'$ref':'https://json-schema.org/draft/2020-12/schema'}}}",
         "{'s':{'type':'object','properties':{'a':true}}}"},
        {"{'$ref':'#/x/properties/y','allOf':[{'$ref':'#/x'}],"
         "'x':{'properties':{'y':{'$anchor':'y'}}}}",
         "1"},
        {"{'$ref':'y','$defs':{'y':{'$id':'./y'}}}", "1"},
        {"true", "{}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (check_text(cases[i].schema, cases[i].instance))
            fail_msg("%s: %s", cases[i].schema, report);
}

/* ECMAScript's regular expressions, where PCRE2's own would answer otherwise. */
static void patterns(void **state)
{
    static const struct {
        const char *schema, *instance;
        int result;
    } cases[] = {
        {"{'pattern':'b'}", "'abc'", 0},
        {"{'pattern':'^a$'}", "'a\\n'", -EINVAL},
        {"{'pattern':'^\\\\d$'}", "'\\u0663'", -EINVAL},
        {"{'pattern':'^\\\\w$'}", "'\\u00e4'", -EINVAL},
        {"{'pattern':'^\\\\s$'}", "'\\ufeff'", 0},
        {"{'pattern':'^[\\\\s]$'}", "'\\u2003'", 0},
        {"{'pattern':'^[\\\\S]$'}", "'\\u2003'", -EINVAL},
        {"{'pattern':'^[\\\\S]$'}", "'\\ud83d\\ude00'", 0},
        {"{'pattern':'^[\\\\s\\\\S]*$'}", "'a\\n\\u2003b'", 0},
        {"{'pattern':'^[\\\\s-a]+$'}", "'- a'", 0},
        {"{'pattern':'^[\\\\w-.]+@[\\\\d-]+$'}", "'a-b.c@1-2'", 0},
        {"{'pattern':'^[\\\\w-.]$'}", "','", -EINVAL},
        {"{'pattern':'^[\\\\p{Lu}-z]+$'}", "'A-z'", 0},
        {"{'pattern':'^.$'}", "'\\u2028'", -EINVAL},
        {"{'pattern':'^.$'}", "'\\u000b'", 0},
        {"{'pattern':'^\\\\u00e4\\\\x41$'}", "'\\u00e4A'", 0},
        {"{'pattern':'^\\\\ud83d\\\\ude00$'}", "'\\ud83d\\ude00'", 0},
        {"{'pattern':'^\\\\u{1F600}$'}", "'\\ud83d\\ude00'", 0},
        {"{'pattern':'^\\\\p{Letter}+$'}", "'\\u00e4\\u0416'", 0},
        {"{'pattern':'^\\\\p{Script=Greek}+$'}", "'\\u03b1'", 0},
        {"{'pattern':'^\\\\P{General_Category=Decimal_Number}$'}", "'7'", -EINVAL},
        {"{'pattern':'^\\\\v$'}", "'\\n'", -EINVAL},
        {"{'pattern':'^\\\\cJ$'}", "'\\n'", 0},
        {"{'pattern':'^[[]a]$'}", "'[a]'", 0},
        {"{'pattern':'^[.0-9.]+$'}", "'1.5'", 0},
        {"{'pattern':'^[:=]+[=:=]$'}", "':=:'", 0},
        {"{'pattern':'^[^\\\\P{L}\\\\W]$'}", "'\\u03a9'", -EINVAL},
        {"{'pattern':'^[^\\\\p{L}\\\\D]$'}", "'\\u0663'", -EINVAL},
        {"{'pattern':'^[\\\\W-a]+$'}", "'- a'", 0},
        {"{'pattern':'^[^]$'}", "'x'", 0},
        {"{'pattern':'[]'}", "'x'", -EINVAL},
        {"{'pattern':'^a[]*$'}", "'a'", 0},
        {"{'pattern':'^{x}$'}", "'{x}'", 0},
        {"{'pattern':'^a{,2}$'}", "'a{,2}'", 0},
        {"{'pattern':'^(?<n>a)\\\\k<n>\\\\1$'}", "'aaa'", 0},
        {"{'pattern':'^(?:(a)|b)\\\\1$'}", "'b'", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = check_text(cases[i].schema, cases[i].instance);
        if (rc != cases[i].result)
            fail_msg("%s, %s: %d: %s", cases[i].schema, cases[i].instance, rc, report);
    }
}

/* No more lines than the limit, and none longer than a person reads. */
static void reports_are_bounded(void **state)
{
    (void)state;
    json_t *many = json_array();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(json_array_append_new(many, long_string(100000, '"', "")), 0);
    assert_int_equal(check_json("{'items':{'enum':[1,2]}}", many), -EINVAL);
    json_decref(many);
    size_t lines = 0;
    for (const char *p = report; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, hr_schema_default_limits.errors);
    assert_true(strlen(report) < 4000);
    assert_non_null(strstr(report, "... (100000 bytes)"));

    /* The beginning of a pointer, when it is long. */
    json_t *deep = json_null();
    for (int i = 0; i < 100; i++)
        deep = json_pack("{s:o}", "a-property-with-a-name-of-some-length", deep);
    assert_int_equal(
        check_json("{'type':['object','string'],'additionalProperties':{'$ref':'#'}}", deep),
        -EINVAL);
    json_decref(deep);
    assert_memory_equal(report, "/a-property-with", 16);
    assert_non_null(strstr(report, "/a-property-with-a-name-of-some-length/...: expected object"));
    assert_true(strlen(report) < 1000);

    /* A buffer with no room for a line has none of it. */
    struct hr_schema *s = compiled(TOOL, NULL);
    json_t *bad = quoted("{}");
    struct hr_buf small;
    hr_buf_init(&small, 10);
    assert_int_equal(hr_schema_validate(s, bad, &small), -EINVAL);
    assert_int_equal(small.len, 0);
    assert_int_equal(hr_schema_validate(s, bad, NULL), -EINVAL);
    hr_buf_free(&small);
    json_decref(bad);
    hr_schema_free(s);
}

/* The schema is copied: what happens to the original does not matter. */
static void keeps_its_own_copy(void **state)
{
    (void)state;
    struct hr_schema *s = NULL;
    json_t *schema = quoted("{'type':'string'}");
    json_t *number = json_integer(1);
    assert_int_equal(hr_schema_compile(schema, NULL, &s, NULL, 0), 0);
    assert_int_equal(json_object_set_new(schema, "type", json_string("integer")), 0);
    json_decref(schema);
    assert_int_equal(hr_schema_validate(s, number, NULL), -EINVAL);
    json_decref(number);
    hr_schema_free(s);
    hr_schema_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(what_is_right_says_nothing),
        cmocka_unit_test(patterns),
        cmocka_unit_test(reports_are_bounded),
        cmocka_unit_test(keeps_its_own_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
