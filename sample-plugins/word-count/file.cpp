/* SPDX-License-Identifier: MIT */
#include "file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <handrail/handrail.hpp>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace word_count
{
namespace
{

[[noreturn]] void fail(const std::string &path, int error)
{
    handrail_status status = error == EACCES || error == EPERM ? HANDRAIL_E_DENIED
                             : error == EMFILE || error == ENFILE || error == ENOMEM
                                 ? HANDRAIL_E_UNAVAILABLE
                                 : HANDRAIL_E_INVALID;
    throw handrail::Error(status, path + " cannot be read: " + std::strerror(error));
}

[[noreturn]] void refuse(const std::string &path, const char *why)
{
    throw handrail::Error(HANDRAIL_E_INVALID, path + " " + why);
}

/* The names on the way from root to path. */
std::vector<std::string> components(const std::string &root, const std::string &path)
{
    std::vector<std::string> names;
    std::size_t at = 0;

    if (path.find('\0') != std::string::npos)
        refuse("path", "must not contain a NUL");
    if (!path.empty() && path[0] == '/') {
        at = root == "/" ? 0 : root.size();
        if (path.compare(0, at, root, 0, at) != 0 || (at < path.size() && path[at] != '/'))
            refuse(path, ("lies outside " + root + ": give a path below it").c_str());
    }
    while (at < path.size()) {
        std::size_t slash = std::min(path.find('/', at), path.size());
        std::string name = path.substr(at, slash - at);
        if (name == "..")
            refuse(path, "contains \"..\": give the path without it");
        if (!name.empty() && name != ".")
            names.push_back(name);
        at = slash + 1;
    }
    if (names.empty())
        refuse(path.empty() ? "the empty path" : path, "names no file");
    return names;
}

} // namespace

Fd &Fd::operator=(Fd &&from) noexcept
{
    std::swap(fd_, from.fd_);
    return *this;
}

Fd::~Fd()
{
    if (fd_ >= 0)
        (void)close(fd_);
}

Fd open_below(const std::string &root, const std::string &path)
{
    std::vector<std::string> names = components(root, path);
    const std::string last = names.back();
    struct stat st;

    names.pop_back();
    Fd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0)
        fail(root, errno);
    /* Step by step: each name is looked up in a folder that is held open, and links are refused. */
    for (const std::string &name : names) {
        Fd next(openat(folder.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (next.get() < 0 && errno == ENOTDIR)
            refuse(path,
                   "leads through what is no folder, or a symbolic link, which is not followed");
        if (next.get() < 0)
            fail(path, errno);
        folder = std::move(next);
    }
    Fd file(openat(folder.get(), last.c_str(),
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (file.get() < 0 && errno == ELOOP)
        refuse(path, "is a symbolic link, which is not followed");
    if (file.get() < 0 || fstat(file.get(), &st) < 0)
        fail(path, errno);
    if (!S_ISREG(st.st_mode))
        refuse(path, "is no regular file");
    return file;
}

std::size_t read_some(const Fd &fd, char *data, std::size_t len)
{
    ssize_t n = -1;

    do
        n = read(fd.get(), data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        fail("the file", errno);
    return static_cast<std::size_t>(n);
}

} // namespace word_count
