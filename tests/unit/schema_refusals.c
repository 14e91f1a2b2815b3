/* SPDX-License-Identifier: MIT
 * Schemas that are refused, and the words for their authors. */
#include "check.h"
#include "schema_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *schema, *says;
} refusals[] = {
    {"5", "(top level): must be a schema: an object, true or false"},
    {"{'$schema':'http://json-schema.org/draft-04/schema#'}",
     "/$schema: \"http://json-schema.org/draft-04/schema#\" is not a dialect known here: use "
     "\"https://json-schema.org/draft/2020-12/schema\", or leave \"$schema\" out"},
    {"{'$schema':'https://json-schema.org/draft/2020-12/'}", "is not a dialect known here"},
    {"{'$schema':'#'}", "is not a dialect known here"},
    {"{'$schema':'http://json-schema.org/draft-0'}", "is not a dialect known here"},
    {"{'$schema':7}", "/$schema: must be a string"},
    {"{'$defs':{'a':{'$id':'x','$schema':'http://json-schema.org/draft-07/schema'}},"
     "'$schema':'https://json-schema.org/draft/2020-12/schema'}",
     "/$defs/a/$schema: differs from the dialect around it"},
    {"{'properties':{'a':{'$ref':'http://example.com/s.json'}}}",
     "/properties/a/$ref: \"http://example.com/s.json\" is not in this schema, and nothing is "
     "fetched: copy it into \"$defs\" and refer to it as \"#/$defs/NAME\""},
    {"{'$ref':'file:///etc/passwd'}", "nothing is fetched"},
    {"{'$ref':'#/$defs/x'}", "/$ref: \"#/$defs/x\" leads nowhere"},
    {"{'$ref':'#/properties/~2'}", "leads nowhere"},
    {"{'$ref':'#/enum/0','enum':[5]}", "/enum/0: must be a schema"},
    {"{'$ref':'#nowhere'}", "/$ref: there is no \"$anchor\" named \"nowhere\""},
    {"{'$ref':'#/%zz'}", "has a broken or too long fragment"},
    {"{'$ref':'#/%00'}", "has a broken or too long fragment"},
    {"{'$ref':5}", "/$ref: must be a string"},
    {"{'$dynamicRef':'#x'}", "/$dynamicRef: there is no \"$anchor\" named \"x\""},
    {"{'$ref':'#'}", "/$ref: leads back here without going into the value, so checking would never "
                     "end: remove the loop"},
    {"{'allOf':[{'anyOf':[{'not':{'$ref':'#'}}]}]}", "/allOf/0/anyOf/0/not/$ref: leads back here"},
    {"{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/a'}}}",
     "leads back here"},
    {"{'$id':'http://x/#frag'}", "/$id: must not have a fragment: use \"$anchor\""},
    {"{'$id':5}", "/$id: must be a string"},
    {"{'$defs':{'a':{'$id':'http://x/y'},'b':{'$id':'http://x/y'}}}",
     "/$defs/b/$id: \"http://x/y\" is given twice: make it unique"},
    {"{'$defs':{'a':{'$anchor':'y'},'b':{'$anchor':'y'}}}",
     "/$defs/b/$anchor: \"y\" is given twice"},
    {"{'$anchor':'1a'}", "/$anchor: must be a name"},
    {"{'$anchor':''}", "/$anchor: must be a name"},
    {"{'type':'str'}", "/type: must be one of \"object\", \"array\", \"string\", \"number\""},
    {"{'type':[]}", "/type: must be one of"},
    {"{'type':['string',5]}", "/type: must be one of"},
    {"{'enum':{}}", "/enum: must be an array of values"},
    {"{'minimum':'1'}", "/minimum: must be a number"},
    {"{'multipleOf':0}", "/multipleOf: must be a number above 0"},
    {"{'minLength':-1}", "/minLength: must be a whole number, 0 or more"},
    {"{'maxItems':1.5}", "/maxItems: must be a whole number, 0 or more"},
    {"{'uniqueItems':1}", "/uniqueItems: must be true or false"},
    {"{'required':'a'}", "/required: must be an array of property names"},
    {"{'required':[1]}", "/required: must be an array of property names"},
    {"{'dependentRequired':{'a':'b'}}", "/dependentRequired: must be an object whose values are"},
    {"{'properties':[]}", "/properties: must be an object whose values are schemas"},
    {"{'properties':{'a/b':{'items':3}}}", "/properties/a~1b/items: must be a schema"},
    {"{'allOf':[]}", "/allOf: must be a non-empty array of schemas"},
    {"{'anyOf':{}}", "/anyOf: must be a non-empty array of schemas"},
    {"{'prefixItems':[true,1]}", "/prefixItems/1: must be a schema"},
    {"{'items':[{}]}", "/items: must be a schema"},
    {"{'title':5}", "/title: must be a string"},
    {"{'deprecated':'yes'}", "/deprecated: must be true or false"},
    {"{'examples':5}", "/examples: must be an array"},
    {"{'contains':true,'minContains':'2'}", "/minContains: must be a whole number"},
    {"{'pattern':5}", "/pattern: must be a string"},
    {"{'items':{'pattern':'('}}",
     "/items/pattern: the regular expression \"(\" does not compile: missing closing parenthesis"},
    {"{'patternProperties':{'[a':true}}",
     "/patternProperties: the regular expression \"[a\" has a [ without its ]"},
    {"{'pattern':'\\\\Aa\\\\Z'}", "has \\A, which means nothing in ECMAScript"},
    {"{'pattern':'(?i)a'}", "has a group that ECMAScript's regular expressions do not know"},
    {"{'pattern':'(?P<n>a)'}", "has a group that"},
    {"{'pattern':'(?#'}", "has a group that"},
    {"{'pattern':'(*LIMIT_MATCH=1)a'}", "has (*, which repeats nothing"},
    {"{'pattern':'a++'}", "repeats a repetition"},
    {"{'pattern':'*a'}", "does not compile: quantifier does not follow a repeatable item"},
    {"{'pattern':'\\\\p{Nonsense}'}", "does not compile: unknown property"},
    {"{'pattern':'\\\\p{^Letter}'}", "is not of letters, digits and _"},
    {"{'pattern':'\\\\p{a=b}'}", "has a \\p{NAME=VALUE}"},
    {"{'pattern':'\\\\pL'}", "write \\p{Letter}"},
    {"{'pattern':'\\\\'}", "ends with a backslash"},
    {"{'pattern':'[\\\\'}", "ends with a backslash"},
    {"{'pattern':'\\\\01'}", "has an octal escape"},
    {"{'pattern':'\\\\ud83dx'}", "has a broken \\x or \\u escape"},
    {"{'pattern':'\\\\u{110000}'}", "has a broken \\x or \\u escape"},
    {"{'pattern':'\\\\x4'}", "has a broken \\x or \\u escape"},
    {"{'pattern':'\\\\c1'}", "has a \\c without a letter"},
    {"{'pattern':'\\\\ka'}", "has a \\k without <NAME>"},
    {"{'pattern':'\\\\7'}", "does not compile: reference to non-existent subpattern"},
    {"{'pattern':'((((a{1,999}){1,999}){1,999}){1,999})'}", "does not compile"},
    {"{'$schema':'http://json-schema.org/draft-07/schema#','dependencies':{'a':[1]}}",
     "/dependencies: must be an object of schemas and arrays of property names"},
};

