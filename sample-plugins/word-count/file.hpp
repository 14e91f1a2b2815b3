/* SPDX-License-Identifier: MIT
 * Files below a folder nobody gets out of. */
#ifndef WORD_COUNT_FILE_HPP
#define WORD_COUNT_FILE_HPP

#include <cstddef>
#include <string>

namespace word_count
{

/* A descriptor that closes itself. */
class Fd
{
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd &&from) noexcept : fd_(from.fd_) { from.fd_ = -1; }
    Fd &operator=(Fd &&from) noexcept;
    ~Fd();
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

/* Open the regular file at path, which is relative to root, or absolute and starts with it.  There
 * is no way out: no "..", and no symbolic link is followed, also not one that is swapped in
 * meanwhile. Throws handrail::Error. */
Fd open_below(const std::string &root, const std::string &path);

/* Read up to len bytes; 0 at the end.  Throws handrail::Error. */
std::size_t read_some(const Fd &fd, char *data, std::size_t len);

} // namespace word_count

#endif
