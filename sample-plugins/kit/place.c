/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char default_root[] = "/workspace";

handrail_status kit_place_setting(const struct kit_fields *f, char **ret)
{
    const char *root = default_root;

    if (!kit_fields_string(f, "root", KIT_PATH_MAX - 1, &root))
        return HANDRAIL_E_INVALID;
    if (root[0] != '/' || kit_root_has_dotdot(root))
        return kit_fail(&f->call, HANDRAIL_E_INVALID,
                        "configuration key root must be an absolute path without \"..\", got "
                        "\"%.200s\"",
                        root);
    size_t len = strlen(root);
    while (len > 1 && root[len - 1] == '/')
        len--;
    char *copy = strndup(root, len);
    if (!copy)
        return HANDRAIL_E_NOMEM;
    *ret = copy;
    return HANDRAIL_OK;
}

bool kit_place_argument(const struct kit_fields *f, const char *key, const char *root,
                        char ret[KIT_PATH_MAX])
{
    const char *path = NULL;

    if (!kit_fields_string(f, key, KIT_PATH_MAX - 1, &path))
        return false;
    if (!path)
        return true;
    int rc = kit_root_relative(root, path, ret);
    if (rc == -EXDEV)
        kit_fail(&f->call, HANDRAIL_E_INVALID,
                 "%s \"%.200s\" leads out of the workspace %.200s: give a path relative to it, "
                 "without \"..\", such as src/lib",
                 key, path, root);
    else if (rc < 0)
        kit_fail(&f->call, HANDRAIL_E_INVALID, "%s is too long: at most %d bytes", key,
                 KIT_PATH_MAX - 1);
    return rc == 0;
}

handrail_status kit_place_open(const struct kit_call *c, const char *root, int *ret_fd)
{
    int rc = kit_root_open(root, ret_fd);

    if (rc == 0)
        return HANDRAIL_OK;
    return kit_fail(c, HANDRAIL_E_FAILED,
                    "the workspace %.300s cannot be opened: %s: mount it, or set root in the "
                    "configuration of this plugin",
                    root, strerror(-rc));
}

int kit_place_problem(const char *root, char *sentence, size_t size)
{
    int fd = -1;
    int rc = kit_root_open(root, &fd);

    if (rc < 0)
        (void)snprintf(sentence, size, "the workspace %.300s cannot be opened: %s", root,
                       strerror(-rc));
    else
        close(fd);
    return rc < 0;
}

const char *kit_place_why(int error)
{
    if (error == ELOOP)
        return "it is a symbolic link or leads through one, and links are not followed";
    if (error == ENOENT || error == ENOTDIR)
        return "there is no such file: check the path";
    return error == EISNAM ? "it is no regular file" : strerror(error);
}
