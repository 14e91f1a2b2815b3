/* SPDX-License-Identifier: MIT */
#include "loader/cli/claim_env.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *const nothing[] = {NULL};

static const char *get(const struct hr_claim_env *env, const char *name)
{
    size_t n = strlen(name);
    for (char **e = env->all; *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

static struct hr_claim_env made(const char *claim, char *const *base)
{
    struct hr_claim_env env;
    json_t *root = json_loads(claim, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    assert_int_equal(hr_claim_env_make(root, base, &env), 0);
    json_decref(root);
    return env;
}

static void a_claim(void **state)
{
    char path[] = "PATH=/bin";
    char stale[] = "HANDRAIL_CLAIM_UID=old";
    char old[] = "HANDRAIL_POD_LABEL_GONE=1";
    char *const base[] = {path, stale, old, NULL};
    (void)state;
    struct hr_claim_env env = made("{\"uid\":\"u\",\"labels\":{\"a.b/c-d\":\"v\",\"z\":\"\"},"
                                   "\"annotations\":{\"A\":\"x=y\\n\"}}",
                                   base);
    assert_string_equal(get(&env, "PATH"), "/bin");
    assert_string_equal(get(&env, "HANDRAIL_CLAIM_UID"), "u");
    assert_null(get(&env, "HANDRAIL_POD_LABEL_GONE"));
    assert_string_equal(get(&env, "HANDRAIL_CLAIM_LABELS"), "{\"a.b/c-d\":\"v\",\"z\":\"\"}");
    assert_string_equal(get(&env, "HANDRAIL_POD_LABEL_A_B_C_D"), "v");
    assert_string_equal(get(&env, "HANDRAIL_POD_LABEL_Z"), "");
    assert_string_equal(get(&env, "HANDRAIL_POD_ANNOTATION_A"), "x=y\n");
    assert_string_equal(get(&env, "HANDRAIL_SUPERVISED"), "1");
    assert_ptr_equal(env.all[0], path);
    char *first = env.all[env.singles];
    env.all[env.singles] = NULL; /* as the program shortens it */
    assert_null(get(&env, "HANDRAIL_POD_LABEL_Z"));
    assert_non_null(get(&env, "HANDRAIL_CLAIM_LABELS"));
    env.all[env.singles] = first;
    hr_claim_env_free(&env);
}

static void names_that_meet_and_values_that_cannot_be(void **state)
{
    (void)state;
    struct hr_claim_env env =
        made("{\"uid\":null,\"labels\":{\"a.b\":\"1\",\"a-b\":\"2\",\"A_B\":\"3\",\"a.bc\":\"4\"},"
             "\"annotations\":{\"a.b\":\"5\",\"nul\":\"x\\u0000y\",\"n\":7}}",
             nothing);
    assert_null(get(&env, "HANDRAIL_CLAIM_UID"));
    assert_null(get(&env, "HANDRAIL_POD_LABEL_A_B"));
    assert_string_equal(get(&env, "HANDRAIL_POD_LABEL_A_BC"), "4");
    assert_string_equal(get(&env, "HANDRAIL_POD_ANNOTATION_A_B"), "5");
    assert_null(get(&env, "HANDRAIL_POD_ANNOTATION_NUL"));
    assert_null(get(&env, "HANDRAIL_POD_ANNOTATION_N"));
    hr_claim_env_free(&env);
}

static void what_is_too_long_is_left_out_whole(void **state)
{
    static char value[HR_CLAIM_VARIABLE_MAX + 1];
    struct hr_claim_env env;
    const size_t fits = HR_CLAIM_VARIABLE_MAX - strlen("HANDRAIL_POD_ANNOTATION_B=");
    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[fits] = '\0';
    json_t *root = json_pack("{s:n, s:{}, s:{s:s, s:s+}}", "uid", "labels", "annotations", "b",
                             value, "c", value, "v");
    assert_non_null(root);
    assert_int_equal(hr_claim_env_make(root, nothing, &env), 0);
    json_decref(root);
    assert_int_equal(strlen(get(&env, "HANDRAIL_POD_ANNOTATION_B")), fits);
    assert_null(get(&env, "HANDRAIL_POD_ANNOTATION_C"));
    assert_null(get(&env, "HANDRAIL_CLAIM_ANNOTATIONS"));
    assert_string_equal(get(&env, "HANDRAIL_CLAIM_LABELS"), "{}");
    hr_claim_env_free(&env);
}

static void what_is_no_claim(void **state)
{
    static const char *const wrong[] = {"{}", "[]", "{\"labels\":{}}",
                                        "{\"labels\":{},\"annotations\":[]}",
                                        "{\"labels\":null,\"annotations\":{}}"};
    struct hr_claim_env env;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *root = json_loads(wrong[i], 0, NULL);
        assert_int_equal(hr_claim_env_make(root, nothing, &env), -EPROTO);
        json_decref(root);
    }
    assert_int_equal(hr_claim_env_make(NULL, nothing, &env), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim),
        cmocka_unit_test(names_that_meet_and_values_that_cannot_be),
        cmocka_unit_test(what_is_too_long_is_left_out_whole),
        cmocka_unit_test(what_is_no_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
