/* SPDX-License-Identifier: MIT
 * Every allocation fails in turn, while compiling, while validating and while finding words.  The
 * allocator is wrapped by the linker: it counts those of this program, and of jansson and PCRE2,
 * which are linked statically.  The metaschema is not among them, because jansson's parser loses
 * characters, silently, when its buffer cannot grow. */
#include "check.h"
#include "failing_memory.h"
#include "schema_help.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char schema_text[] =
    "{'$id':'http://x/','type':'object','properties':{'a':{'$ref':'b'},'m':{'maximum':3},"
    "'l':{'$ref':'#/x/y~1z'}},"
    "'x':{'y/z':{'pattern':'^[a-z]+$'}},'$defs':{'b':{'$id':'b','$anchor':'q','$dynamicAnchor':'d',"
    "'items':{'$dynamicRef':'#d'}},"
    "'c':{'anyOf':[{'type':'string','minLength':3},{'enum':['a','b']}]}},"
    "'patternProperties':{'^p':{'$ref':'#/$defs/c'}},'propertyNames':{'maxLength':3},"
    "'anyOf':[{'properties':{'u':{'uniqueItems':true}}}],'unevaluatedProperties':false}";

static void compiling(void **state)
{
    (void)state;
    json_t *schema = quoted(schema_text);
    long n = 1;
    int err = -ENOMEM;
    for (; err; n++) {
        struct hr_schema *s = NULL;
        char why[512] = "";
        fail_allocation(n);
        err = hr_schema_compile(schema, NULL, &s, why, sizeof(why));
        (void)allocation_has_failed();
        if (err && (err != -ENOMEM || s || strcmp(why, "no memory for the schema") != 0))
            fail_msg("allocation %ld: %d: %s", n, err, why);
        hr_schema_free(s);
    }
    assert_true(n > 100);
    json_decref(schema);
}

/* No memory, no answer; but never a wrong one. */
static void validating(const char *instance, int right)
{
    struct hr_schema *s = NULL;
    json_t *schema = quoted(schema_text);
    json_t *v = quoted(instance);
    assert_int_equal(hr_schema_compile(schema, NULL, &s, NULL, 0), 0);
    bool failed = true;
    for (long n = 1; failed; n++) {
        struct hr_buf errors;
        hr_buf_init(&errors, 4096);
        fail_allocation(n);
        int rc = hr_schema_validate(s, v, &errors);
        failed = allocation_has_failed();
        hr_buf_free(&errors);
        if (rc != right && !(failed && rc == -ENOMEM))
            fail_msg("allocation %ld: %d", n, rc);
    }
    hr_schema_free(s);
    json_decref(v);
    json_decref(schema);
}

static void validating_right(void **state)
{
    (void)state;
    validating("{'a':1,'m':3,'l':'abc','p':'a','u':[1,2,'3',{}]}", 0);
}

static void validating_wrong(void **state)
{
    (void)state;
    validating("{'a':1,'m':4,'l':'ABC','p':'z','u':[1,1],'names':1,'y':2}", -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiling),
        cmocka_unit_test(validating_right),
        cmocka_unit_test(validating_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
