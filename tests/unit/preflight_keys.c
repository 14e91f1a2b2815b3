/* SPDX-License-Identifier: MIT
 * Keys: each finding, and what is right. */
#include "check.h"
#include "preflight_fixture.h"

#include <string.h>

#define EXPECT(id, text)                                                                           \
    do {                                                                                           \
        assert_int_equal(found(id), 1);                                                            \
        assert_non_null(strstr(text_of(id), text));                                                \
    } while (0)

static struct hr_preflight_facts *keys(struct hr_preflight_facts *f)
{
    forget_findings();
    hr_preflight_keys(f);
    return f;
}

static void without_a_secret_key_a_restart_loses_secrets(void **state)
{
    (void)state;
    keys(FACTS("PATH=/bin"));
    EXPECT("secret-key-unset", "OH_SECRET_KEY is not set");
    assert_int_equal(found_in_all(), 1);
    keys(FACTS("OH_SECRET_KEY= \t"));
    EXPECT("secret-key-unset", "OH_SECRET_KEY is blank");
    keys(FACTS("OH_SESSION_API_KEYS_1=k")); /* not one that stands in */
    EXPECT("secret-key-unset", "not set");
    static const char *const fine[] = {"OH_SECRET_KEY=s", "SESSION_API_KEY=k",
                                       "OH_SESSION_API_KEYS_0=k", "OH_SESSION_API_KEYS_0= "};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        keys(FACTS(fine[i]));
        assert_int_equal(found_in_all(), 0);
    }
    keys(FACTS("OH_SECRET_KEY=", "OH_SESSION_API_KEYS_0=k"));
    assert_int_equal(found_in_all(), 0);
}

static void the_file_can_have_the_keys(void **state)
{
    struct hr_preflight_facts *f = FACTS("PATH=/bin");
    (void)state;
    (void)json_object_set_new(f->file, "secret_key", json_string("s"));
    keys(f);
    assert_int_equal(found_in_all(), 0);
    f = FACTS("OH_SECRET_KEY="); /* wins, and is blank */
    (void)json_object_set_new(f->file, "secret_key", json_string("s"));
    keys(f);
    EXPECT("secret-key-unset", "blank");
    f = FACTS("OH_SECRET_KEY=s", "SESSION_API_KEY=");
    (void)json_object_set_new(f->file, "session_api_keys", json_pack("[s]", "k"));
    assert_true(hr_preflight_has_session_key(f));
    keys(f);
    assert_int_equal(found_in_all(), 0);
    f = FACTS("OH_SESSION_API_KEYS_0="); /* in the place of the file's first */
    (void)json_object_set_new(f->file, "session_api_keys", json_pack("[s]", "k"));
    assert_false(hr_preflight_has_session_key(f));
    (void)json_object_set_new(f->file, "session_api_keys", json_pack("[s, s]", "k", "second"));
    assert_true(hr_preflight_has_session_key(f));
    f = FACTS("OH_DEFERRED_INIT=0", "OH_SECRET_KEY=s");
    (void)json_object_set_new(f->file, "deferred_init", json_true());
    assert_false(hr_preflight_flag(f, "OH_DEFERRED_INIT", "deferred_init", true));
    f = FACTS("PATH=/bin");
    (void)json_object_set_new(f->file, "deferred_init", json_true());
    keys(f);
    EXPECT("init-unreachable", "127.0.0.1");
}

static void an_empty_session_key_is_no_key(void **state)
{
    struct hr_preflight_facts *f = NULL;
    (void)state;
    keys(FACTS("OH_SECRET_KEY=s", "OH_SESSION_API_KEYS_0="));
    EXPECT("session-key-empty", "listen on 127.0.0.1 only");
    keys(FACTS("OH_SECRET_KEY=s", "SESSION_API_KEY="));
    EXPECT("session-key-empty", "SESSION_API_KEY is set but empty");
    keys(FACTS("OH_SECRET_KEY=s", "OH_SESSION_API_KEYS_0=", "SESSION_API_KEY=k"));
    EXPECT("session-key-empty", "without then looking at SESSION_API_KEY");
    f = FACTS("OH_SECRET_KEY=s", "OH_SESSION_API_KEYS_0=");
    COMMAND(f, "--host", "0.0.0.0");
    keys(f);
    EXPECT("session-key-empty", "listen on 0.0.0.0;");
    keys(FACTS("OH_SECRET_KEY=s", "OH_SESSION_API_KEYS_0=", "OH_SESSION_API_KEYS_1=k"));
    assert_int_equal(found_in_all(), 0);
    keys(FACTS("OH_SECRET_KEY=s", "OH_SESSION_API_KEYS_0=k", "SESSION_API_KEY="));
    assert_int_equal(found_in_all(), 0);
    keys(FACTS("OH_SECRET_KEY=s")); /* none at all is a choice */
    assert_int_equal(found_in_all(), 0);
    keys(FACTS("OH_SECRET_KEY=s", "OH_DEFERRED_INIT=1", "SESSION_API_KEY=")); /* comes later */
    assert_int_equal(found_in_all(), 0);
}

static void session_keys_are_found_as_the_server_does(void **state)
{
    (void)state;
    assert_true(hr_preflight_has_session_key(FACTS("SESSION_API_KEY= ")));
    assert_true(hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS=[\"a\"]")));
    assert_true(
        hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS=1", "OH_SESSION_API_KEYS_0=b")));
    assert_false(
        hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS=[]", "SESSION_API_KEY=x")));
    assert_false(hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS=[\"\", 5]")));
    assert_false(hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS_1=y")));
    assert_false(
        hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS_0=", "SESSION_API_KEY=x")));
    assert_false(hr_preflight_has_session_key(FACTS("OH_SESSION_API_KEYS=999999999999")));
}

static void a_pod_that_waits_for_init_must_be_reachable_and_closed(void **state)
{
    struct hr_preflight_facts *f = NULL;
    (void)state;
    keys(FACTS("OH_DEFERRED_INIT=true"));
    EXPECT("init-unreachable", "127.0.0.1");
    assert_int_equal(found_in_all(), 1);
    keys(FACTS("OH_DEFERRED_INIT=1", "OH_SECRET_KEY= "));
    EXPECT("init-refused", "401");
    assert_int_equal(found_in_all(), 1);
    f = FACTS("OH_DEFERRED_INIT=1");
    COMMAND(f, "--host=0.0.0.0");
    keys(f);
    EXPECT("init-open", "whoever sends it");
    assert_int_equal(found_in_all(), 1);
    keys(FACTS("OH_DEFERRED_INIT=1", "OH_SESSION_API_KEYS=[\"a\"]")); /* a key, but no stand-in */
    EXPECT("init-open", "OH_SECRET_KEY");
    f = FACTS("OH_DEFERRED_INIT=1"); /* told to be where somebody in the pod is */
    COMMAND(f, "--host", "127.0.0.1");
    keys(f);
    assert_int_equal(found_in_all(), 0);
    static const char *const fine[] = {"OH_SECRET_KEY=s", "SESSION_API_KEY=k",
                                       "OH_SESSION_API_KEYS_0=k"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        keys(FACTS("OH_DEFERRED_INIT=1", fine[i]));
        assert_int_equal(found_in_all(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_secret_key_a_restart_loses_secrets),
        cmocka_unit_test(the_file_can_have_the_keys),
        cmocka_unit_test(an_empty_session_key_is_no_key),
        cmocka_unit_test(session_keys_are_found_as_the_server_does),
        cmocka_unit_test(a_pod_that_waits_for_init_must_be_reachable_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
