/* SPDX-License-Identifier: MIT
 * jansson's values, released by themselves. */
#ifndef WORD_COUNT_JSON_HPP
#define WORD_COUNT_JSON_HPP

#include <jansson.h>
#include <memory>

namespace word_count
{

struct ReleaseJson {
    void operator()(json_t *v) const { json_decref(v); }
};
using Json = std::unique_ptr<json_t, ReleaseJson>;

} // namespace word_count

#endif
