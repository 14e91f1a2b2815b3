/* SPDX-License-Identifier: MIT
 * loader/plugin_file/file.h: whose bytes are taken, and that they stay what they were. */
#include "loader/plugin_file/file.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/handrail-file-XXXXXX";
static char path[64];
/* of "abc": the example of FIPS 180-2 */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void put(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void refused(const char *sha256, const char *words)
{
    struct hr_plugin_file f;
    struct hr_why why = {{0}};
    assert_int_equal(hr_plugin_file_open(path, sha256, &f, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("refused for \"%s\", expected \"%s\"", why.text, words);
}

static void taken(const char *sha256)
{
    struct hr_plugin_file f;
    struct hr_why why = {{0}};
    if (hr_plugin_file_open(path, sha256, &f, &why))
        fail_msg("refused: %s", why.text);
    assert_string_equal(f.sha256, abc);
    assert_int_equal(f.len, 3);
    hr_plugin_file_close(&f);
}

static void bytes_are_kept(void **state)
{
    struct hr_plugin_file f;
    struct hr_why why = {{0}};
    char read_back[4] = "";
    (void)state;
    put("abc", 0644);
    assert_int_equal(hr_plugin_file_open(path, NULL, &f, &why), 0);
    assert_true(f.sealed);
    put("xyz", 0644); /* the same file */
    assert_memory_equal(f.bytes, "abc", 3);
    assert_string_equal(f.sha256, abc);
    int fd = open(f.load_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, read_back, 3), 3);
    assert_string_equal(read_back, "abc");
    (void)close(fd);
    assert_int_equal(write(f.fd, "q", 1), -1); /* and nobody changes the copy */
    assert_int_equal(ftruncate(f.fd, 0), -1);
    hr_plugin_file_close(&f);
    assert_int_equal(f.fd, -1);
}

static void the_hash_or_the_mode_vouches(void **state)
{
    static const char upper[] = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    static const char other[] = "0000000000000000000000000000000000000000000000000000000000000000";
    (void)state;
    put("abc", 0644);
    taken(NULL);
    taken(abc);
    taken(upper);
    refused(other, "has the SHA-256 ba7816bf");
    put("abc", 0664);
    refused(NULL, "mode 0664): chmod go-w it");
    taken(abc);
    refused(other, "has the SHA-256");
    put("abc", 0606);
    refused(NULL, "mode 0606)");
    if (geteuid() == 0) {
        put("abc", 0644);
        assert_int_equal(chown(path, 4711, 4711), 0);
        refused(NULL, "belongs to user 4711: chown it to root, or give its sha256");
        taken(abc);
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(seteuid(4711), 0);
        taken(NULL); /* its own, */
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(seteuid(4712), 0);
        refused(NULL, "belongs to user 4711: chown it to root or to user 4712");
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(seteuid(4712), 0);
        taken(NULL); /* and root's */
        assert_int_equal(seteuid(0), 0);
    }
}

/* Who may write to the folder can take the file away, and put there what root or this user owns,
 * but not bytes of their own. */
static void the_folder_vouches_for_nothing(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be two users */
    static const mode_t modes[] = {0777, 01777};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put("abc", 0644);
        assert_int_equal(chmod(folder, modes[i]), 0);
        taken(NULL);
        (void)unlink(path);
        assert_int_equal(seteuid(4711), 0);
        put("abc", 0644);
        assert_int_equal(seteuid(0), 0);
        refused(NULL, "belongs to user 4711");
        taken(abc);
        (void)unlink(path);
    }
    assert_int_equal(chmod(folder, 0700), 0);
}

/* From here on this process gets no memory to copy a file to. */
static int refuse_copies(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* Without a copy, what is loaded is the file that was looked at, whatever has taken its place.
 * In a process of its own; what went wrong, or NULL. */
static const char *load_without_a_copy(void)
{
    struct hr_plugin_file f;
    struct hr_why why = {{0}};
    char read_back[4] = "";
    if (refuse_copies())
        return "the kernel takes no filter";
    put("abc", 0644);
    if (hr_plugin_file_open(path, NULL, &f, &why) || f.sealed)
        return "it was not opened, or copied nevertheless";
    (void)unlink(path);
    put("xyz", 0644);
    int fd = open(f.load_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, read_back, 3) != 3)
        return "it cannot be loaded";
    (void)close(fd);
    hr_plugin_file_close(&f);
    return strcmp(read_back, "abc") == 0 ? NULL : "another file was taken";
}

static void the_file_that_was_looked_at_is_loaded(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        const char *wrong = load_without_a_copy();
        if (wrong)
            (void)fprintf(stderr, "%s\n", wrong);
        _exit(wrong ? 1 : 0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void what_is_no_file(void **state)
{
    struct hr_plugin_file f;
    struct hr_why why = {{0}};
    (void)state;
    put("", 0644);
    refused(NULL, "is empty");
    assert_int_equal(truncate(path, (off_t)HR_PLUGIN_FILE_MAX + 1), 0);
    refused(NULL, "is larger than 256 MiB");
    (void)unlink(path);
    refused(NULL, "does not exist");
    assert_int_equal(symlink("/dev/null", path), 0);
    refused(NULL, "is a symbolic link");
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(NULL, "is not a regular file");
    assert_int_equal(hr_plugin_file_open("/dev/null/x.so", NULL, &f, &why), -EINVAL);
    assert_non_null(strstr(why.text, "does not exist"));
    assert_int_equal(hr_plugin_file_open("file", NULL, &f, &why), -EINVAL);
    assert_non_null(strstr(why.text, "not absolute"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_kept),
        cmocka_unit_test(the_hash_or_the_mode_vouches),
        cmocka_unit_test(the_folder_vouches_for_nothing),
        cmocka_unit_test(the_file_that_was_looked_at_is_loaded),
        cmocka_unit_test(what_is_no_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
