/* SPDX-License-Identifier: MIT
 * The answer: sentences for the model, and the same as JSON. */
#ifndef WORD_COUNT_ANSWER_HPP
#define WORD_COUNT_ANSWER_HPP

#include "count.hpp"

#include <handrail/handrail.hpp>
#include <string>

namespace word_count
{

/* Why counting stopped; "" if all was counted. */
handrail_status answer(const handrail::Call &call, const Counter &counted, std::size_t top,
                       const std::string &stopped);

} // namespace word_count

#endif
