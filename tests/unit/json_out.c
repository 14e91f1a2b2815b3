/* SPDX-License-Identifier: MIT */
#include "common/json_out.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

static struct hr_json_out w;
static int fd = -1;

static int set_up(void **state)
{
    (void)state;
    fd = memfd_create("json", MFD_CLOEXEC);
    hr_json_out_init(&w, fd);
    return fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    hr_close(&fd);
    return 0;
}

/* What has been written, as text that lives until the next call. */
static const char *written(void)
{
    static char text[TEXT_MAX];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void every_kind_of_value(void **state)
{
    (void)state;
    hr_json_out_begin(&w, '{');
    hr_json_out_key(&w, "a \"b\"");
    hr_json_out_string(&w, "x\n\"\\");
    hr_json_out_key(&w, "list");
    hr_json_out_begin(&w, '[');
    hr_json_out_int(&w, INT64_MIN);
    hr_json_out_uint(&w, UINT64_MAX);
    hr_json_out_seconds(&w, 1500);
    hr_json_out_seconds(&w, -7);
    hr_json_out_seconds(&w, INT64_MIN);
    hr_json_out_bool(&w, true);
    hr_json_out_bool(&w, false);
    hr_json_out_null(&w);
    hr_json_out_begin(&w, '{');
    hr_json_out_end(&w);
    hr_json_out_end(&w);
    hr_json_out_end(&w);
    assert_int_equal(hr_json_out_finish(&w), 0);
    assert_string_equal(written(), "{\"a \\\"b\\\"\":\"x\\n\\\"\\\\\",\"list\":"
                                   "[-9223372036854775808,18446744073709551615,1.500,-0.007,"
                                   "-9223372036854775.808,true,false,null,{}]}\n");
}

/* Far more than the buffer, of every byte there is, comes out as one valid text. */
static void any_bytes_of_any_length_are_valid(void **state)
{
    static char bytes[100003];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 251);
    hr_json_out_begin(&w, '[');
    hr_json_out_bytes(&w, bytes, sizeof(bytes));
    hr_json_out_bytes(&w, "\xff\xc3", 2);
    hr_json_out_bytes(&w, "", 0);
    hr_json_out_end(&w);
    assert_int_equal(hr_json_out_finish(&w), 0);
    json_t *root = json_loads(written(), JSON_ALLOW_NUL, NULL);
    assert_int_equal(json_array_size(root), 3);
    assert_true(json_string_length(json_array_get(root, 0)) > sizeof(bytes) / 2);
    assert_string_equal(json_string_value(json_array_get(root, 1)), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_array_get(root, 2)), "");
    json_decref(root);
}

/* Wherever the buffer ends, nothing is cut or doubled. */
static void no_place_in_the_buffer_matters(void **state)
{
    static char pad[HR_JSON_OUT_BUFFER + 8];
    (void)state;
    memset(pad, 'p', sizeof(pad));
    for (size_t n = HR_JSON_OUT_BUFFER - 24; n < HR_JSON_OUT_BUFFER + 8; n++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        hr_json_out_init(&w, fd);
        hr_json_out_begin(&w, '{');
        hr_json_out_key(&w, "p");
        hr_json_out_bytes(&w, pad, n);
        hr_json_out_key(&w, "\xe2\x82\xac");
        hr_json_out_string(&w, "\x01\xe2\x82\xac\n");
        hr_json_out_end(&w);
        assert_int_equal(hr_json_out_finish(&w), 0);
        json_t *root = json_loads(written(), 0, NULL);
        assert_int_equal(json_string_length(json_object_get(root, "p")), n);
        assert_string_equal(json_string_value(json_object_get(root, "\xe2\x82\xac")),
                            "\x01\xe2\x82\xac\n");
        json_decref(root);
    }
}

static void misuse_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(hr_json_out_finish(&w), -EINVAL); /* nothing at all */
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '{');
    hr_json_out_int(&w, 1); /* no key */
    assert_int_equal(hr_json_out_finish(&w), -EINVAL);
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '{');
    hr_json_out_key(&w, "a");
    hr_json_out_end(&w); /* no value */
    assert_int_equal(hr_json_out_finish(&w), -EINVAL);
    hr_json_out_init(&w, fd);
    hr_json_out_end(&w);
    assert_int_equal(hr_json_out_finish(&w), -EINVAL);
    hr_json_out_init(&w, fd);
    hr_json_out_int(&w, 1);
    hr_json_out_int(&w, 2); /* two documents */
    assert_int_equal(hr_json_out_finish(&w), -EINVAL);
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '['); /* never ended */
    assert_int_equal(hr_json_out_finish(&w), -EINVAL);
    hr_json_out_init(&w, fd);
    hr_json_out_begin(&w, '[');
    hr_json_out_key(&w, "a"); /* a key in an array */
    assert_int_equal(w.err, -EINVAL);
    hr_json_out_init(&w, fd);
    for (int i = 0; i <= HR_JSON_OUT_DEPTH; i++)
        hr_json_out_begin(&w, '[');
    assert_int_equal(w.err, -EINVAL);
}

static void an_error_of_the_descriptor_sticks(void **state)
{
    static char bytes[3 * HR_JSON_OUT_BUFFER];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)state;
    hr_json_out_init(&w, full);
    hr_json_out_begin(&w, '[');
    hr_json_out_bytes(&w, bytes, sizeof(bytes));
    assert_int_equal(w.err, -ENOSPC);
    hr_json_out_bytes(&w, bytes, sizeof(bytes));
    hr_json_out_end(&w);
    assert_int_equal(hr_json_out_finish(&w), -ENOSPC);
    hr_close(&full);
    hr_json_out_init(&w, -1);
    hr_json_out_int(&w, 1);
    assert_int_equal(hr_json_out_finish(&w), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_of_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes_of_any_length_are_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_place_in_the_buffer_matters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(misuse_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_of_the_descriptor_sticks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
