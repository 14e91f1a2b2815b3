/* SPDX-License-Identifier: MIT
 * JSON in: the configuration and the arguments of a call, each with its schema. */
#ifndef WORD_COUNT_ARGUMENTS_HPP
#define WORD_COUNT_ARGUMENTS_HPP

#include <cstdint>
#include <handrail/handrail.hpp>
#include <string>

namespace word_count
{

struct Settings {
    std::string root = "/workspace"; /* absolute, without a slash at its end */
    std::int64_t max_bytes = 64 << 20;
};

struct Arguments {
    bool from_file = false;
    std::string text, path; /* one of them */
    std::int64_t top = 10;
};

extern const char settings_schema[];
extern const char arguments_schema[];

/* They throw handrail::Error with HANDRAIL_E_INVALID. */
Settings parse_settings(handrail::View json);
Arguments parse_arguments(handrail::View json);

} // namespace word_count

#endif