static void refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct hr_schema *s = NULL;
        char why[512] = "";
        json_t *json = quoted(refusals[i].schema);
        int err = hr_schema_compile(json, NULL, &s, why, sizeof(why));
        json_decref(json);
        assert_null(s);
        if (err != -EINVAL || !strstr(why, refusals[i].says))
            fail_msg("%s: %d: %s", refusals[i].schema, err, why);
    }
}

static void refused(json_t *schema, const struct hr_schema_limits *limits, const char *says)
{
    struct hr_schema *s = NULL;
    char why[512] = "";
    int err = hr_schema_compile(schema, limits, &s, why, sizeof(why));
    if (err != -EINVAL || !strstr(why, says))
        fail_msg("%d, %s, not %s", err, why, says);
    assert_int_equal(hr_schema_compile(schema, limits, &s, NULL, 0), -EINVAL);
    assert_null(s);
}

static void too_large(void **state)
{
    (void)state;
    json_t *deep = json_object();
    for (int i = 0; i < 1000; i++)
        deep = json_pack("{s:o}", "items", deep);
    refused(deep, NULL, "the schema is nested deeper than 128 levels");
    json_decref(deep);

    json_t *wide = json_pack("{s:[]}", "enum");
    for (int i = 0; i < 30000; i++)
        assert_int_equal(json_array_append_new(json_object_get(wide, "enum"), json_integer(i)), 0);
    refused(wide, NULL, "the schema has more than 20000 values");
    json_decref(wide);

    json_t *pattern = json_pack("{s:o}", "pattern", long_string(5000, 'a', ""));
    refused(pattern, NULL, "is longer than 4096 bytes");
    json_decref(pattern);

    json_t *id = json_pack("{s:o}", "$id", long_string(5000, 'a', ""));
    refused(id, NULL, "/$id: is longer than 2048 bytes");
    json_decref(id);
    json_t *ref = json_pack("{s:o}", "$ref", long_string(5000, 'a', ""));
    refused(ref, NULL, "/$ref: is longer than 4096 bytes");
    json_decref(ref);
}

/* A value that contains itself has no end; jansson allows it to be made. */
static void a_circle(void **state)
{
    (void)state;
    json_t *a = json_pack("{s:{}}", "items");
    json_t *b = json_object_get(a, "items");
    assert_int_equal(json_object_set(b, "items", a), 0);
    refused(a, NULL, "the schema is nested deeper than 128 levels");
    assert_int_equal(json_object_clear(b), 0);
    json_decref(a);
}

static void a_long_chain(void **state)
{
    (void)state;
    json_t *defs = json_object();
    json_t *schema = json_pack("{s:s, s:o}", "$ref", "#/$defs/0", "$defs", defs);
    for (int i = 0; i < 2000; i++) {
        char name[16];
        char next[32];
        (void)snprintf(name, sizeof(name), "%d", i);
        (void)snprintf(next, sizeof(next), "#/$defs/%d", i + 1);
        assert_int_equal(json_object_set_new(defs, name, json_pack("{s:s}", "$ref", next)), 0);
    }
    assert_int_equal(json_object_set_new(defs, "2000", json_object()), 0);
    refused(schema, NULL, "more than 512 schemas apply to one value inside each other");
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_in_words),
        cmocka_unit_test(too_large),
        cmocka_unit_test(a_circle),
        cmocka_unit_test(a_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
