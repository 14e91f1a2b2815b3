/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/secrets.h"

#include "check.h"
#include "common/clock.h"
#include "common/log.h"
#include "loader/supervisor/secrets_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t mask(char *text, size_t n)
{
    static bool secret[64 * 1024];
    assert_true(n <= sizeof(secret));
    assert_int_equal(hr_secrets_mark(text, n, secret), 0);
    return hr_secrets_cover(text, text, secret, n);
}

/* `text` masked, as a string that lives until the next call. */
static const char *masked(const char *text)
{
    static char out[4096];
    size_t n = strlen(text);
    assert_true(n < sizeof(out));
    memcpy(out, text, n + 1);
    size_t len = mask(out, n);
    assert_true(len <= n);
    out[len] = '\0';
    return out;
}

static void init(const char *one, const char *two)
{
    static char kept[2][1024];
    char *env[] = {kept[0], kept[1], NULL};
    (void)snprintf(kept[0], sizeof(kept[0]), "%s", one);
    (void)snprintf(kept[1], sizeof(kept[1]), "%s", two ? two : "NOTHING=x");
    hr_secrets_init(env);
}

static void names(void **state)
{
    static const char *const yes[] = {
        "OH_SECRET_KEY",
        "OH_SESSION_API_KEYS_0",
        "SESSION_API_KEY",
        "LLM_API_KEY",
        "GITHUB_TOKEN",
        "db_password",
        "PGPASSWD",
        "aws_credentials",
        "Authorization",
        "X-Session-API-Key",
        "Cookie",
        "SENTRY_DSN",
        "SSH_KEY_PATH",
        "GPG_PASSPHRASE",
        "DB_PASS",
        "monkey",
        "XAUTHORITY",
        "BASIC_AUTH",
        "OAUTH2_CLIENT",
        "AUTHOR_TOKEN",
        "KEYBOARD_TOKEN",
        "LOG_JSON_LEVEL_KEYS",
        "AUTH",
        "MYSQL_PWD",
        "PWD_OF_DB",
        "pwd",
        "DB_CREDS",
        "GITHUB_PAT",
        "PAT",
        "GH-PAT-2",
        "pat_readonly",
        "PAT2",
        "ROOT_PW",
        "SUPABASE_JWT",
        "Bearer",
    };
    static const char *const no[] = {
        "",
        "PATH",
        "HOME",
        "GIT_AUTHOR_NAME",
        "KEYBOARD_LAYOUT",
        "PASSIVE",
        "OH_PORT",
        "AUTHORS",
        "LOG_JSON_LEVEL_KEY",
        "KE",
        "PASSWOR",
        "HOSTNAME",
        "log_json_level_key",
        "PWD",
        "OLDPWD",
        "PATH_2",
        "PATTERN",
        "COMPAT",
        "MY_PATH",
        "2PAT",
        "PWM_RATE",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!hr_secrets_name(yes[i], strlen(yes[i])))
            fail_msg("not secret: %s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (hr_secrets_name(no[i], strlen(no[i])))
            fail_msg("secret: %s", no[i]);
    assert_false(hr_secrets_name("TOKENS", 4)); /* the length counts */
}

static void values_of_the_environment(void **state)
{
    (void)state;
    init("A_TOKEN= s3cr3t-value\n", "PATH=/usr/bin:/bin");
    assert_int_equal(hr_secrets_table.n, 1);
    assert_string_equal(masked("x s3cr3t-value y"), "x **** y");
    assert_string_equal(masked("s3cr3t-values3cr3t-value"), "****");
    assert_string_equal(masked("s3cr3t-valu, 3cr3t-valuX"), "s3cr3t-valu, 3cr3t-valuX");
    assert_string_equal(masked("/usr/bin:/bin"), "/usr/bin:/bin");
    assert_string_equal(masked(""), "");
    init("A_TOKEN=short", "B_KEY=        ");
    assert_int_equal(hr_secrets_table.n, 0);
    assert_string_equal(masked("short"), "short");
    hr_secrets_init(NULL);
    init("NO_EQUALS_TOKEN", "=strange_TOKEN");
    assert_int_equal(hr_secrets_table.n, 0);
}

static void the_longest_and_all_that_overlap(void **state)
{
    (void)state;
    init("A_KEY=abcdef", "B_KEY=abcdefghij");
    assert_string_equal(masked("-abcdefghij-abcdefghX-"), "-****-****ghX-");
    init("A_KEY=abcdefgh", "B_KEY=efghijkl");
    assert_string_equal(masked("abcdefghijkl."), "****.");
    init("A_KEY=aaaaaaaa", NULL);
    assert_string_equal(masked("aaaaaaaaaaaaab"), "****b"); /* it overlaps itself */
    assert_string_equal(masked("aaaaaaa"), "****");         /* begun at the end of the text */
    init("A_KEY=abcdefgh", "B_KEY=fghijkl");
    assert_string_equal(masked("abcdefghijk"), "****");
}

static void escaped_forms(void **state)
{
    (void)state;
    init("A_TOKEN=p\"a\\s/s\nw'<\xc3\xa9\xf0\x9f\x94\x91z", NULL);
    assert_string_equal(masked("[p\"a\\s/s\nw'<\xc3\xa9\xf0\x9f\x94\x91z]"), "[****]");
    assert_string_equal(masked("[p\\\"a\\\\s/s\\nw'<\xc3\xa9\xf0\x9f\x94\x91z]"), "[****]");
    assert_string_equal(masked("[p\\\"a\\\\s\\/s\\nw'\\u003c\\u00e9\\ud83d\\udd11z]"), "[****]");
    assert_string_equal(masked("[p\"a\\\\s/s\\nw\\'<\xc3\xa9\xf0\x9f\x94\x91z]"), "[****]");
    assert_string_equal(masked("[p\\\"a\\\\s/s\\x0aw'<\\u00E9\\uD83D\\uDD11z]"), "[****]");
    assert_string_equal(masked("[p\\\"a\\\\s/s\\nw'<\\u00e8\\ud83d\\udd11z]"),
                        "[****\\nw'<\\u00e8\\ud83d\\udd11z]"); /* its first line is there */
    assert_string_equal(masked("[p\\\"a\\\\s/s\\nw'<\\u00e9\\ud83d"), "[****"); /* cut in a pair */
    init("A_TOKEN=\"quoted\"", NULL); /* begins with one */
    assert_string_equal(masked("x=\\\"quoted\\\";"), "x=****;");
    assert_string_equal(masked("x=\\u0022quoted\\u0022;"), "x=****;");
    assert_string_equal(masked("x=\"quoted\";"), "x=****;");
    init("A_TOKEN=\\\\\\\\\\\\", NULL); /* six backslashes */
    assert_string_equal(masked("-\\\\\\\\\\\\-"), "-****-");
    assert_string_equal(masked("-\\\\\\\\\\\\\\\\\\\\\\\\-"), "-****-");
}

static void values_kept_with_escapes(void **state)
{
    static const char json[] =
        "{\"secret_key\": \"p\\\"a\\u00e9\\/ss\\n\", \"x\": \"p\\\"a\\u00e9\\/ss\"}";
    (void)state;
    hr_secrets_init(NULL);
    hr_secrets_add_json(json, sizeof(json) - 1);
    assert_int_equal(hr_secrets_table.n, 1);
    assert_string_equal(masked("[p\"a\xc3\xa9/ss]"), "[****]");
    assert_string_equal(masked("[p\\\"a\xc3\xa9/ss]"), "[****]");
    assert_string_equal(masked("[p\\\"a\\u00e9\\/ss]"), "[****]");
    assert_string_equal(masked("[p\"a\xc3\xa8/ss]"), "[p\"a\xc3\xa8/ss]");
}

/* The body that the agent-server takes. */
static void the_body_of_an_initialisation(void **state)
{
    static const char body[] =
        "{\"session_api_keys\": [\"session-one\", \"session-two\"], "
        "\"secret_key\":\"secret-key\",\n"
        "\"env\": {\"WORKER_1\": \"8011-worker\", \"GITHUB_TOKEN\": \"ghp_abcdef\", "
        "\"deep\": [[{\"my_to\\u006ben\": {\"value\": \"hidden-deep\"}}], \"not-hidden\"]},"
        "\"webhooks\": [{\"base_url\": \"https://user:url-password@host/x\", "
        "\"headers\": {\"Authorization\" : \"Bearer bearer-token\", \"Accept\": \"text/html\"}}],"
        "\"web_url\": \"https://example.org/web\", \"max_concurrent_runs\": 5}";
    (void)state;
    hr_secrets_init(NULL);
    hr_secrets_add_json(body, sizeof(body) - 1);
    assert_string_equal(
        masked("session-one session-two secret-key 8011-worker ghp_abcdef hidden-deep not-hidden "
               "url-password bearer-token text/html https://example.org/web"),
        "**** **** **** 8011-worker **** **** not-hidden **** **** text/html "
        "https://example.org/web");
    assert_string_equal(masked("Authorization: Bearer bearer-token"), "Authorization: ****");

    assert_true(hr_secrets_table.n > 0);
    assert_int_equal(hr_secrets_add("other-secret", 12), 0);
    hr_secrets_forget(body, sizeof(body));
    assert_int_equal(hr_secrets_table.n, 1);
    assert_string_equal(masked("session-one other-secret"), "session-one ****");
}

static void json_in_the_environment(void **state)
{
    (void)state;
    init("OH_SESSION_API_KEYS=[\"one-of-them\", \"two-of-them\"]",
         "OH={\"secret_key\": \"in-the-base\", \"web_url\": \"not-secret\"}");
    assert_string_equal(masked("one-of-them two-of-them in-the-base not-secret"),
                        "**** **** **** not-secret");
}

static void json_need_not_begin_at_once(void **state)
{
    (void)state;
    init("OH_SESSION_API_KEYS= \t\r\n[\"one-of-them\"]", "OH=\n{\"a_key\": \"in-the-base\"}");
    assert_string_equal(masked("one-of-them in-the-base"), "**** ****");
    init("A_KEY=\"in-quotes\" ", NULL);
    assert_string_equal(masked("in-quotes, \"in-quotes\""), "****, ****");
}

static void lists_with_commas(void **state)
{
    (void)state;
    init("X_API_KEYS=first-key, second-key,,short,third-key,", "Y=not-a-key,or-another");
    assert_string_equal(masked("first-key second-key third-key short or-another"),
                        "**** **** **** short or-another");
    assert_string_equal(masked("first-key, second-key,,short,third-key,"), "****");
    init("AUTH_HEADERS=Bearer abcdefgh, Basic 12345678", NULL);
    assert_string_equal(masked("abcdefgh 12345678 Bearer."), "**** **** Bearer.");
    init("A_KEY=,,,,,,,,", "B_KEY=,");
    assert_int_equal(hr_secrets_table.n, 1); /* it as a whole */
    static const char json[] = "{\"api_keys\": \"first\\u002dkey,second-key\\,\"}";
    hr_secrets_init(NULL);
    hr_secrets_add_json(json, sizeof(json) - 1);
    assert_string_equal(masked("first-key second-key"), "**** ****");
}

/* It may say so behind what is looked at of it. */
static void a_name_too_long_to_look_at_is_a_secrets(void **state)
{
    char json[400];
    (void)state;
    for (int n = 256; n <= 257; n++) {
        (void)snprintf(json, sizeof(json), "{\"%0*d\": \"its-value\"}", n, 0);
        hr_secrets_init(NULL);
        hr_secrets_add_json(json, strlen(json));
        assert_string_equal(masked("its-value"), n > 256 ? "****" : "its-value");
    }
}

static void lines_of_a_long_key(void **state)
{
    static const char json[] = "{\"ssh_key\": \"BEGIN key\\nthird-line\\r\\nback\\\\nslash\"}";
    (void)state;
    init("SSH_KEY=BEGIN key\nfirst-line\r\nsecond-line\n", NULL);
    assert_string_equal(masked("> first-line\n> second-line."), "> ****\n> ****.");
    hr_secrets_init(NULL);
    hr_secrets_add_json(json, sizeof(json) - 1);
    assert_int_equal(hr_secrets_table.n, 4);
    assert_string_equal(masked("> third-line\n> back\\nslash"), "> ****\n> ****");
}

static void passwords_in_urls(void **state)
{
    (void)state;
    init("DATABASE_URL=postgres://user:p@ss:word@db:5432/x?a=b@c",
         "PROXIES=http://a:proxy-pass@p1/ http://nobody@host:80/ http://b:other-pass@p2");
    assert_string_equal(masked("p@ss:word proxy-pass other-pass nobody@host user"),
                        "**** **** **** nobody@host user");
    assert_int_equal(hr_secrets_table.n, 3);
}

static void credentials_in_a_command(void **state)
{
    static const char *const commands[][2] = {
        {"curl -H 'Authorization: Bearer sekrit-1' http://x", "sekrit-1"},
        {"curl -H \"authorization:Basic sekrit-2\"", "sekrit-2"},
        {"curl -H 'X-Session-API-Key: sekrit-3' -d x", "sekrit-3"},
        {"TOKEN=sekrit-4 notify", "sekrit-4"},
        {"notify --api-key sekrit-5 --to me", "sekrit-5"},
        {"notify --password='sekrit 6'", "sekrit"},
        {"curl http://me:sekrit-7@host/", "sekrit-7"},
        {"notify --token=sekrit-8", "sekrit-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        hr_secrets_init(NULL);
        hr_secrets_add_command(commands[i][0]);
        assert_string_equal(masked(commands[i][1]), "****");
    }
    hr_secrets_init(NULL);
    hr_secrets_add_command("curl -H \"Authorization: Bearer $TOKEN\" http://host/ready; echo done");
    assert_string_equal(masked("http://host/ready done"), "http://host/ready done");
    hr_secrets_add_command("--token");
    hr_secrets_add_command("--token=");
    hr_secrets_add_command("");
    assert_string_equal(masked("token="), "token=");
}

static void json_that_is_none_does_no_harm(void **state)
{
    static const char *const texts[] = {
        "",
        "\"",
        "{",
        "}",
        "]]]]",
        "{\"key\":",
        "{\"key\":\"",
        "{\"key\":\"abc\\",
        "\\\"",
        "{\"key\" \"abcdefg\"}",
        "{{{{[[[[\"key\":::,,,",
        "\"key\":\"\\u12\"",
        "nullnullnull",
    };
    char deep[4096];
    (void)state;
    hr_secrets_init(NULL);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        hr_secrets_add_json(texts[i], strlen(texts[i]));
    assert_int_equal(hr_secrets_table.n, 0);
    hr_secrets_add_json("{\"a_key\": \"cut-off-val",
                        22); /* a cut text is taken as far as it goes */
    assert_string_equal(masked("cut-off-val"), "****");
    memset(deep, '[', 2000);
    (void)snprintf(deep + 2000, sizeof(deep) - 2000, "{\"key\": [\"x\", \"deep-secret\"]}");
    size_t n = strlen(deep);
    hr_secrets_init(NULL);
    hr_secrets_add_json(deep, n);
    assert_string_equal(masked("deep-secret"), "****");
    memset(deep + n, ']', 2010); /* back again, and further */
    (void)snprintf(deep + n + 2010, sizeof(deep) - n - 2010, ", \"plain-text\"");
    hr_secrets_init(NULL);
    hr_secrets_add_json(deep, strlen(deep));
    assert_string_equal(masked("deep-secret plain-text"), "**** plain-text");
}

static void what_is_cut_is_masked(void **state)
{
    static const char key[] =
        "A_KEY=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (void)state;
    init(key, NULL);
    assert_string_equal(masked("0123456789abcdefghijklmnopqrstuv..."), "****..."); /* 32 of it */
    assert_string_equal(masked("0123456789abcdefghijklmnopqrstu..."),
                        "0123456789abcdefghijklmnopqrstu...");
    assert_string_equal(masked("0123456789abcdefghijklmnopqrstuvwxyz!"), "****!");
    assert_string_equal(masked("at the end: 012345"), "at the end: ****");
    assert_string_equal(masked("at the end: 01234"), "at the end: 01234");
    assert_string_equal(masked("UVWXYZ at the start"), "**** at the start");
    assert_string_equal(masked("1 UVWXYZ"), "1 UVWXYZ");
    assert_string_equal(masked("VWXYZ at the start"), "VWXYZ at the start");
    assert_string_equal(masked("NOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"),
                        "****");
    init("A_KEY=01/3456789abcdefghijklmnopqrstuvwxyz", NULL);
    assert_string_equal(masked("01\\/3456789abcdefghijklmnopqrstuv..."), "****...");
    assert_string_equal(masked("01\\/3456789abcdefghijklmnopqrstu..."),
                        "01\\/3456789abcdefghijklmnopqrstu...");
    assert_string_equal(masked("at the end: 01\\/345"), "at the end: ****");
    assert_string_equal(masked("at the end: 01\\/34"), "at the end: 01\\/34");
    init("A_KEY=line one\nline \"two\"\nline three", NULL);
    assert_string_equal(masked("two\\\"\\nline three\n"), "****\n");
}

static void any_byte_may_stand_around(void **state)
{
    char text[] = "\0\xff"
                  "binary-secret\0\\u\\";
    static const char want[] = "\0\xff"
                               "****\0\\u\\";
    (void)state;
    init("A_KEY=binary-secret", NULL);
    assert_int_equal(mask(text, sizeof(text) - 1), sizeof(want) - 1);
    assert_memory_equal(text, want, sizeof(want) - 1);
}

/* What is shown of a part of a text is never longer than the part. */
static void a_part_is_covered_by_itself(void **state)
{
    static const bool secret[] = {false, true, true, true, true, true, true, false, true, true};
    char out[] = "..........";
    (void)state;
    assert_int_equal(hr_secrets_cover(out, "a123456b78", secret, 10), 8);
    assert_memory_equal(out, "a****b**..", 10);
    assert_int_equal(hr_secrets_cover(out, "56b", secret + 5, 3), 3);
    assert_memory_equal(out, "**b*", 4);
    assert_int_equal(hr_secrets_cover(out, NULL, NULL, 0), 0);
}

static void too_many_means_no_text(void **state)
{
    static char values[HR_SECRETS_MAX + 1][16];
    (void)state;
    hr_secrets_init(NULL);
    hr_log_init("test", HR_LOG_NONE);
    for (int i = 0; i <= HR_SECRETS_MAX; i++) {
        (void)snprintf(values[i], sizeof(values[i]), "secret-%04d", i);
        assert_int_equal(hr_secrets_add(values[i], 11), i < HR_SECRETS_MAX ? 0 : -ENOSPC);
    }
    bool secret[4] = {false};
    assert_int_equal(hr_secrets_mark("text", 4, secret), -ENOSPC);
    for (int i = 0; i < 4; i++)
        assert_true(secret[i]);
    hr_secrets_init(NULL);
    assert_string_equal(masked("text"), "text");
    assert_int_equal(hr_secrets_add("short", 5), -EINVAL);
}

/* Secrets and a text that agree for long, everywhere: time is bounded, and what is not looked at
 * is not shown. */
static void a_text_that_costs_too_much_is_withheld(void **state)
{
    enum { N = 64 * 1024, SECRETS = 16, LEN = 3000 };
    static char text[N];
    static char secrets[SECRETS][LEN];
    (void)state;
    hr_secrets_init(NULL);
    for (int i = 0; i < SECRETS; i++) {
        memset(secrets[i], 'a', LEN);
        secrets[i][31] = 'b'; /* not the same for long enough */
        secrets[i][31 - i % 8] = 'c';
        secrets[i][LEN - 1] = (char)('A' + i % 26);
        secrets[i][20] = '/'; /* and may be escaped */
        assert_int_equal(hr_secrets_add(secrets[i], LEN), 0);
    }
    memset(text, 'a', N);
    for (int i = 20; i < N; i += 21)
        text[i] = '/';
    int64_t before = hr_now_ms();
    size_t n = mask(text, N);
    int64_t took = hr_now_ms() - before;
    print_message("%d KiB, %d secrets: %lld ms, %zu bytes left\n", N / 1024, SECRETS,
                  (long long)took, n);
    assert_true(n < N / 2); /* not only where the end of the text looks like a beginning */
    assert_memory_equal(text + n - 4, "****", 4);

    /* None that is escaped, and none whose end the text could begin with. */
    enum { SHORT = 40 };
    hr_secrets_init(NULL);
    for (int i = 0; i < SECRETS; i++) {
        memset(secrets[i], 'a', SHORT);
        secrets[i][31] = (char)('A' + i);
        assert_int_equal(hr_secrets_add(secrets[i], SHORT), 0);
    }
    memset(text, 'a', N);
    text[0] = 'x';
    assert_true(mask(text, N) < N / 2);
}

/* The slow and obvious way: mark every place, then replace the marked ranges. */
static size_t reference(const char *text, size_t n, char (*secrets)[16], size_t nsecrets, char *out)
{
    static char marked[1024];
    size_t len = 0;
    memset(marked, 0, sizeof(marked));
    for (size_t s = 0; s < nsecrets; s++) {
        size_t m = strlen(secrets[s]);
        for (size_t i = 0; i < n; i++) {
            size_t same = 0;
            while (same < m && i + same < n && text[i + same] == secrets[s][same])
                same++;
            if (same == m || (i + same == n && same >= HR_SECRET_MIN))
                memset(marked + i, 1, same);
        }
        for (size_t k = HR_SECRET_MIN; k < m && k <= n; k++)
            if (memcmp(text, secrets[s] + m - k, k) == 0)
                memset(marked, 1, k);
    }
    for (size_t i = 0; i < n; i++) {
        if (!marked[i])
            out[len++] = text[i];
        else if (i == 0 || !marked[i - 1])
            for (int k = 0; k < 4; k++)
                out[len++] = '*';
    }
    return len;
}

static void random_texts_agree_with_the_obvious_way(void **state)
{
    static char secrets[8][16];
    static char text[512], want[1024];
    (void)state;
    srandom(1);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(random() % 200);
        size_t count = (size_t)(random() % 8);
        hr_secrets_init(NULL);
        for (size_t s = 0; s < count; s++) {
            size_t m = HR_SECRET_MIN + (size_t)(random() % 8);
            for (size_t i = 0; i < m; i++)
                secrets[s][i] = (char)('a' + random() % 2);
            secrets[s][m] = '\0';
            assert_int_equal(hr_secrets_add(secrets[s], m), 0);
        }
        for (size_t i = 0; i < n; i++)
            text[i] = (char)("ab.\n"[random() % (round % 2 ? 4 : 2)]);
        size_t want_len = reference(text, n, secrets, count, want);
        assert_int_equal(mask(text, n), want_len);
        assert_memory_equal(text, want, want_len);
    }
}

/* They are cut to fit before a secret in them could be seen whole. */
static void words(void **state)
{
    char text[HR_REASON_MAX + 20];
    char out[HR_REASON_MAX];
    (void)state;
    init("A_TOKEN=swordfish-0001", NULL);
    hr_secrets_words(out, "said swordfish-0001, and more");
    assert_string_equal(out, "said ****, and more");
    memset(text, 'x', sizeof(text));
    memcpy(text + HR_REASON_MAX - 10, "swordfish-0001", sizeof("swordfish-0001"));
    hr_secrets_words(out, text);
    assert_int_equal(strlen(out), HR_REASON_MAX - 10 + 4);
    assert_string_equal(out + HR_REASON_MAX - 11, "x****");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(values_of_the_environment),
        cmocka_unit_test(the_longest_and_all_that_overlap),
        cmocka_unit_test(escaped_forms),
        cmocka_unit_test(values_kept_with_escapes),
        cmocka_unit_test(the_body_of_an_initialisation),
        cmocka_unit_test(json_in_the_environment),
        cmocka_unit_test(json_need_not_begin_at_once),
        cmocka_unit_test(lists_with_commas),
        cmocka_unit_test(a_name_too_long_to_look_at_is_a_secrets),
        cmocka_unit_test(lines_of_a_long_key),
        cmocka_unit_test(passwords_in_urls),
        cmocka_unit_test(credentials_in_a_command),
        cmocka_unit_test(json_that_is_none_does_no_harm),
        cmocka_unit_test(what_is_cut_is_masked),
        cmocka_unit_test(any_byte_may_stand_around),
        cmocka_unit_test(a_part_is_covered_by_itself),
        cmocka_unit_test(too_many_means_no_text),
        cmocka_unit_test(a_text_that_costs_too_much_is_withheld),
        cmocka_unit_test(random_texts_agree_with_the_obvious_way),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
